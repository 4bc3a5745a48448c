"""Waiting in the engine: a coroutine is parked until it is woken or its deadline comes, whichever is first.

Each strand has one ``Parker``. A cancel scope, an event or a queue for each message would cost more than the message. Nor
is a timer set and cancelled for each wait: most waits end long before their deadline, and the next deadline is later. A
timer that is set stays set; if it goes off too early, it is set again for the deadline that holds then.

What waits is a task, or a coroutine that ``drive`` runs (``driven.py``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import outcome
import trio
from trio.lowlevel import current_task, reschedule, wait_task_rescheduled

from loadws.engine.runtime.driven import PARKED, RESTING, TO_TASK, TOO_LATE, WOKEN, Driver, Said
from loadws.transport.base import Timer, Timers

T = TypeVar("T")


class Parker:
    """A place for one coroutine to wait. ``wake`` and the deadline race; the loser does nothing."""

    __slots__ = ("_deadline_ns", "_parked", "_task", "_timer", "_timer_ns", "_timers", "driver", "is_pausing", "waits")

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._task: trio.lowlevel.Task | None = None  # the task that waits here
        self.driver: Driver[Any] | None = None  # what drives the coroutine that waits here; None: it runs in a task
        self._parked: Driver[Any] | None = None  # ``driver``, while its coroutine waits
        self._deadline_ns: int | None = None
        self._timer: Timer | None = None
        self._timer_ns = 0  # when ``_timer`` goes off
        self.is_pausing = False  # whether the last wait to begin was a ``pause``
        self.waits = 0  # how often a wait really waited: a loop in which none does must yield by itself

    def wait(self, deadline_ns: int | None) -> Awaitable[bool]:
        """Return an awaitable, to be awaited at once: True if it was woken, False if the deadline came first.

        A deadline of None never comes.
        """
        self.waits += 1
        self.is_pausing = False
        self._deadline_ns = deadline_ns
        if deadline_ns is not None and (self._timer is None or deadline_ns < self._timer_ns):
            self._set_timer(deadline_ns)
        if self.driver is not None:
            self._parked = self.driver
            return PARKED
        self._task = current_task()
        return wait_task_rescheduled(self._abort)

    def pause(self, deadline_ns: int | None) -> Awaitable[bool]:
        """Return an awaitable like ``wait``, for a wait that ends early when the load does."""
        waiting = self.wait(deadline_ns)
        self.is_pausing = True
        return RESTING if waiting is PARKED else waiting

    def wake(self) -> None:
        """End the wait that is under way, if there is one."""
        self._end_wait(WOKEN)

    def interrupt(self, error: BaseException) -> bool:
        """Raise ``error`` from the wait that is under way; return False where there is none."""
        parked, task, self._parked, self._task = self._parked, self._task, None, None
        if parked is not None:
            parked.resume_host(outcome.Error(error))
        elif task is not None:
            reschedule(task, outcome.Error(error))
        return parked is not None or task is not None

    def drive(self, coroutine: Coroutine[Any, Any, T]) -> Awaitable[T]:
        """Return an awaitable, to be awaited at once: run a coroutine that waits here, and return or raise what it does.

        Its waits need no task of trio's.
        """
        return Driver(coroutine, self)

    def in_task(self) -> InTask:
        """Return an ``async with`` block in which a driven coroutine runs in its task, and may use all of trio."""
        return InTask(self)

    def let_go(self) -> None:
        """Stop using the parker. A later wait sets a new timer, because a cancelled one would never wake it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end_wait(self, said: Said) -> None:
        parked = self._parked
        if parked is not None:
            self._parked = None
            later = parked.turns.later
            if later is not None:  # nearly always: the reactor or a timer wakes it
                later.append((parked, said is WOKEN))
            else:
                parked.resume_host(said)
            return
        task, self._task = self._task, None
        if task is not None:
            reschedule(task, said)

    def _set_timer(self, at_ns: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._timers.call_at(at_ns, self._timer_went_off)
        self._timer_ns = at_ns

    def _timer_went_off(self) -> None:
        self._timer = None
        deadline_ns = self._deadline_ns
        if deadline_ns is None or (self._task is None and self._parked is None):
            return
        if deadline_ns > self._timer_ns:
            self._set_timer(deadline_ns)
            return
        self._end_wait(TOO_LATE)

    def _abort(self, _raise_cancel: Callable[[], Any]) -> trio.lowlevel.Abort:
        self.forget()
        return trio.lowlevel.Abort.SUCCEEDED

    def forget(self) -> None:
        """Forget the wait, which a cancellation has ended."""
        self._task = self._parked = None
        self.let_go()


class InTask:
    """The part of a driven coroutine that runs in its task. Outside of ``Parker.drive`` it changes nothing."""

    __slots__ = ("_driver", "_parker")

    def __init__(self, parker: Parker) -> None:
        self._parker = parker
        self._driver: Driver[Any] | None = None

    async def __aenter__(self) -> None:
        driver = self._parker.driver
        if driver is not None:
            await TO_TASK
        self._driver, self._parker.driver = driver, None

    async def __aexit__(self, *_raised: object) -> None:
        self._parker.driver = self._driver
