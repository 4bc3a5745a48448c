"""Run a load in one process: the shard runs in the loop of its parent.

The parent processes a frame in slices, so that the load does not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from loadws.engine.coordination import LEAD_NS
from loadws.engine.lifecycle import Lifecycle
from loadws.engine.sliced import in_slices
from loadws.fleet.shard import ShardOrder, run_shard
from loadws.fleet.signals import OnSignal, Signals, ended_by
from loadws.fleet.start import AloneFrom, Start
from loadws.metrics.frame import Frame
from loadws.metrics.runinfo import EarlyEnd, Ending
from loadws.scenario.build import Loaded
from loadws.transport.base import Timers

#: Processes a frame in slices, with a yield after each, and returns why the run has to end early; None where it has not.
TakeFrame = Callable[[Frame], Generator[None, None, EarlyEnd | None]]


async def run_local(
    order: ShardOrder,
    take: TakeFrame,
    say: Callable[[str], None] | None = None,
    on_signal: OnSignal | None = None,
    signals: Signals | None = None,
    on_begin: Callable[[], None] | None = None,
    start: Start | None = None,
    loaded: Loaded | None = None,
) -> Ending:
    """Run to the end. The first of ``signals`` ends it gracefully, the second at once; ``on_signal`` is called at the
    first.

    ``on_begin`` is called when everything is set up. ``start`` says when the load begins; None: at once. ``loaded``:
    the scenario of the order, where the caller has it.
    """
    lifecycle = Lifecycle()

    async def deliver(frame: Frame) -> None:
        early_end = await in_slices(take(frame))
        if early_end is not None:
            lifecycle.end_early(early_end)

    together = _Announced(on_begin or (lambda: None), start or Start(), lifecycle)
    with ended_by(signals, lifecycle, on_signal):
        return await run_shard(order, deliver, lifecycle, say, together, loaded)


class _Announced(AloneFrom):
    def __init__(self, on_begin: Callable[[], None], start: Start, lifecycle: Lifecycle) -> None:
        super().__init__(start, lifecycle, LEAD_NS)
        self._on_begin = on_begin

    async def begin(self, timers: Timers) -> int:
        self._on_begin()
        return await super().begin(timers)
