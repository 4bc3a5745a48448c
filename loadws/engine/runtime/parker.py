"""Waiting in the engine: a task is parked until it is woken or its deadline comes, whichever is first.

Each strand has one ``Parker``. A cancel scope, an event or a queue for each message would cost more than the message. Nor
is a timer set and cancelled for each wait: most waits end long before their deadline, and the next deadline is later. A
timer that is set stays set; if it goes off too early, it is set again for the deadline that holds then.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Any

import outcome
import trio
from trio.lowlevel import current_task, reschedule, wait_task_rescheduled

from loadws.transport.base import Timer, Timers


class _Said(outcome.Outcome[bool]):
    """What a wait returns. trio takes an object that can be used once, and making it each time costs as much as a wake."""

    __slots__ = ("_value",)
    _value: bool

    def __init__(self, value: bool) -> None:
        object.__setattr__(self, "_value", value)

    def unwrap(self) -> bool:
        return self._value

    def send(self, gen: Generator[Any, bool, object]) -> Any:
        return gen.send(self._value)

    async def asend(self, agen: AsyncGenerator[Any, bool]) -> Any:
        return await agen.asend(self._value)


_WOKEN, _TOO_LATE = _Said(True), _Said(False)


class Parker:
    """One task's place to wait. ``wake`` and the deadline race; the loser does nothing."""

    __slots__ = ("_deadline_ns", "_task", "_timer", "_timer_ns", "_timers", "waits")

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._task: trio.lowlevel.Task | None = None
        self._deadline_ns: int | None = None
        self._timer: Timer | None = None
        self._timer_ns = 0  # when ``_timer`` goes off
        self.waits = 0  # how often it really waited: a loop that never waits must yield by itself

    def wait(self, deadline_ns: int | None) -> Awaitable[bool]:
        """Return an awaitable, to be awaited at once: True if the task was woken, False if the deadline came first
        (None: never).
        """
        self.waits += 1
        self._deadline_ns = deadline_ns
        if deadline_ns is not None and (self._timer is None or deadline_ns < self._timer_ns):
            self._set_timer(deadline_ns)
        self._task = current_task()
        return wait_task_rescheduled(self._abort)

    def wake(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            reschedule(task, _WOKEN)

    def interrupt(self, error: BaseException) -> bool:
        """Raise ``error`` from the wait that is under way; return False where there is none."""
        task, self._task = self._task, None
        if task is None:
            return False
        reschedule(task, outcome.Error(error))
        return True

    def let_go(self) -> None:
        """Stop using the parker. A later wait sets a new timer: a cancelled one would never wake it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self, at_ns: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._timers.call_at(at_ns, self._timer_went_off)
        self._timer_ns = at_ns

    def _timer_went_off(self) -> None:
        self._timer = None
        deadline_ns = self._deadline_ns
        if self._task is None or deadline_ns is None:
            return
        if deadline_ns > self._timer_ns:
            self._set_timer(deadline_ns)
            return
        task, self._task = self._task, None
        reschedule(task, _TOO_LATE)

    def _abort(self, _raise_cancel: Callable[[], Any]) -> trio.lowlevel.Abort:
        self._task = None
        self.let_go()
        return trio.lowlevel.Abort.SUCCEEDED
