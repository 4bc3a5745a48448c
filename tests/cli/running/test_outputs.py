"""A run and its outputs: a process of theirs that hangs or dies changes nothing of the results, and is named in them."""

from __future__ import annotations

import io
import sys
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from loadws.cli.running.outcome import Watcher
from loadws.metrics.frame import Frame
from loadws.metrics.output import Output
from loadws.metrics.runinfo import EarlyEnd, Ending, RunInfo
from loadws.metrics.summarising.summariser import Summariser
from loadws.metrics.summary import Summary
from loadws.outputs.destinations import Destination
from loadws.outputs.live_outputs import LiveOutputs
from loadws.report.folder import RunFolder, read_run
from tests.metrics.driven import driven
from tests.report import example


class EndsTheRun:
    """Has the run end at its first frame."""

    def begin(self, info: RunInfo) -> None:
        pass

    def adding(self, frame: Frame) -> Generator[None, None, EarlyEnd | None]:
        yield
        return EarlyEnd(gave_up="enough")

    def finish(self, summary: Summary) -> list[str]:
        return []


def run(root: Path, *more: Output, over: bool = False) -> tuple[Summary, list[EarlyEnd | None]]:
    """Run the frames of the example through a run folder and more outputs; ``over``: they come after the load's end."""
    info = example.info()
    folder = RunFolder.create(root, info.scenario, datetime(2026, 11, 23, 8, 15, tzinfo=UTC))
    elsewhere = next((output for output in more if isinstance(output, LiveOutputs)), None)
    watcher = Watcher(info, folder, Summariser(info), (*more, folder), elsewhere)
    watcher.begin()
    early = [driven(watcher.take(replace(frame, over=over or frame.over)))[0] for frame in example.frames()]
    summary = watcher.conclude(Ending(3.0), Console(file=io.StringIO()))
    assert read_run(folder.path).summary == summary
    return summary, early


@pytest.mark.slow
@pytest.mark.parametrize(
    ("then", "patience_s", "said"),
    [
        # it never answers
        ("time.sleep(600)", 0.1, "did not answer in time and was given up."),
        # it dies
        ("sys.exit('no memory')", 30.0, "ended too early, after it said: no memory."),
    ],
)
def test_a_process_of_live_outputs_cannot_harm_a_run(then: str, patience_s: float, said: str, tmp_path: Path) -> None:
    """The results are as without it, with a note, also where they are made again from the folder."""
    (undisturbed, early) = run(tmp_path / "without")
    command = (sys.executable, "-c", f'import os, sys, time; os.write(2, b\'{{"type":"Ready"}}\\n\'); {then}')
    live = LiveOutputs((Destination("csv", "-"),), command=command, patience_s=patience_s)
    with live.opened():
        summary, early_too = run(tmp_path / "with", live)
    note = f"The process of the live outputs {said} The results of the run are complete without it."
    assert summary == replace(undisturbed, run=replace(undisturbed.run, notes=(*undisturbed.run.notes, note)))
    assert early_too == early


def test_an_early_end_keeps_no_frame_from_the_outputs_behind_it(tmp_path: Path) -> None:
    summary, early = run(tmp_path, EndsTheRun())
    assert early == [EarlyEnd(gave_up="enough")] * len(example.frames())
    assert summary == run(tmp_path)[0]


def test_a_load_that_is_over_is_not_ended_early(tmp_path: Path) -> None:
    """A rule may break when the turns that never began are counted, after the end: it fails, and has ended nothing."""
    _, early = run(tmp_path, EndsTheRun(), over=True)
    assert early == [None] * len(example.frames())
