"""``loadws report``: every derived file of a run's folder again; of a run that was killed, its summary too."""

from __future__ import annotations

import webbrowser
from pathlib import Path

from loadws.gate.verdict import judged
from loadws.metrics.summarise import Summariser
from loadws.metrics.summary import Summary
from loadws.report.folder import SUMMARY, derive, find_run, read_frames, read_run, store
from loadws.terms.errors import OutputError

DERIVED = ("report.html", "junit.xml", "summary.md")


def report_command(run: Path, open_: bool) -> None:
    """Raises ``OutputError`` where the folder is none of a run, or a file cannot be made."""
    folder = find_run(run)
    rebuilt = not (folder / SUMMARY).exists()
    problems = store(folder, rebuild(folder)) if rebuilt else derive(folder, read_run(folder))
    if problems:
        raise OutputError("\n".join(problems))
    for name in (SUMMARY, *DERIVED) if rebuilt else DERIVED:
        print(folder / name)
    if open_:
        webbrowser.open((folder / "report.html").resolve().as_uri())


def rebuild(folder: Path) -> Summary:
    """The summary of a run that did not write its own, of what it had kept; judged by the rules that it began with."""
    info, frames, ending = read_frames(folder)
    summariser = Summariser(info)
    for frame in frames:
        summariser.add(frame)
    return judged(summariser.summary(ending), info, ending)
