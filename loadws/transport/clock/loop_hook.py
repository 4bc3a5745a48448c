"""Work at the beginning of each of trio's turns, before the tasks that it wakes have theirs.

A task that waits for a descriptor and then wakes other tasks costs a whole turn of trio's loop between its own step and
theirs: another ``epoll_wait``, another look at every deadline. trio calls its instruments between its wait and the
steps of a turn, so tasks that an instrument wakes run in the same turn. A message on a schedule wakes the loop twice,
for its time and for its answer: that is two turns instead of four.

All functions that a program calls in this way are in one ``LoopTurns``. They need not wake a task: what is
put into ``later`` goes on in the same turn once all functions have run, so that a slow step delays no stamp of a read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import trio

_TURNS: trio.lowlevel.RunVar[LoopTurns] = trio.lowlevel.RunVar("loadws_turns")


class Woken(Protocol):
    """What a batch wakes that is no task."""

    def go_on(self, value: bool) -> None:
        """Go on with a value up to the next wait. Never waits, and raises nothing."""


class LoopTurns(trio.abc.Instrument):
    """The functions that are called in each turn of one trio loop, in the order in which they came.

    ``later`` is the list of what continues, and with which value, at the end of the batch that is being served; None
    outside of a batch, where only a task can be woken.
    """

    __slots__ = ("_served", "later")

    def __init__(self) -> None:
        self._served: list[_Served] = []
        self.later: list[tuple[Woken, bool]] | None = None

    def after_io_wait(self, timeout: float) -> None:
        """Serve everything. trio would log what an instrument raises and go on without it, so that nothing is raised."""
        later: list[tuple[Woken, bool]] = []
        self.later = later
        for served in tuple(self._served):
            served.serve()
        self.later = None
        for woken, value in later:
            woken.go_on(value)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Let what is put into ``later`` meanwhile go on when the batch ends. Batches do not nest."""
        later: list[tuple[Woken, bool]] = []
        self.later = later
        try:
            yield
        finally:
            self.later = None
            for woken, value in later:
                woken.go_on(value)

    def add(self, served: _Served) -> None:
        if not self._served:
            trio.lowlevel.add_instrument(self)
        self._served.append(served)

    def remove(self, served: _Served) -> None:
        self._served.remove(served)
        if not self._served:
            trio.lowlevel.remove_instrument(self)


def turns_of_loop() -> LoopTurns:
    """Return the turns of the loop that runs now; the first call makes them.

    Raises:
        RuntimeError: No trio loop runs.
    """
    try:
        return _TURNS.get()
    except LookupError:
        turns = LoopTurns()
        _TURNS.set(turns)
        return turns


async def each_turn(fd: int, serve: Callable[[], None]) -> None:
    """Call ``serve`` in each turn of the loop, and cause a turn when ``fd`` is readable. Run until cancelled.

    ``serve`` runs in no task: it may wake tasks and start some, and never waits. What it raises is raised here.
    """
    turns, served = turns_of_loop(), _Served(serve)
    turns.add(served)
    try:
        with served.failed:
            while True:
                await trio.lowlevel.wait_readable(fd)
    finally:
        turns.remove(served)
        if served.failure is not None:
            raise served.failure


class _Served:
    """One function that is called in each turn, until it raises."""

    def __init__(self, serve: Callable[[], None]) -> None:
        self._serve = serve
        self.failure: BaseException | None = None
        self.failed = trio.CancelScope()

    def serve(self) -> None:
        if self.failure is not None:
            return
        try:
            self._serve()
        except BaseException as error:
            self.failure = error
            self.failed.cancel()
