"""Outputs in threads: what blocks for ever, raises or is slow costs the load nothing, and is said at the end."""

from __future__ import annotations

import threading
from collections.abc import Generator

import pytest

from loadws.metrics.frame import Frame
from loadws.metrics.output import Output
from loadws.metrics.queued import QueuedOutput
from loadws.metrics.runinfo import EarlyEnd, RunInfo
from loadws.metrics.summary import Summary
from tests.metrics.driven import driven
from tests.metrics.made_up import frame, info
from tests.report import example

#: How long a test waits for a thread that has nothing to wait for.
LONG_S = 30.0


class Kept:
    """An output that keeps what it was told, and where."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.threads: set[int | None] = set()

    def begin(self, info: RunInfo) -> None:
        self._note(info.scenario)

    def adding(self, frame: Frame) -> Generator[None, None, EarlyEnd | None]:
        self._note(frame.index)
        yield
        return EarlyEnd(gave_up="An output in a thread has no say in this.")

    def finish(self, summary: Summary) -> list[str]:
        self._note(summary.run.scenario)
        return ["The collector refused 1 line."]

    def _note(self, what: object) -> None:
        self.told.append(what)
        self.threads.add(threading.current_thread().ident)


class Blocked(Kept):
    """Blocks for ever at one call. ``came``: it has come there."""

    def __init__(self, at: object) -> None:
        super().__init__()
        self._at = at
        self.came = threading.Event()

    def _note(self, what: object) -> None:
        super()._note(what)
        if what == self._at:
            self.came.set()
            threading.Event().wait()


class Failing(Kept):
    """Raises at one call."""

    def __init__(self, at: object) -> None:
        super().__init__()
        self._at = at

    def _note(self, what: object) -> None:
        super()._note(what)
        if what == self._at:
            raise ConnectionRefusedError("no collector listens at :4317")


def run(output: Output, came: threading.Event | None = None, patience_s: float = LONG_S, most: int = 20) -> list[str]:
    """Run ten frames through the output in a thread; ``came``: wait for it after each, as a second would."""
    queued = QueuedOutput("The exporter", output, most, patience_s)
    queued.begin(info())
    for index in range(10):
        early_end, _ = driven(queued.adding(frame(index)))
        assert early_end is None
        if came is not None:
            assert came.wait(LONG_S)
    return queued.finish(example.summary())


def test_an_output_gets_everything_in_order_in_a_thread_of_its_own() -> None:
    output = Kept()
    assert run(output) == ["The collector refused 1 line."]
    assert output.told == ["made up", *range(10), example.summary().run.scenario]
    assert output.threads.isdisjoint({threading.main_thread().ident})
    assert len(output.threads) == 1


@pytest.mark.parametrize(
    ("at", "said"),
    [
        # at the begin, before any frame
        ("made up", "failed and missed 10 of 10 frames"),
        # at the fifth frame: that one and those after it are missed
        (4, "failed and missed 6 of 10 frames"),
        # at the end
        (example.summary().run.scenario, "failed and missed 0 of 10 frames"),
    ],
)
def test_an_output_that_raises_is_named(at: object, said: str) -> None:
    assert run(Failing(at)) == [
        f"The exporter {said}: ConnectionRefusedError: no collector listens at :4317. "
        "The results of the run are complete without it."
    ]


@pytest.mark.parametrize(
    ("at", "missed"),
    [
        # at the begin
        ("made up", 10),
        # at the first frame
        (0, 10),
    ],
)
def test_an_output_that_blocks_for_ever_is_given_up_and_named(at: object, missed: int) -> None:
    output = Blocked(at)
    assert run(output, output.came, patience_s=0, most=3) == [
        f"The exporter had not finished 0 s after the load, was given up, and missed {missed} of 10 frames."
    ]


def test_an_output_that_blocks_at_the_end_is_given_up_and_named() -> None:
    """It has taken all frames by then: a patience of zero would not show which."""
    output = Blocked(example.summary().run.scenario)
    [problem] = run(output, patience_s=0.05)
    assert problem.startswith("The exporter had not finished 0.05 s after the load, was given up, and missed ")


def test_what_an_output_is_too_slow_for_is_dropped_and_counted() -> None:
    """It stands at the first frame while the others come; of these, three find room in its queue."""
    output, goes_on, came = Kept(), threading.Event(), threading.Event()

    def note(what: object) -> None:
        Kept._note(output, what)
        if what == 0:
            came.set()
            goes_on.wait(LONG_S)

    output._note = note  # type: ignore[method-assign]
    queued = QueuedOutput("The exporter", output, most=3, patience_s=LONG_S)
    queued.begin(info())
    for index in range(10):
        driven(queued.adding(frame(index)))
        assert came.wait(LONG_S)
    goes_on.set()
    assert queued.finish(example.summary()) == [
        "The collector refused 1 line.",
        "The exporter missed 6 of 10 frames: these came faster than it took them.",
    ]
    assert output.told == ["made up", 0, 1, 2, 3, example.summary().run.scenario]
