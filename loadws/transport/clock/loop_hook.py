"""Work at the beginning of each of trio's turns, before the tasks that it wakes have theirs.

A task that waits for a descriptor and then wakes other tasks costs a whole turn of trio's loop between its own step and
theirs: another ``epoll_wait``, another look at every deadline. trio calls its instruments between its wait and the steps of
a turn, so what is served there wakes tasks that run in the same turn. A message on a schedule wakes the loop twice, for its
time and for its answer: two turns, and not four.
"""

from __future__ import annotations

from collections.abc import Callable

import trio


async def each_turn(fd: int, serve: Callable[[], None]) -> None:
    """Call ``serve`` in each turn of the loop, and cause a turn when ``fd`` is readable. Run until cancelled.

    ``serve`` runs in no task: it may wake tasks and start some, and never waits. What it raises is raised here.
    """
    turn = _Turn(serve)
    trio.lowlevel.add_instrument(turn)
    try:
        with turn.failed:
            while True:
                await trio.lowlevel.wait_readable(fd)
    finally:
        trio.lowlevel.remove_instrument(turn)
        if turn.failure is not None:
            raise turn.failure


class _Turn(trio.abc.Instrument):
    """trio would log what an instrument raises, and go on without it."""

    def __init__(self, serve: Callable[[], None]) -> None:
        self._serve = serve
        self.failure: BaseException | None = None
        self.failed = trio.CancelScope()

    def after_io_wait(self, timeout: float) -> None:
        if self.failure is not None:
            return
        try:
            self._serve()
        except BaseException as error:
            self.failure = error
            self.failed.cancel()
