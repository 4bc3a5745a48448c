"""A run in one process: the shard runs in the loop of its parent.

What the parent does with a frame is done in slices, so that the load does not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

import trio

from loadws.engine.lifecycle import Lifecycle
from loadws.engine.slices import in_slices
from loadws.fleet.shard import ShardOrder, run_shard
from loadws.fleet.signals import OnSignal, heed_signals
from loadws.metrics.frame import Frame
from loadws.metrics.runinfo import EarlyEnd, Ending

#: Takes a frame, in steps that it yields between, and returns why the run is to end early; None where it is not.
TakeFrame = Callable[[Frame], Generator[None, None, EarlyEnd | None]]


async def run_local(
    order: ShardOrder,
    take: TakeFrame,
    say: Callable[[str], None] | None = None,
    on_signal: OnSignal | None = None,
) -> Ending:
    """Runs to the end. SIGINT and SIGTERM end it gracefully, a second one at once; ``on_signal`` hears of the first."""
    lifecycle = Lifecycle()

    async def deliver(frame: Frame) -> None:
        early_end = await in_slices(take(frame))
        if early_end is not None:
            lifecycle.end_early(early_end)

    async with trio.open_nursery() as nursery:
        await nursery.start(heed_signals, lifecycle, on_signal)
        ending = await run_shard(order, deliver, lifecycle, say)
        nursery.cancel_scope.cancel()
    return ending
