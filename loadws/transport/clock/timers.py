"""Deadlines: one heap for the whole process, and one wake for the earliest of them.

trio hands ``epoll`` a timeout in whole milliseconds, rounded up; a schedule that needs better waits on a ``timerfd``
(Linux), which is armed at a nanosecond. Elsewhere, and under a virtual clock, trio's own clock wakes a task. A cancelled
deadline stays in the heap until it comes up, or until a third of the heap is cancelled: the live ones bound the heap.
"""

from __future__ import annotations

import ctypes
import heapq
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Protocol

import trio

from loadws.terms.units import NS_PER_S
from loadws.transport.background import background
from loadws.transport.base import Timer, Timers
from loadws.transport.clock.loop_hook import each_turn, turns_of_loop

#: A smaller heap is never compacted: there is nothing to gain.
SMALLEST_TO_COMPACT = 64


class Deadline:
    """An entry of the heap; a ``Timer``."""

    __slots__ = ("_callback", "_heap")

    def __init__(self, heap: DeadlineHeap, callback: Callable[[], None]) -> None:
        self._heap = heap
        self._callback: Callable[[], None] | None = callback

    @property
    def live(self) -> bool:
        return self._callback is not None

    def cancel(self) -> None:
        if self._callback is not None:
            self._callback = None
            self._heap.one_was_cancelled()

    def fire(self) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class DeadlineHeap:
    """Deadlines in order, the earliest first; equal ones in the order in which they were set. It has no clock and does
    not wait.
    """

    def __init__(self) -> None:
        self._entries: list[tuple[int, int, Deadline]] = []
        self._set = 0
        self._cancelled = 0

    def __len__(self) -> int:
        """Return how many entries it holds, including cancelled ones that it has not removed yet."""
        return len(self._entries)

    def push(self, deadline_ns: int, callback: Callable[[], None]) -> Deadline:
        deadline = Deadline(self, callback)
        heapq.heappush(self._entries, (deadline_ns, self._set, deadline))
        self._set += 1
        return deadline

    def earliest_ns(self) -> int | None:
        """Return when the earliest live deadline is due; None where there is none."""
        while self._entries and not self._entries[0][2].live:
            heapq.heappop(self._entries)
            self._cancelled -= 1
        return self._entries[0][0] if self._entries else None

    def fire_due(self, now_ns: int) -> None:
        """Call back for each deadline that is due. Deadlines set by a callback wait for the next call, so that this one
        ends.
        """
        first_of_next_batch = self._set
        while (earliest_ns := self.earliest_ns()) is not None and earliest_ns <= now_ns:
            if self._entries[0][1] >= first_of_next_batch:
                return
            heapq.heappop(self._entries)[2].fire()

    def one_was_cancelled(self) -> None:
        self._cancelled += 1
        if len(self._entries) >= SMALLEST_TO_COMPACT and self._cancelled * 3 > len(self._entries):
            self._entries = [entry for entry in self._entries if entry[2].live]
            heapq.heapify(self._entries)
            self._cancelled = 0


class WakeSource(Protocol):
    """A source of wake-ups at deadlines, with the clock that the deadlines are on."""

    def now_ns(self) -> int: ...

    def arm(self, deadline_ns: int | None) -> None:
        """Wake at this deadline only, in place of the previous one; None: never."""

    async def serve(self, look: Callable[[int], None]) -> None:
        """Serve until cancelled: call ``look`` with the time at the armed deadline, perhaps earlier. ``look`` arms the
        next one.
        """

    def close(self) -> None: ...


class TrioClock:
    """A wake source on trio's own clock, which may be virtual."""

    def __init__(self) -> None:
        self._deadline_ns: int | None = None
        self._scope = trio.CancelScope()

    def now_ns(self) -> int:
        return round(trio.current_time() * NS_PER_S)

    def arm(self, deadline_ns: int | None) -> None:
        self._deadline_ns = deadline_ns
        self._scope.deadline = float("inf") if deadline_ns is None else deadline_ns / NS_PER_S

    async def serve(self, look: Callable[[int], None]) -> None:
        turns = turns_of_loop()
        while True:
            with self._scope:
                await trio.sleep_forever()
            # Seconds as a float may come out a nanosecond short of the deadline that trio says is over.
            reached_ns = max(self.now_ns(), self._deadline_ns or 0)
            self._scope = trio.CancelScope()
            with turns.batch():
                look(reached_ns)

    def close(self) -> None:
        pass


