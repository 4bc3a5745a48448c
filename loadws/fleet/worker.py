"""``python -m loadws.fleet.worker``: one process of a run, which reads its orders from stdin and answers on stdout.

It makes one load for each order, one after another, and ends when its stdin is closed. So it does not outlive its
parent: that pipe closes with the parent even when that is killed. Within a load it then ends at once, because its
measurements have no receiver.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import time
import traceback
from collections import defaultdict
from typing import NoReturn

import trio

from loadws.engine.lifecycle import Lifecycle
from loadws.fleet.protocol import (
    Begin,
    Broken,
    Down,
    Ended,
    EndPhase,
    FlowsDone,
    Measured,
    Order,
    Ready,
    Receiver,
    Sender,
    Stop,
)
from loadws.fleet.shard import ShardOrder, run_shard
from loadws.fleet.standstill import LOOKS, LoopWatch
from loadws.metrics.frame import Frame
from loadws.transport.base import Timers


def main() -> None:
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # the parent hears them, and says what they mean
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    down, up = _take_pipes()
    trio.run(_work, down, up)


def _take_pipes() -> tuple[int, int]:
    """Return the pipes to the parent, as descriptors that no other code reads or prints to."""
    pipes = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return pipes


async def _work(down: int, up: int) -> None:
    receiver: Receiver[Down] = Receiver(trio.lowlevel.FdStream(down), Down)
    orders = Orders(receiver, Sender(trio.lowlevel.FdStream(up)))
    with LoopWatch(orders.patience, _give_up) as watch:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch.turn)
            nursery.start_soon(orders.obey)
            await orders.make_loads()
            nursery.cancel_scope.cancel()


def _give_up(what: str) -> NoReturn:
    """Print a line on stderr, which the parent adds to its message about the lost process, and end the process."""
    os.write(2, f"it {what}\n".encode(errors="replace"))
    os._exit(1)


class _Run:
    """The load that is being made: its order, how it can be ended, and what its other processes agree on."""

    def __init__(self, order: ShardOrder, sender: Sender) -> None:
        self.order = order
        self.lifecycle = Lifecycle()
        self.others = Others(sender)

    def obey(self, message: Begin | EndPhase | Stop) -> None:
        match message:
            case Begin(at_ns):
                self.others.beginning.come(at_ns)
            case EndPhase(phase, at_ns):
                self.others.ends[phase].come(at_ns)
            case Stop(reason):
                self.lifecycle.signal(reason)


class Orders:
    """The parent's messages, and the loads that they order."""

    def __init__(self, receiver: Receiver[Down], sender: Sender) -> None:
        self._receiver = receiver
        self._sender = sender
        self._run: _Run | None = None  # None between two loads
        self._to_make, self._made = trio.open_memory_channel[_Run](1)

    def patience(self) -> float:
        """Return for how many looks the loop may stand still: without end while nothing is measured."""
        return LOOKS if self._run is not None and self._run.others.has_begun else math.inf

    async def obey(self) -> None:
        """Take messages until there are no more. Where a load is being made then, its parent is gone: end at once."""
        async with self._to_make:
            while (message := await self._receiver.receive()) is not None:
                if isinstance(message, Order):
                    assert self._run is None, "an order within a load"
                    self._run = _Run(message.order, self._sender)
                    self._to_make.send_nowait(self._run)
                elif self._run is not None:  # what comes later was about a load that has ended meanwhile
                    self._run.obey(message)
        if self._run is not None:
            os._exit(1)  # not by a cancellation: what is shielded from one would write to a pipe that is not read

    async def make_loads(self) -> None:
        """Make the loads that are ordered, one after another, until there are no more orders."""
        async for run in self._made:
            last = await _made(run, self._sender)
            self._run = None
            await self._sender.send(last)


async def _made(run: _Run, sender: Sender) -> Ended | Broken:
    async def deliver(frame: Frame) -> None:
        await sender.send(Measured(frame))

    try:
        return Ended(await run_shard(run.order, deliver, run.lifecycle, together=run.others))
    except Exception as error:
        return Broken(f"{type(error).__name__}: {error}", traceback.format_exc())


class Moment:
    """A time that the parent will name."""

    def __init__(self) -> None:
        self._named = trio.Event()
        self._at_ns = 0

    def come(self, at_ns: int) -> None:
        self._at_ns = at_ns
        self._named.set()

    async def on(self, timers: Timers) -> int:
        """Return it on the clock of ``timers``, which may differ from the clock that processes share."""
        await self._named.wait()
        return timers.now_ns() + self._at_ns - time.monotonic_ns()


class Others:
    """The run's other processes: ``Together``, by messages through the parent."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self.has_begun = False
        self.beginning = Moment()
        self.ends: defaultdict[int, Moment] = defaultdict(Moment)

    async def begin(self, timers: Timers) -> int:
        await self._sender.send(Ready())
        begin_ns = await self.beginning.on(timers)
        self.has_begun = True
        return begin_ns

    async def flows_done(self, phase: int, timers: Timers) -> int:
        await self._sender.send(FlowsDone(phase))
        return await self.ends[phase].on(timers)


if __name__ == "__main__":
    try:
        main()
    except* trio.BrokenResourceError:  # the parent is gone
        sys.exit(1)
