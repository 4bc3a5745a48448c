"""A run and its outputs: one that blocks for ever or raises changes nothing of the results, and is named on stderr."""

from __future__ import annotations

import io
import threading
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from loadws.cli.running.outcome import Watcher
from loadws.metrics.frame import Frame
from loadws.metrics.output import Output
from loadws.metrics.queued import QueuedOutput
from loadws.metrics.runinfo import EarlyEnd, Ending, RunInfo
from loadws.metrics.summarising.summariser import Summariser
from loadws.metrics.summary import Summary
from loadws.report.folder import RunFolder, read_run
from tests.metrics.driven import driven
from tests.report import example


class Raises:
    """Fails at every call."""

    def begin(self, info: RunInfo) -> None:
        self.fail()

    def adding(self, frame: Frame) -> Generator[None, None, EarlyEnd | None]:
        self.fail()
        yield
        return None

    def finish(self, summary: Summary) -> list[str]:
        self.fail()
        return []

    def fail(self) -> None:
        raise ConnectionRefusedError("no collector")


class Blocks(Raises):
    """Never returns."""

    def fail(self) -> None:
        threading.Event().wait()


class EndsTheRun(Raises):
    """Has the run end at its first frame."""

    def begin(self, info: RunInfo) -> None:
        pass

    def adding(self, frame: Frame) -> Generator[None, None, EarlyEnd | None]:
        yield
        return EarlyEnd(gave_up="enough")

    def finish(self, summary: Summary) -> list[str]:
        return []


def run(root: Path, *more: Output) -> tuple[Summary, list[EarlyEnd | None]]:
    """Run the frames of the example through a run folder and more outputs."""
    info = example.info()
    folder = RunFolder.create(root, info.scenario, datetime(2026, 11, 23, 8, 15, tzinfo=UTC))
    watcher = Watcher(info, folder, Summariser(info), (*more, folder))
    watcher.begin()
    early = [driven(watcher.take(frame))[0] for frame in example.frames()]
    summary = watcher.conclude(Ending(3.0), Console(file=io.StringIO()))
    assert read_run(folder.path).summary == summary
    return summary, early


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (Blocks(), "The exporter had not finished 0 s after the load, was given up, and missed 3 of 3 frames.\n"),
        (
            Raises(),
            "The exporter failed and missed 3 of 3 frames: ConnectionRefusedError: no collector. The results of the run "
            "are complete without it.\n",
        ),
    ],
)
def test_an_output_in_a_thread_cannot_harm_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], output: Output, said: str
) -> None:
    undisturbed = run(tmp_path / "without")
    capsys.readouterr()
    patience_s = 0.0 if isinstance(output, Blocks) else 30.0
    assert run(tmp_path / "with", QueuedOutput("The exporter", output, patience_s=patience_s)) == undisturbed
    assert capsys.readouterr().err == said


def test_an_early_end_keeps_no_frame_from_the_outputs_behind_it(tmp_path: Path) -> None:
    summary, early = run(tmp_path, EndsTheRun())
    assert early == [EarlyEnd(gave_up="enough")] * len(example.frames())
    assert summary == run(tmp_path)[0]