class TimerFd:
    """A wake source on a Linux ``timerfd`` on CLOCK_MONOTONIC, the clock of ``time.monotonic_ns``. Raises OSError where
    there is none.
    """

    def __init__(self) -> None:
        self._kernel = KernelTimer()
        self.now_ns = time.monotonic_ns  # itself: it is asked several times a message

    def arm(self, deadline_ns: int | None) -> None:
        """Set the deadline. The kernel then forgets that an earlier one was reached, so the descriptor need not be
        read.
        """
        # Zero would disarm; a deadline that is over wakes at once.
        self._kernel.set(0 if deadline_ns is None else max(1, deadline_ns))

    async def serve(self, look: Callable[[int], None]) -> None:
        await each_turn(self._kernel.fd, lambda: look(self.now_ns()))

    def close(self) -> None:
        trio.lowlevel.notify_closing(self._kernel.fd)
        os.close(self._kernel.fd)


if sys.version_info >= (3, 13):

    class KernelTimer:
        """``timerfd`` by Python's own names for it. Raises OSError where the system has none."""

        def __init__(self) -> None:
            if not hasattr(os, "timerfd_create"):
                raise OSError("this system has no timerfd")
            self.fd = os.timerfd_create(time.CLOCK_MONOTONIC, flags=os.TFD_NONBLOCK | os.TFD_CLOEXEC)

        def set(self, deadline_ns: int) -> None:
            """Set the deadline; 0 disarms."""
            os.timerfd_settime_ns(self.fd, flags=os.TFD_TIMER_ABSTIME, initial=deadline_ns)

else:

    class KernelTimer:
        """``timerfd`` through libc, for which Python has no names yet. Raises OSError where the system has none."""

        _CLOEXEC = 0o2000000
        _NONBLOCK = 0o4000
        _ABSTIME = 1

        class _ITimerSpec(ctypes.Structure):
            _fields_ = [(name, ctypes.c_long) for name in ("interval_s", "interval_ns", "value_s", "value_ns")]

        def __init__(self) -> None:
            if not sys.platform.startswith("linux"):
                raise OSError("this system has no timerfd")
            libc = ctypes.CDLL(None, use_errno=True)
            self.fd = self._checked(libc.timerfd_create(time.CLOCK_MONOTONIC, self._CLOEXEC | self._NONBLOCK))
            self._spec = self._ITimerSpec()
            self._set = partial(libc.timerfd_settime, self.fd, self._ABSTIME, ctypes.byref(self._spec), None)

        def set(self, deadline_ns: int) -> None:
            """Set the deadline; 0 disarms."""
            self._spec.value_s, self._spec.value_ns = divmod(deadline_ns, NS_PER_S)
            self._checked(self._set())

        def _checked(self, result: int) -> int:
            if result < 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
            return result


class HeapTimers:
    """``Timers`` over a heap and a wake source. ``serve`` is its only task."""

    def __init__(self, source: WakeSource) -> None:
        self._source = source
        self._heap = DeadlineHeap()
        self._armed_ns: int | None = None
        self.now_ns = source.now_ns

    def call_at(self, deadline_ns: int, callback: Callable[[], None]) -> Timer:
        deadline = self._heap.push(deadline_ns, callback)
        if self._armed_ns is None or deadline_ns < self._armed_ns:
            self._arm(deadline_ns)
        return deadline

    async def serve(self) -> None:
        """Serve until cancelled. A callback that raises is a defect: it ends this task, and with it the run."""
        await self._source.serve(self._look)

    def _look(self, now_ns: int) -> None:
        if self._armed_ns is None or now_ns < self._armed_ns:
            return
        self._armed_ns = 0  # whatever the callbacks set is armed once, after all of them
        self._heap.fire_due(now_ns)
        self._arm(self._heap.earliest_ns())

    def _arm(self, deadline_ns: int | None) -> None:
        self._armed_ns = deadline_ns
        self._source.arm(deadline_ns)


@asynccontextmanager
async def open_timers() -> AsyncIterator[Timers]:
    """Open the process's timers: a ``timerfd`` on real time where there is one, else trio's clock."""
    source = _wake_source()
    try:
        async with background() as nursery:
            timers = HeapTimers(source)
            nursery.start_soon(timers.serve)
            yield timers
    finally:
        source.close()


def _wake_source() -> WakeSource:
    # trio does not export its ordinary clock; any other one is virtual, and a timerfd knows nothing of it.
    if type(trio.lowlevel.current_clock()).__name__ != "SystemClock":
        return TrioClock()
    try:
        return TimerFd()
    except OSError:
        return TrioClock()
