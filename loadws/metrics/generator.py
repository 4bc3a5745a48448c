"""Whether the load generator itself was well: what each process's frames say of it, and what that means for the run.

A run is invalid, never a pass, when what it measured may be the generator's own slowness (measurement.md, "The
generator watches itself"): it sent too late, it had no CPU left while a latency is judged, or a process's data is
missing. A closed loop without pause that judges no latency asks for as much as there is: it gets the warnings and
stays valid. Any other run that judges no latency may be late by a tenth of a second: it judges counts, and only a
lateness that could make answers miss their deadlines makes those wrong. Precedents: the watchdogs of Hyperfoil; Lancet
(ATC 2019); Treadmill (ISCA 2016).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from loadws.metrics.frame import Frame
from loadws.metrics.histogram import LatencyHistogram, rank_of
from loadws.metrics.statistics import interval_ranks, supports
from loadws.metrics.summary import Generator, ProcessHealth
from loadws.terms.thresholds import Threshold
from loadws.terms.units import NS_PER_MS, format_duration

#: A turn of the event loop that takes longer is a stall: the process was stopped, or something blocked it.
STALL_NS = 100 * NS_PER_MS
BUSY = 0.9  # of a core
BUSY_SHARE = 0.05  # of the judged time
LEAST_LIMIT_NS = NS_PER_MS
LIMIT_SHARE = 0.1  # of the tightest latency that is judged
LIMIT_WITHOUT_LATENCY_NS = 100 * NS_PER_MS

#: The kind of the errors that say what of a scenario held up its process.
HELD_UP = "call.blocked"
#: What a run's last moment shows is no second like the others.
_SHORTEST_S = 0.1
_ADVICE = "use more processes or more machines, or a lower rate"


class Spread:
    """Values of windows, to two significant digits: a run of any length fits into a few hundred counts."""

    def __init__(self) -> None:
        self._counts: Counter[float] = Counter()

    def add(self, value: float) -> None:
        self._counts[_two_digits(value)] += 1

    def percentile(self, percentile: float) -> float:
        """The nearest rank's, so an upper bound in so many percent of the windows; 0 where there was no window."""
        left = rank_of(percentile, self._counts.total())
        for value in sorted(self._counts):
            left -= self._counts[value]
            if left <= 0:
                return value
        return 0.0


def _two_digits(value: float) -> float:
    """Rounded up, so that nothing looks better than it was."""
    if value <= 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.ceil(round(value / step, 6)) * step


class ProcessWatch:
    """One process, from its frames of the judged time; the largest memory and number of files are of the whole run."""

    def __init__(self, process: int) -> None:
        self.process = process
        self._complete = False
        self._cpu = Spread()
        self._loop_lag = Spread()
        self._seconds = self._busy_s = self._cpu_s = 0.0
        self._loop_lag_max = self._gc_pause_max = 0
        self._rss_max = self._open_files_max = 0
        self._lags = {"send_lag": LatencyHistogram(), "read_lag": LatencyHistogram()}

    def add(self, frame: Frame) -> None:
        """What a frame says of its second; what was sent in it comes by ``add_lag``."""
        health = frame.health
        self._complete |= frame.last
        self._rss_max = max(self._rss_max, health.rss_bytes)
        self._open_files_max = max(self._open_files_max, health.open_files)
        if not frame.warmup and not frame.over:
            self._judge(frame)

    def add_lag(self, metric: str, histogram: LatencyHistogram) -> None:
        """Of what belongs to a judged phase, which may be another one than the frame's. Other metrics are not its own."""
        if metric in self._lags:
            self._lags[metric].add(histogram)

    def _judge(self, frame: Frame) -> None:
        health, seconds = frame.health, frame.duration_s
        if seconds >= _SHORTEST_S:
            self._cpu.add(health.cpu_share)
            self._loop_lag.add(health.loop_lag_p99_ns)
        self._seconds += seconds
        self._cpu_s += health.cpu_share * seconds
        self._busy_s += seconds if health.cpu_share > BUSY else 0.0
        self._loop_lag_max = max(self._loop_lag_max, health.loop_lag_max_ns)
        self._gc_pause_max = max(self._gc_pause_max, health.gc_pause_max_ns)

    def health(self, lost: str | None = None) -> ProcessHealth:
        """``lost``: why its last frame never came, where that is known."""
        seconds = self._seconds or math.inf
        return ProcessHealth(
            process=self.process,
            cpu_share_mean=self._cpu_s / seconds,
            cpu_share_p95=self._cpu.percentile(95),
            cpu_over_90_share=self._busy_s / seconds,
            loop_lag_p99_ns=min(self._loop_lag.percentile(99), self._loop_lag_max),
            loop_lag_max_ns=self._loop_lag_max,
            send_lag_p99_ns=lag_p99(self._lags["send_lag"]),
            gc_pause_max_ns=self._gc_pause_max,
            rss_max_bytes=self._rss_max,
            open_files_max=self._open_files_max,
            complete=self._complete,
            lost=None if self._complete else lost,
            read_lag_p99_ns=lag_p99(self._lags["read_lag"]),
        )


