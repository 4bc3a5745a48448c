"""``loadws report``: every derived file of a run's folder again; of a run that was killed, its summary too."""

from __future__ import annotations

import sys
import webbrowser
from dataclasses import dataclass, field
from pathlib import Path

from loadws.gate.verdict import judged
from loadws.metrics.summarising.summariser import Summariser
from loadws.metrics.summary import Summary
from loadws.report.drawing.draw import Artist
from loadws.report.drawing.exports import export
from loadws.report.folder import REPORT, SUMMARY, derive, find_run, read_frames, read_run, store, write_page
from loadws.terms.errors import OutputError

DERIVED = (REPORT, "junit.xml", "summary.md")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is made beside the report itself. ``folders`` are those of charts as files, by ``svg``, ``png``, ``csv``."""

    open_: bool = False
    beside: bool = False
    slim: bool = False
    folders: dict[str, Path] = field(default_factory=dict)


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
    problems = store(folder, summary) if report is None else derive(folder, report)
    if problems:
        raise OutputError("\n".join(problems))
    drawing = Artist().draw(summary, folder)
    for problem in (drawing.problem, *write_page(folder, summary, drawing, wanted.beside, wanted.slim)):
        if problem:
            print(problem, file=sys.stderr)
    for name in (SUMMARY, *DERIVED) if rebuilt else DERIVED:
        print(folder / name)
    for path in export(drawing, wanted.folders):
        print(path)
    if wanted.open_:
        webbrowser.open((folder / REPORT).resolve().as_uri())


def rebuild(folder: Path) -> Summary:
    """Return the summary of a run that did not write its own, of what it had kept; judged by the rules that it began
    with.
    """
    info, frames, ending = read_frames(folder)
    summariser = Summariser(info)
    for frame in frames:
        summariser.add(frame)
    return judged(summariser.summary(ending), info, ending)
