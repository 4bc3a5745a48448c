"""``loadws report``: every derived file of a run's folder again; of a run that was killed, its summary too."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path

from loadws.gate.verdict import judged
from loadws.metrics.summarising.summariser import Summariser
from loadws.metrics.summary import Summary
from loadws.report.drawing.draw import Artist
from loadws.report.folder import REPORT, SUMMARY, derive, draw, find_run, read_frames, read_run, store
from loadws.terms.errors import OutputError

DERIVED = (REPORT, "junit.xml", "summary.md")


def report_command(run: Path, open_: bool) -> None:
    """Make the files. Raises ``OutputError`` where the folder is none of a run, or a file cannot be made.

    Charts that cannot be drawn are told, and missed in the report, which is made all the same.
    """
    folder = find_run(run)
    rebuilt = not (folder / SUMMARY).exists()
    report = None if rebuilt else read_run(folder)
    summary = rebuild(folder) if report is None else report.summary
    problems = store(folder, summary) if report is None else derive(folder, report)
    if problems:
        raise OutputError("\n".join(problems))
    for problem in draw(folder, summary, Artist()):
        print(problem, file=sys.stderr)
    for name in (SUMMARY, *DERIVED) if rebuilt else DERIVED:
        print(folder / name)
    if open_:
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