def lag_p99(lag: LatencyHistogram) -> float | None:
    """In ns. Where they are too few for a p99, the lower end of its interval: one hiccup among fifty proves nothing."""
    if not lag.count:
        return None
    if supports(lag.count, 99):
        return lag.percentiles([99])[0]
    lowest, _ = interval_ranks(lag.count, 99)
    return lag.value_at_rank(lowest) if lowest else lag.min


@dataclass(frozen=True, slots=True)
class Demands:
    """What a run asks of its generator. ``tightest_ns`` is the lowest latency that a threshold names, None without one."""

    tightest_ns: float | None
    throughput_run: bool

    @classmethod
    def of(cls, thresholds: Collection[Threshold], *, closed: bool, paced: bool) -> Demands:
        latencies = [threshold.value for threshold in thresholds if threshold.judges_latency]
        return cls(min(latencies, default=None), closed and not paced and not latencies)

    @property
    def worth_a_warning_ns(self) -> float:
        return max(LEAST_LIMIT_NS, LIMIT_SHARE * (self.tightest_ns or 0.0))

    @property
    def send_lag_limit_ns(self) -> float:
        return LIMIT_WITHOUT_LATENCY_NS if self.tightest_ns is None else self.worth_a_warning_ns


def assess(
    processes: Collection[ProcessHealth], demands: Demands, held_up_by: Mapping[str, int] | None = None
) -> Generator:
    """The run's generator: its processes, whether the run is valid, and what to do if it is not.

    ``held_up_by``: what is known to have held up its process (an example of each), and how often.
    """
    missing = [_missing(process) for process in processes if not process.complete]
    lag_ns = {process.process: process.send_lag_p99_ns or 0 for process in processes}
    late = [_late(process, demands) for process in processes if lag_ns[process.process] > demands.worth_a_warning_ns]
    busy = [_busy(process) for process in processes if process.cpu_over_90_share > BUSY_SHARE]
    culprits = [_culprit(what, times) for what, times in (held_up_by or {}).items()] if late or busy else []
    invalid = bool(missing)
    if not demands.throughput_run:
        invalid |= max(lag_ns.values(), default=0) > demands.send_lag_limit_ns
        invalid |= bool(busy) and demands.tightest_ns is not None
    return Generator(tuple(processes), healthy=not invalid, warnings=(*missing, *late, *busy, *culprits))


def _culprit(what: str, times: int) -> str:
    return f"One cause is the scenario's own: {what}, and so {times:,} time{'' if times == 1 else 's'} in all."


def _missing(process: ProcessHealth) -> str:
    why = process.lost or "ended without its last word"
    return f"Process {process.process} {why}, so some of its data is missing: look at what it said, and run again."


def _late(process: ProcessHealth, demands: Demands) -> str:
    lag, limit = format_duration(process.send_lag_p99_ns or 0), format_duration(demands.worth_a_warning_ns)
    return f"Process {process.process} sent {lag} late (p99; {limit} is fine): {_ADVICE}."


def _busy(process: ProcessHealth) -> str:
    share = f"{process.cpu_over_90_share:.0%}"
    return (
        f"Process {process.process} used more than {BUSY:.0%} of its core for {share} of the judged time, "
        f"so latencies hold its own waiting too: {_ADVICE}."
    )
