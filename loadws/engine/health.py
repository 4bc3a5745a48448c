"""The generator measures itself: how late its event loop was, how busy its processor, how long garbage collection held
it up.

A tool that does not measure this would report its own delays as the server's. For precedents see measurement.md.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from loadws.engine.runtime.parker import Parker
from loadws.metrics.frame import STALL_NS, Health
from loadws.terms.units import NS_PER_MS
from loadws.transport.base import Timers

#: The interval between two looks at the loop: 50 looks per second show what matters and cost next to nothing.
LOOK_EVERY_NS = 20 * NS_PER_MS
#: Counting the open files reads a directory, which takes milliseconds where there are thousands: not every second.
COUNT_FILES_EVERY = 10

#: The number of new objects from which on they are collected, which needs about a millisecond.
YOUNG_OBJECTS = 5_000

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_STATM, _DESCRIPTORS = Path("/proc/self/statm"), Path("/proc/self/fd")
_SCHEDSTAT, _STAT = Path("/proc/self/schedstat"), Path("/proc/stat")


class Watch:
    """The health of one process. ``take`` returns what was seen since it was last called.

    ``stalls`` are the spans (from, to, in ns) within the last ``take`` in which the loop did not turn.
    """

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._lags_ns: list[int] = []
        self._pauses_ns: list[int] = []
        self._pause_began_ns = 0
        self._taken_ns = timers.now_ns()
        self._cpu_ns = time.process_time_ns()
        self._cores = Cores()
        self._open_files = 0
        self._taken = 0
        self._due_ns = 0  # when the loop should have turned next; 0 before the first look
        self._stalls: list[tuple[int, int]] = []
        self.stalls: list[tuple[int, int]] = []

    def begin(self) -> None:
        """Forget the time before the load, so that setting up does not count as the load's delay."""
        self._taken_ns, self._cpu_ns = self._timers.now_ns(), time.process_time_ns()
        self._cores = Cores()

    async def look(self, each_time: Callable[[], None]) -> None:
        """Sleep until a time and note how late the wake-up was, over and over until cancelled. Call ``each_time`` at
        each wake-up.
        """
        parker = Parker(self._timers)
        while True:
            self._due_ns = self._timers.now_ns() + LOOK_EVERY_NS
            await parker.wait(self._due_ns)
            self._note_lag(self._timers.now_ns())
            each_time()

    def _note_lag(self, now_ns: int) -> None:
        lag_ns = now_ns - self._due_ns
        self._lags_ns.append(lag_ns)
        if lag_ns > STALL_NS:
            self._stalls.append((self._due_ns, now_ns))

    def collector_ran(self, phase: str, _info: Mapping[str, int]) -> None:
        """Note when the garbage collector starts and stops: a function for ``gc.callbacks``."""
        if phase == "start":
            self._pause_began_ns = time.perf_counter_ns()
        else:
            self._pauses_ns.append(time.perf_counter_ns() - self._pause_began_ns)

    def take(self) -> Health:
        """Return what was seen since the last call, and start again."""
        now_ns, cpu_ns = self._timers.now_ns(), time.process_time_ns()
        if self._due_ns and now_ns - self._due_ns > STALL_NS:  # the look behind this stall has not run yet
            self._note_lag(now_ns)
            self._due_ns = now_ns
        self.stalls, self._stalls = self._stalls, []
        waited_share, steal_share = self._cores.take(now_ns - self._taken_ns)
        lags, self._lags_ns = sorted(self._lags_ns), []
        pauses, self._pauses_ns = self._pauses_ns, []
        if self._taken % COUNT_FILES_EVERY == 0:
            self._open_files = open_files()
        health = Health(
            cpu_share=(cpu_ns - self._cpu_ns) / max(1, now_ns - self._taken_ns),
            loop_lag_max_ns=lags[-1] if lags else 0,
            loop_lag_p99_ns=lags[int(len(lags) * 0.99)] if lags else 0,
            gc_pause_max_ns=max(pauses, default=0),
            gc_pause_total_ns=sum(pauses),
            open_files=self._open_files,
            rss_bytes=resident_bytes(),
            stalled_ns=sum(until_ns - from_ns for from_ns, until_ns in self.stalls),
            stall_max_ns=max((until_ns - from_ns for from_ns, until_ns in self.stalls), default=0),
            waited_share=waited_share,
            steal_share=steal_share,
        )
        self._taken += 1
        self._taken_ns, self._cpu_ns = now_ns, cpu_ns
        return health


class Cores:
    """The time that this process waited for a core, and the time that the hypervisor took, as the system reports them.

    The sources are ``/proc/self/schedstat`` (time on a core, time runnable without one, in ns) and the steal column of
    ``/proc/stat``.
    """

    def __init__(self) -> None:
        self._waited_ns = _waited_ns()
        self._ticks = _machine_ticks()

    def take(self, elapsed_ns: int) -> tuple[float, float]:
        """Return two shares of the time since the last call: waited for a core, and stolen. Both are 0 where the system
        reports nothing.
        """
        waited_ns, ticks = _waited_ns(), _machine_ticks()
        waited = (waited_ns - self._waited_ns) / max(1, elapsed_ns)
        stolen = (ticks[0] - self._ticks[0]) / max(1, ticks[1] - self._ticks[1])
        self._waited_ns, self._ticks = waited_ns, ticks
        return max(0.0, waited), max(0.0, stolen)


def _waited_ns() -> int:
    try:
        return int(_SCHEDSTAT.read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0


def _machine_ticks() -> tuple[int, int]:
    """Return (stolen, all) clock ticks of the machine's cores so far."""
    try:
        with _STAT.open() as lines:
            columns = [int(column) for column in lines.readline().split()[1:9]]
    except (OSError, ValueError):
        return 0, 0
    return (columns[7], sum(columns)) if len(columns) == 8 else (0, 0)


class Collector:
    """CPython's garbage collector, which runs only when this class calls it.

    With thousands of tasks alive it would cost a third of the processor time, and would stop the load in the middle of
    a message. So it is off: the objects of a connection are in no reference cycle and are freed at once. The few cycles
    that libraries make are young: a few thousand new objects at a time are examined, which needs a millisecond, and
    those that outlive that are frozen, so that they are never examined again.
    """

    #: Set by a process that has frozen objects of its own, which no run may thaw. Python can count frozen objects, but
    #: looks at each one to do so: that is slow where there are many.
    keeps_frozen: ClassVar[bool] = False
    #: Whether there may be the garbage of a run before.
    _has_run: ClassVar[bool] = False

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def __enter__(self) -> Collector:
        # Before the first run there is next to no garbage, and to search all modules for it takes 75 ms of the start.
        if Collector._has_run:
            gc.collect()
        Collector._has_run = True
        gc.freeze()
        gc.disable()
        gc.callbacks.append(self._watch.collector_ran)
        return self

    def __exit__(self, *_exc: object) -> None:
        gc.callbacks.remove(self._watch.collector_ran)
        gc.enable()
        if not self.keeps_frozen:
            gc.unfreeze()

    def collect_young(self) -> None:
        """Collect and freeze the young objects, once there are enough of them. Call it often: it mostly does nothing."""
        if gc.get_count()[0] >= YOUNG_OBJECTS:
            gc.collect(0)
            gc.freeze()


def open_files() -> int:
    """Return how many descriptors this process has open; 0 where the system does not report it."""
    try:
        return len(os.listdir(_DESCRIPTORS))  # noqa: PTH208 - names alone, without an object each
    except OSError:
        return 0


def resident_bytes() -> int:
    """Return the resident memory of this process in bytes; 0 where the system does not report it."""
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return 0
