"""The measurements that a client of the bench makes of itself: processor time of a round trip, round trips per second,
peak memory.
"""

from __future__ import annotations

import resource
import time

import msgspec


class Measured(msgspec.Struct, frozen=True):
    name: str
    cpu_us: float  # user and system time of the process, a round trip
    per_s: float
    peak_rss_bytes: int
    lag_p99_us: float = 0.0  # how late messages on a schedule left


class Meter:
    """Counts for a number of seconds from its making. The clock is looked at every 64th time: it costs too."""

    def __init__(self, seconds: float) -> None:
        self.count = 0
        self._began_s, self._cpu_s = time.monotonic(), time.process_time()
        self._ends_s = self._began_s + seconds
        self._asked = 0
        self._over = False

    @property
    def is_over(self) -> bool:
        self._asked += 1
        if self._asked & 63 == 0:
            self._over = self._over or time.monotonic() >= self._ends_s
        return self._over

    def measured(self, name: str, lag_p99_us: float = 0.0) -> Measured:
        cpu_s, wall_s = time.process_time() - self._cpu_s, time.monotonic() - self._began_s
        count = max(1, self.count)
        return Measured(name, cpu_s / count * 1e6, self.count / wall_s, peak_rss_bytes(), lag_p99_us)


def peak_rss_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
