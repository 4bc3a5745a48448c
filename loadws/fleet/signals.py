"""SIGINT and SIGTERM, as the parent of a run hears them. Its processes live in sessions of their own and are told."""

from __future__ import annotations

import signal
from collections.abc import Callable

import trio

from loadws.engine.lifecycle import Lifecycle

OnSignal = Callable[[str], None]


async def heed_signals(lifecycle: Lifecycle, on_signal: OnSignal | None, *, task_status: trio.TaskStatus[None]) -> None:
    """The first ends the run gracefully, the second at once; ``on_signal`` hears of the first. Runs until cancelled."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for number in signals:
            name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
            if on_signal is not None and not lifecycle.stopping.is_set():
                on_signal(name)
            lifecycle.signal(name)
