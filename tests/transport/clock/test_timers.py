"""Deadlines: order, cancelling, a bounded heap, and both ways to wake."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from loadws.transport.base import Timers
from loadws.transport.clock.timers import SMALLEST_TO_COMPACT, DeadlineHeap, HeapTimers, TimerFd, TrioClock, open_timers
from tests.kit.plain import MS


def virtually(main: Callable[[], Awaitable[None]]) -> None:
    trio.run(main, clock=MockClock(autojump_threshold=0))


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(0, 50), st.booleans())))
def test_the_heap_calls_live_deadlines_in_order(deadlines: list[tuple[int, bool]]) -> None:
    heap = DeadlineHeap()
    called: list[tuple[int, int]] = []
    for number, (deadline_ns, cancelled) in enumerate(deadlines):
        entry = heap.push(deadline_ns, partial(called.append, (deadline_ns, number)))
        if cancelled:
            entry.cancel()
            entry.cancel()
    heap.fire_due(25)
    live = sorted((at, number) for number, (at, cancelled) in enumerate(deadlines) if not cancelled)
    assert called == [entry for entry in live if entry[0] <= 25]
    assert heap.earliest_ns() == next((at for at, _ in live if at > 25), None)


def test_a_mostly_cancelled_heap_is_compacted() -> None:
    heap = DeadlineHeap()
    keep = [heap.push(10**9 + number, lambda: None) for number in range(10)]
    for number in range(100_000):
        heap.push(number, lambda: None).cancel()
        assert len(heap) <= max(SMALLEST_TO_COMPACT, 2 * len(keep)) + 1


def test_what_a_callback_sets_waits_for_the_next_batch() -> None:
    heap = DeadlineHeap()
    called: list[str] = []

    def again() -> None:
        called.append("again")
        heap.push(0, again)

    heap.push(0, again)
    heap.fire_due(5)
    assert called == ["again"]
    heap.fire_due(5)
    assert called == ["again", "again"]


def test_a_callback_may_cancel_a_later_one_of_its_batch() -> None:
    heap = DeadlineHeap()
    called: list[str] = []
    second = heap.push(2, lambda: called.append("second"))
    heap.push(1, second.cancel)
    heap.fire_due(5)
    assert called == []
    assert heap.earliest_ns() is None


def test_virtual_time_reaches_every_deadline_exactly() -> None:
    called: list[tuple[str, int]] = []

    async def main() -> None:
        async with open_timers() as timers:
            for name, at_ns in (("late", 3_600_000_000_001), ("soon", 7), ("middle", 1_234_567_891)):
                timers.call_at(at_ns, lambda name=name: called.append((name, timers.now_ns())))  # type: ignore[misc]
            await trio.sleep(4_000)

    virtually(main)
    assert called == [("soon", 7), ("middle", 1_234_567_891), ("late", 3_600_000_000_001)]


def test_an_earlier_deadline_moves_the_wake_forward() -> None:
    called: list[str] = []

    async def main() -> None:
        async with open_timers() as timers:
            timers.call_at(5_000 * MS, lambda: called.append("first set"))
            await trio.sleep(1)
            timers.call_at(2_000 * MS, lambda: called.append("set later"))
            await trio.sleep(2)
            assert called == ["set later"]
            await trio.sleep(3)

    virtually(main)
    assert called == ["set later", "first set"]


def test_only_an_earlier_deadline_arms_again() -> None:
    class Source(TrioClock):
        armed: list[int | None] = []

        def arm(self, deadline_ns: int | None) -> None:
            self.armed.append(deadline_ns)
            super().arm(deadline_ns)

    async def main() -> None:
        timers = HeapTimers(Source())
        timers.call_at(100, lambda: None)
        timers.call_at(300, lambda: None)
        timers.call_at(50, lambda: None)

    virtually(main)
    assert Source.armed == [100, 50]


@pytest.mark.parametrize("run", [virtually, trio.run])
def test_a_callback_that_raises_is_a_defect_and_leaves_as_it_is(run: Callable[..., None]) -> None:
    def broken() -> None:
        raise AttributeError("broken")

    async def main() -> None:
        async with open_timers() as timers:
            timers.call_at(1, broken)
            await trio.sleep_forever()

    with pytest.raises(AttributeError, match=r"^broken$"):
        run(main)


def test_the_bodys_own_error_leaves_as_it_is() -> None:
    async def main() -> None:
        async with open_timers():
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        virtually(main)


@pytest.mark.parametrize(
    "source",
    [
        TrioClock,
        pytest.param(
            TimerFd, marks=pytest.mark.skipif(not sys.platform.startswith("linux"), reason="timerfd is Linux's")
        ),
    ],
)
def test_on_real_time_no_source_wakes_too_early(source: type[TrioClock] | type[TimerFd]) -> None:
    early: list[int] = []

    async def main() -> None:
        wake = source()
        timers = HeapTimers(wake)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(timers.serve)
            await _five_deadlines(timers, early)
            nursery.cancel_scope.cancel()
        wake.close()

    trio.run(main)
    assert len(early) == 5
    assert all(late_ns >= 0 for late_ns in early)


async def _five_deadlines(timers: Timers, early: list[int]) -> None:
    start_ns = timers.now_ns()
    done = trio.Event()
    for at_ns in (start_ns - MS, start_ns, start_ns + 100_000, start_ns + 2 * MS, start_ns + 3 * MS):
        timers.call_at(at_ns, lambda at_ns=at_ns: early.append(timers.now_ns() - at_ns))  # type: ignore[misc]
    timers.call_at(start_ns + 3 * MS, done.set)
    with trio.fail_after(10):
        await done.wait()
