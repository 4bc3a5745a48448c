"""The generator watches itself: how late its loop was, how busy its processor, how long the collector held it up.

A tool that does not would report its own delays as the server's. Precedents are named in measurement.md.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from loadws.engine.waiting import Parker
from loadws.metrics.frame import Health
from loadws.terms.units import NS_PER_MS
from loadws.transport.base import Timers

#: Between two looks at the loop: 50 a second see what matters and cost next to nothing.
LOOK_EVERY_NS = 20 * NS_PER_MS
#: Counting the open files reads a directory, which takes milliseconds where there are thousands: not every second.
COUNT_FILES_EVERY = 10

#: So many new objects are worth a look: about a millisecond.
YOUNG_OBJECTS = 5_000

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_STATM, _DESCRIPTORS = Path("/proc/self/statm"), Path("/proc/self/fd")


class Watch:
    """One process's health. ``take`` gives what was seen since it was last called."""

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._lags_ns: list[int] = []
        self._pauses_ns: list[int] = []
        self._pause_began_ns = 0
        self._taken_ns = timers.now_ns()
        self._cpu_ns = time.process_time_ns()
        self._open_files = 0
        self._taken = 0

    def begin(self) -> None:
        """The load begins: what it took to set up is not its own."""
        self._taken_ns, self._cpu_ns = self._timers.now_ns(), time.process_time_ns()

    async def look(self, each_time: Callable[[], None]) -> None:
        """Asks to be woken at a time and notes how late it was, until cancelled; ``each_time`` is called then, too."""
        parker = Parker(self._timers)
        while True:
            wanted_ns = self._timers.now_ns() + LOOK_EVERY_NS
            await parker.wait(wanted_ns)
            self._lags_ns.append(self._timers.now_ns() - wanted_ns)
            each_time()

    def collector_ran(self, phase: str, _info: Mapping[str, int]) -> None:
        """For ``gc.callbacks``."""
        if phase == "start":
            self._pause_began_ns = time.perf_counter_ns()
        else:
            self._pauses_ns.append(time.perf_counter_ns() - self._pause_began_ns)

    def take(self) -> Health:
        now_ns, cpu_ns = self._timers.now_ns(), time.process_time_ns()
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
        )
        self._taken += 1
        self._taken_ns, self._cpu_ns = now_ns, cpu_ns
        return health


class Collector:
    """CPython's collector, at moments of our choosing.

    With thousands of tasks alive it is a third of all cost, and it strikes in the middle of a message. So it is off: what a
    connection leaves behind refers to nothing in a circle and is freed at once. What circles there are still, in libraries,
    is young: a few thousand new objects at a time are looked at, which takes a millisecond, and whatever outlives that is
    frozen, so that it is never looked at again.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._was_frozen = False

    def __enter__(self) -> Collector:
        self._was_frozen = gc.get_freeze_count() > 0  # by whoever runs us: then that is theirs to end
        gc.collect()
        gc.freeze()
        gc.disable()
        gc.callbacks.append(self._watch.collector_ran)
        return self

    def __exit__(self, *_exc: object) -> None:
        gc.callbacks.remove(self._watch.collector_ran)
        gc.enable()
        if not self._was_frozen:
            gc.unfreeze()

    def collect_young(self) -> None:
        """Often, and mostly for nothing: where few objects were made since, there is nothing to do."""
        if gc.get_count()[0] >= YOUNG_OBJECTS:
            gc.collect(0)
            gc.freeze()


def open_files() -> int:
    """How many descriptors this process has open; 0 where the system does not say."""
    try:
        return len(os.listdir(_DESCRIPTORS))  # noqa: PTH208 - names alone, without an object each
    except OSError:
        return 0


def resident_bytes() -> int:
    """This process's resident memory; 0 where the system does not say."""
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return 0
