"""Write the files of several runs at the places that the command line names. Each has all runs, and the comparison.

A run of a series writes nothing there itself. A series that ends in an error, or is killed, leaves the places empty, so
that no file of a run that passed stands for a command that did not.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import msgspec

from loadws.cli.places import Places
from loadws.metrics.summary import Summary, to_json
from loadws.report.folder import REPORT, SUMMARY, read_run
from loadws.report.formats.formats import FORMATS
from loadws.report.pipelines.result import Result
from loadws.report.runreport import RunReport
from loadws.report.series import Series, summary_of, told_as_one
from loadws.terms.errors import OutputError
from loadws.terms.files.whole import write_whole

#: The text of all runs, in the folder of the run whose figures are shown.
ALL_RUNS = "all-runs.md"


def write_series(series: Series, places: Places) -> Result:
    """Write the files, and return the result for a CI service. What cannot be written is reported on stderr."""
    told = told_as_one(series)
    folder = series.run_shown.result.folder
    assert folder is not None
    try:
        write_whole(folder / ALL_RUNS, told.markdown.encode())
        told = msgspec.structs.replace(told, summary=folder / ALL_RUNS)
    except OSError as error:
        print(f"{folder / ALL_RUNS} could not be written: {error.strerror or error}.", file=sys.stderr)
    if places:
        for problem in places.make(partial(_content, series, _report(series, folder), folder)):
            print(problem, file=sys.stderr)
    copied = None if places.folder is None else places.folder / REPORT
    if copied is not None and copied.is_file():
        told = msgspec.structs.replace(told, report=copied)
    return told


def _report(series: Series, folder: Path) -> RunReport:
    summary = summary_of(series)
    try:
        kept = read_run(folder)
    except OutputError:  # a full disk: the figures are here all the same
        kept = RunReport(summary)
    return msgspec.structs.replace(kept, summary=summary, series=series)


def _content(series: Series, report: RunReport, folder: Path, name: str) -> bytes:
    """Return the content of a file by its name. Raises ``OSError``."""
    if name == SUMMARY:
        return to_json(report.summary)
    if name == REPORT:
        return _page(series, report, folder)
    return next(each for each in FORMATS.values() if each.file == name).make(report)


def _page(series: Series, report: RunReport, folder: Path) -> bytes:
    """Return the report of the run that decided; if none did, that of the newest, drawn again with the verdict of all."""
    if series.decided.summary is not None and (folder / REPORT).is_file():
        return (folder / REPORT).read_bytes()
    from loadws.report.drawing.draw import Artist
    from loadws.report.html import page

    summary: Summary = report.summary
    drawing = Artist().draw(summary, folder if (folder / SUMMARY).is_file() else None, report.course)
    return page.render(report, drawing)
