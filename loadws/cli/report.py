"""``loadws report``: make every derived file of a run's folder again; for a killed run its summary too."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path

import msgspec

from loadws.cli.progress import show_progress
from loadws.gate.verdict import judged
from loadws.metrics.summarising.summariser import Summariser
from loadws.metrics.summary import Summary
from loadws.report.drawing.draw import Artist
from loadws.report.drawing.drawing import Drawing
from loadws.report.drawing.exports import export
from loadws.report.folder import REPORT, SUMMARY, derive, find_run, read_frames, read_run, seconds_in, store, write_page
from loadws.report.formats.formats import FORMATS, Chosen
from loadws.report.runreport import RunReport
from loadws.terms.errors import OutputError


class Wanted(msgspec.Struct, frozen=True):
    """The files to make beside the report. ``folders`` are those of charts as files, by ``svg``, ``png``, ``csv``."""

    open_: bool = False
    beside: bool = False
    slim: bool = False
    folders: dict[str, Path] = msgspec.field(default_factory=dict)
    formats: Chosen | None = None  # None: the default ones, and those whose files are there


def report_command(run: Path, wanted: Wanted) -> None:
    """Make the files of a run's report.

    A chart that cannot be drawn is reported, and the report is made without it.

    Raises:
        OutputError: The folder is not that of a run, or a file cannot be made.
    """
    folder = find_run(run)
    rebuilt = not (folder / SUMMARY).exists()
    report = None if rebuilt else read_run(folder)
    summary = rebuild(folder) if report is None else report.summary
    formats = (wanted.formats or Chosen().including(_there(folder))).including(("html",) if wanted.open_ else ())
    problems = store(folder, summary, formats) if report is None else derive(folder, report, formats)
    if problems:
        raise OutputError("\n".join(problems))
    drawing = (
        _draw(folder, summary, wanted, "html" in formats, report) if "html" in formats or wanted.folders else Drawing()
    )
    for name in (SUMMARY, *formats.files()) if rebuilt else formats.files():
        print(folder / name)
    for path in export(drawing, wanted.folders):
        print(path)
    if wanted.open_:
        webbrowser.open((folder / REPORT).resolve().as_uri())


def _there(folder: Path) -> list[str]:
    """Return the formats of which the folder has a file."""
    return [name for name, each in FORMATS.items() if (folder / each.file).exists()]


def _draw(folder: Path, summary: Summary, wanted: Wanted, has_page: bool, report: RunReport | None) -> Drawing:
    """Draw the charts, and write the page with them if there is to be one; tell what could not be done."""
    if sys.stderr.isatty():
        print("drawing the report ...", file=sys.stderr, flush=True)
    drawing = Artist().draw(summary, folder, report.course if report else None)
    problems = write_page(folder, summary, drawing, wanted.beside, wanted.slim, report) if has_page else []
    for problem in (drawing.problem, *problems):
        if problem:
            print(problem, file=sys.stderr)
    return drawing


def rebuild(folder: Path) -> Summary:
    """Return the summary of a run that did not write its own, from its kept frames, judged by the rules that it began
    with.
    """
    info, frames, ending = read_frames(folder)
    summariser = Summariser(info)
    for frame in show_progress(frames, "reading the run", seconds_in(folder)):
        summariser.add(frame)
    return judged(summariser.summary(ending), info, ending)
