"""Work in a thread: what blocks for ever, raises or is slow costs the load nothing, and is said at the end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest

from loadws.metrics.queued import Worker

#: How long a test waits for a thread that has nothing to wait for.
LONG_S = 30.0
BEGIN, END = -1, 99


class Kept:
    """Keeps what it was told, and where; ``at`` is called with each."""

    def __init__(self, at: Callable[[int], None] = lambda what: None) -> None:
        self.told: list[int] = []
        self.threads: set[int | None] = set()
        self._at = at

    def note(self, what: int) -> None:
        self.told.append(what)
        self.threads.add(threading.current_thread().ident)
        self._at(what)


class Blocked(Kept):
    """Blocks for ever at one call. ``came``: it has come there."""

    def __init__(self, at: int) -> None:
        super().__init__(self._block)
        self._blocks_at = at
        self.came = threading.Event()

    def _block(self, what: int) -> None:
        if what == self._blocks_at:
            self.came.set()
            threading.Event().wait()


def run(kept: Kept, came: threading.Event | None = None, patience_s: float = LONG_S, most: int = 20) -> list[str]:
    """Offer ten jobs, between a first and a last that are required; ``came``: wait for it after each, as a second would."""
    worker = Worker("The exporter", "frames", most)
    worker.start()
    worker.require(partial(kept.note, BEGIN))
    for number in range(10):
        worker.offer(partial(kept.note, number))
        if came is not None:
            assert came.wait(LONG_S)
    worker.require(partial(kept.note, END))
    return worker.end(patience_s)


def test_a_worker_does_everything_in_order_in_a_thread_of_its_own() -> None:
    kept = Kept()
    assert run(kept) == []
    assert kept.told == [BEGIN, *range(10), END]
    assert kept.threads.isdisjoint({threading.main_thread().ident})
    assert len(kept.threads) == 1


@pytest.mark.parametrize(
    ("at", "said"),
    [
        # at the begin, before any frame
        (BEGIN, "failed and missed 10 of 10 frames"),
        # at the fifth frame: that one and those after it are missed
        (4, "failed and missed 6 of 10 frames"),
        # at the end
        (END, "failed and missed 0 of 10 frames"),
    ],
)
def test_a_worker_that_raises_is_named(at: int, said: str) -> None:
    def fail(what: int) -> None:
        if what == at:
            raise ConnectionRefusedError("no collector listens at :4317")

    assert run(Kept(fail)) == [
        f"The exporter {said}: ConnectionRefusedError: no collector listens at :4317. "
        "The results of the run are complete without it."
    ]


@pytest.mark.parametrize("at", [BEGIN, 0])
def test_a_worker_that_blocks_for_ever_is_given_up_and_named(at: int) -> None:
    kept = Blocked(at)
    assert run(kept, kept.came, patience_s=0, most=3) == [
        "The exporter had not finished 0 s after the load, was given up, and missed 10 of 10 frames."
    ]


def test_a_worker_that_blocks_at_the_end_is_given_up_and_named() -> None:
    """It has taken all frames by then: a patience of zero would not show which."""
    [problem] = run(Blocked(END), patience_s=0.05)
    assert problem.startswith("The exporter had not finished 0.05 s after the load, was given up, and missed ")


def test_what_a_worker_is_too_slow_for_is_dropped_and_counted() -> None:
    """It stands at the first frame while the others come; of these, three find room in its queue."""
    goes_on, came = threading.Event(), threading.Event()

    def stand(what: int) -> None:
        if what == 0:
            came.set()
            goes_on.wait(LONG_S)

    kept = Kept(stand)
    worker = Worker("The exporter", "frames", 3)
    worker.start()
    for number in range(10):
        worker.offer(partial(kept.note, number))
        assert came.wait(LONG_S)
    goes_on.set()
    assert worker.end(LONG_S) == ["The exporter missed 6 of 10 frames: these came faster than it took them."]
    assert kept.told == [0, 1, 2, 3]
