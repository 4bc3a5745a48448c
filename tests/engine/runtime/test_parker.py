"""``Parker``: a wait ends by a wake or at its deadline, never early, never twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from loadws.engine.runtime.parker import Parker
from loadws.transport.base import Timers
from loadws.transport.clock.timers import open_timers
from tests.kit.plain import MS


def in_virtual_time(test: Callable[[Timers, Parker], Awaitable[None]]) -> None:
    async def main() -> None:
        async with open_timers() as timers:
            await test(timers, Parker(timers))

    trio.run(main, clock=MockClock(autojump_threshold=0))


async def wake_after(parker: Parker, span_ns: int) -> None:
    await trio.sleep(span_ns / 1e9)
    parker.wake()


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50)), max_size=20))
def test_each_wait_ends_at_the_earlier_of_its_wake_and_its_deadline(waits: list[tuple[int, int]]) -> None:
    """Deadlines come in any order: a timer left from an earlier wait must neither end nor outlast a later one."""

    async def test(timers: Timers, parker: Parker) -> None:
        for wake_ms, deadline_ms in waits:
            began_ns = timers.now_ns()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(wake_after, parker, wake_ms * MS)
                was_woken = await parker.wait(began_ns + deadline_ms * MS)
                took_ns = timers.now_ns() - began_ns
                nursery.cancel_scope.cancel()
            assert abs(took_ns - min(wake_ms, deadline_ms) * MS) < MS / 100
            if wake_ms != deadline_ms:
                assert was_woken == (wake_ms < deadline_ms)

    in_virtual_time(test)


def test_without_a_deadline_it_waits_for_the_wake_alone() -> None:
    async def test(timers: Timers, parker: Parker) -> None:
        assert not await parker.wait(timers.now_ns() + 10 * MS)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wake_after, parker, 3_600_000 * MS)
            assert await parker.wait(None)

    in_virtual_time(test)


def test_a_wake_of_nobody_is_not_kept() -> None:
    async def test(timers: Timers, parker: Parker) -> None:
        parker.wake()
        assert not await parker.wait(timers.now_ns() + 10 * MS)

    in_virtual_time(test)


def test_a_wait_can_be_cancelled_and_another_begun() -> None:
    async def test(timers: Timers, parker: Parker) -> None:
        with trio.move_on_after(0.005):
            await parker.wait(timers.now_ns() + 10 * MS)
        began_ns = timers.now_ns()
        assert not await parker.wait(began_ns + 20 * MS)
        assert timers.now_ns() - began_ns >= 20 * MS

    in_virtual_time(test)
