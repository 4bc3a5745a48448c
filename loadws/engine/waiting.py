"""How a task of the engine waits: parked until it is woken or its deadline comes, whichever is first.

One ``Parker`` a strand, and one timer a wait: a cancel scope, an event or a queue a message would each cost more than the
message (design.md, "Numbers to reach").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio

from loadws.transport.base import Timer, Timers


class Parker:
    """One task's place to wait. ``wake`` and the deadline race; the loser does nothing."""

    __slots__ = ("_task", "_timer", "_timers", "_was_woken", "waits")

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._task: trio.lowlevel.Task | None = None
        self._timer: Timer | None = None
        self._was_woken = False
        self.waits = 0  # how often it really waited: a loop that never waits must yield by itself

    async def wait(self, deadline_ns: int | None) -> bool:
        """True where somebody woke us, False where the deadline (None: never) came first."""
        self.waits += 1
        self._timer = None if deadline_ns is None else self._timers.call_at(deadline_ns, self._expire)
        self._task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._abort)
        return self._was_woken

    def wake(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            if self._timer is not None:
                self._timer.cancel()
            self._was_woken = True
            trio.lowlevel.reschedule(task)

    def _expire(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            self._was_woken = False
            trio.lowlevel.reschedule(task)

    def _abort(self, _raise_cancel: Callable[[], Any]) -> trio.lowlevel.Abort:
        self._task = None
        if self._timer is not None:
            self._timer.cancel()
        return trio.lowlevel.Abort.SUCCEEDED
