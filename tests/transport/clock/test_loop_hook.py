"""What is served at the beginning of a turn: when, for whom, and what becomes of what it raises."""

from __future__ import annotations

import socket

import pytest
import trio
import trio.testing

from loadws.transport.clock.loop_hook import each_turn


def test_a_readable_descriptor_makes_a_turn_and_whom_it_wakes_runs_in_the_same_one() -> None:
    steps: list[str] = []
    task: list[trio.lowlevel.Task] = []

    class Turns(trio.abc.Instrument):
        def before_io_wait(self, timeout: float) -> None:
            steps.append("turn")

    async def sleeper(scope: trio.CancelScope) -> None:
        task.append(trio.lowlevel.current_task())
        await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.SUCCEEDED)
        steps.append("woken")
        scope.cancel()

    async def main() -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:

            def serve() -> None:
                if not steps or not task:
                    return
                ours.recv(1)
                steps.append("served")
                trio.lowlevel.reschedule(task.pop())

            with trio.fail_after(10):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(each_turn, ours.fileno(), serve)
                    nursery.start_soon(sleeper, nursery.cancel_scope)
                    await trio.testing.wait_all_tasks_blocked()
                    trio.lowlevel.add_instrument(Turns())
                    theirs.send(b"x")

    trio.run(main)
    served = steps.index("served")
    assert steps[served - 1 : served + 2] == ["turn", "served", "woken"]


def test_what_it_raises_is_raised_once_even_where_its_descriptor_was_never_readable() -> None:
    asked = 0

    def broken() -> None:
        nonlocal asked
        asked += 1
        raise LookupError("broken")

    async def main() -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs, trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep, 0)  # whose turn it is raised in
                await each_turn(ours.fileno(), broken)

    with pytest.RaisesGroup(pytest.RaisesExc(LookupError, match=r"^broken$")):
        trio.run(main)
    assert asked == 1


def test_after_its_end_nothing_is_served() -> None:
    asked = 0

    def serve() -> None:
        nonlocal asked
        asked += 1

    async def main() -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(each_turn, ours.fileno(), serve)
                await trio.testing.wait_all_tasks_blocked()
                nursery.cancel_scope.cancel()
            before = asked
            await trio.lowlevel.checkpoint()
            await trio.lowlevel.checkpoint()
            assert before > 0
            assert asked == before

    trio.run(main)
