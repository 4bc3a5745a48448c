"""A run on this machine: the shards, and what the parent makes of each frame they send.

Frames go to the folder first (what is written survives us), then to the summariser, then to whoever looks on, then to the
rules with ``abort``. There is one process for now, so a shard runs in the loop of its parent.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from typing import Protocol

import trio

from loadws.engine.lifecycle import Lifecycle
from loadws.fleet.shard import ShardOrder, run_shard
from loadws.metrics.frame import Frame
from loadws.metrics.runinfo import Ending


class FrameTaker(Protocol):
    """Somebody who wants each frame; ``None`` back, or the rule that it says is broken."""

    def __call__(self, frame: Frame) -> str | None: ...


async def run_local(
    order: ShardOrder, takers: Sequence[FrameTaker], say: Callable[[str], None] | None = None
) -> Ending:
    """Runs one shard to its end. SIGINT and SIGTERM end it gracefully, a second one at once."""
    lifecycle = Lifecycle()

    def deliver(frame: Frame) -> None:
        for taker in takers:
            broken_rule = taker(frame)
            if broken_rule is not None:
                lifecycle.abort(broken_rule)

    async with trio.open_nursery() as nursery:
        await nursery.start(_heed_signals, lifecycle)
        ending = await run_shard(order, deliver, lifecycle, say)
        nursery.cancel_scope.cancel()
    return ending


async def _heed_signals(lifecycle: Lifecycle, *, task_status: trio.TaskStatus[None]) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for number in signals:
            lifecycle.signal("Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name)
