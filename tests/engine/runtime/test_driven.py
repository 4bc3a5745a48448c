"""Driven coroutines: who runs them, how they end, and that none of them can touch trio outside of its task."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from loadws.engine.runtime.driven import OutsideItsTask
from loadws.engine.runtime.parker import Parker
from loadws.transport.base import Timers
from loadws.transport.clock.loop_hook import turns_of_loop
from loadws.transport.clock.timers import open_timers
from tests.kit.plain import MS

#: A wait of a parker until a time: for a message, or a pause.
Wait = Callable[[Parker, int | None], Awaitable[bool]]
EITHER_WAIT = pytest.mark.parametrize("wait", [Parker.wait, Parker.pause])


def in_virtual_time(test: Callable[[Timers, Parker], Awaitable[None]]) -> None:
    async def main() -> None:
        async with open_timers() as timers:
            await test(timers, Parker(timers))

    trio.run(main, clock=MockClock(autojump_threshold=0))


def wake_in_a_batch(parker: Parker) -> None:
    """Wake as the reactor does: what is driven goes on at the end of the batch."""
    with turns_of_loop().batch():
        parker.wake()


async def driven(parker: Parker, steps: Callable[[], Any], then: Callable[[], Awaitable[None]]) -> Any:
    """Drive ``steps`` until it waits, await ``then``, and return the result of ``steps``."""
    results: list[Any] = []

    async def host() -> None:
        results.append(await parker.drive(steps()))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(host)
        await wait_all_tasks_blocked()
        await then()
    return results[0]


@EITHER_WAIT
def test_what_a_batch_wakes_goes_on_at_its_end_and_in_the_task_that_ended_the_batch(wait: Wait) -> None:
    seen: list[str] = []

    async def test(timers: Timers, parker: Parker) -> None:
        async def steps() -> str:
            for number in range(3):
                assert await wait(parker, None)
                seen.append(f"woken {number}")
            return "done"

        async def then() -> None:
            for _ in range(3):
                with turns_of_loop().batch():
                    parker.wake()
                    parker.wake()  # the second finds no wait
                    seen.append("end of batch")

        assert await driven(parker, steps, then) == "done"

    in_virtual_time(test)
    assert seen == ["end of batch", "woken 0", "end of batch", "woken 1", "end of batch", "woken 2"]


def test_a_wake_outside_of_a_batch_goes_on_in_the_host() -> None:
    async def test(timers: Timers, parker: Parker) -> None:
        tasks: list[trio.lowlevel.Task] = []

        async def steps() -> None:
            tasks.append(trio.lowlevel.current_task())
            await parker.wait(None)
            tasks.append(trio.lowlevel.current_task())
            await parker.wait(None)
            async with parker.in_task():
                tasks.append(trio.lowlevel.current_task())

        async def then() -> None:
            parker.wake()
            await wait_all_tasks_blocked()
            wake_in_a_batch(parker)

        await driven(parker, steps, then)
        assert len(tasks) == 3
        assert len(set(tasks)) == 1

    in_virtual_time(test)


@pytest.mark.parametrize("wrong", ["checkpoint", "sleep", "event"])
def test_a_step_that_waits_for_trio_outside_of_its_task_is_a_defect(wrong: str) -> None:
    waits: dict[str, Callable[[], Awaitable[None]]] = {
        "checkpoint": trio.lowlevel.checkpoint,
        "sleep": lambda: trio.sleep(1),
        "event": trio.Event().wait,
    }

    async def test(timers: Timers, parker: Parker) -> None:
        async def steps() -> None:
            await parker.wait(None)
            await waits[wrong]()

        async def then() -> None:
            wake_in_a_batch(parker)

        with pytest.RaisesGroup(pytest.RaisesExc(OutsideItsTask), flatten_subgroups=True):
            await driven(parker, steps, then)

    trio.run(_with_timers, test)


async def _with_timers(test: Callable[[Timers, Parker], Awaitable[None]]) -> None:
    async with open_timers() as timers:
        await test(timers, Parker(timers))


def test_in_its_task_a_driven_coroutine_may_use_all_of_trio() -> None:
    async def test(timers: Timers, parker: Parker) -> None:
        async def steps() -> str:
            await parker.wait(None)
            async with parker.in_task(), trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep, 1)
                with trio.move_on_after(2) as scope:
                    await trio.sleep_forever()
                assert scope.cancelled_caught
                async with parker.in_task():  # which may nest
                    assert not await parker.wait(timers.now_ns() + MS)
            assert await parker.wait(None)
            return "done"

        async def then() -> None:
            wake_in_a_batch(parker)
            await trio.sleep(5)
            wake_in_a_batch(parker)

        assert await driven(parker, steps, then) == "done"

    in_virtual_time(test)


@pytest.mark.parametrize("in_a_batch", [False, True])
def test_what_the_coroutine_raises_its_host_raises(in_a_batch: bool) -> None:
    async def test(timers: Timers, parker: Parker) -> None:
        async def steps() -> None:
            await parker.wait(None)
            raise LookupError("of the step")

        async def then() -> None:
            wake_in_a_batch(parker) if in_a_batch else parker.wake()

        with pytest.RaisesGroup(pytest.RaisesExc(LookupError, match="^of the step$")):
            await driven(parker, steps, then)

    in_virtual_time(test)


@EITHER_WAIT
def test_a_cancellation_of_the_host_is_raised_where_the_coroutine_waits(wait: Wait) -> None:
    seen: list[str] = []

    async def test(timers: Timers, parker: Parker) -> None:
        async def steps() -> None:
            try:
                await wait(parker, timers.now_ns() + 1000 * MS)
                await wait(parker, timers.now_ns() + 1000 * MS)
            except trio.Cancelled:
                seen.append("cancelled")
                raise

        with trio.CancelScope() as scope:

            async def then() -> None:
                wake_in_a_batch(parker)
                scope.cancel()

            await driven(parker, steps, then)
        wake_in_a_batch(parker)  # of a coroutine that is gone: nothing happens
        assert scope.cancelled_caught

    in_virtual_time(test)
    assert seen == ["cancelled"]


@pytest.mark.parametrize("goes_on", ["parks", "moves", "ends", "raises"])
def test_a_coroutine_that_cancels_its_own_host_is_cancelled_at_its_next_wait(goes_on: str) -> None:
    async def test(timers: Timers, parker: Parker) -> None:
        with trio.CancelScope() as scope:

            async def steps() -> str:
                await parker.wait(None)
                scope.cancel()
                if goes_on == "parks":
                    await parker.wait(None)
                    raise AssertionError("it waited")
                if goes_on == "moves":
                    async with parker.in_task():
                        await trio.lowlevel.checkpoint()
                        raise AssertionError("it waited")
                if goes_on == "raises":
                    raise LookupError
                return "done"

            async def then() -> None:
                wake_in_a_batch(parker)

            if goes_on == "raises":
                with pytest.RaisesGroup(LookupError):
                    await driven(parker, steps, then)
            else:
                await driven(parker, steps, then)
        assert scope.cancel_called

    in_virtual_time(test)


@EITHER_WAIT
def test_an_interruption_is_raised_from_the_wait_and_only_from_one(wait: Wait) -> None:
    async def test(timers: Timers, parker: Parker) -> None:
        async def steps() -> str:
            with pytest.raises(LookupError):
                await wait(parker, None)
            assert await wait(parker, None)
            return "done"

        async def then() -> None:
            with turns_of_loop().batch():
                assert parker.interrupt(LookupError())
                assert not parker.interrupt(LookupError())
            await wait_all_tasks_blocked()
            wake_in_a_batch(parker)

        assert await driven(parker, steps, then) == "done"

    in_virtual_time(test)


def test_a_strand_that_wakes_another_makes_no_deeper_stack() -> None:
    """A batch of a thousand strands, each of which wakes the next: recursion would overflow."""

    async def test(timers: Timers, first: Parker) -> None:
        parkers = [Parker(timers) for _ in range(2000)]
        done: list[int] = []

        async def steps(number: int) -> None:
            await parkers[number].wait(None)
            done.append(number)
            if number + 1 < len(parkers):
                parkers[number + 1].wake()

        async def host(number: int) -> None:
            await parkers[number].drive(steps(number))

        async with trio.open_nursery() as nursery:
            for number in range(len(parkers)):
                nursery.start_soon(host, number)
            await wait_all_tasks_blocked()
            wake_in_a_batch(parkers[0])
        assert done == list(range(2000))

    in_virtual_time(test)


@pytest.mark.slow
@EITHER_WAIT
@given(waits=st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50), st.booleans()), max_size=20))
def test_each_driven_wait_ends_at_the_earlier_of_its_wake_and_its_deadline(
    wait: Wait, waits: list[tuple[int, int, bool]]
) -> None:
    async def test(timers: Timers, parker: Parker) -> None:
        async def wake_after(span_ms: int, in_a_batch: bool) -> None:
            await trio.sleep(span_ms / 1e3)
            wake_in_a_batch(parker) if in_a_batch else parker.wake()

        async def steps(nursery: trio.Nursery) -> None:
            for wake_ms, deadline_ms, in_a_batch in waits:
                began_ns = timers.now_ns()
                nursery.start_soon(wake_after, wake_ms, in_a_batch)
                was_woken = await wait(parker, began_ns + deadline_ms * MS)
                took_ns = timers.now_ns() - began_ns
                assert abs(took_ns - min(wake_ms, deadline_ms) * MS) < MS / 100
                if wake_ms != deadline_ms:
                    assert was_woken == (wake_ms < deadline_ms)
                async with parker.in_task():
                    await trio.sleep(0.1)  # what was too late finds no wait

        async with trio.open_nursery() as nursery:
            await parker.drive(steps(nursery))

    in_virtual_time(test)
