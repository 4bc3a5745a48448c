"""The load generator's own health, from the frames of each process, and the warnings that follow.

Two causes can make a number the generator's own: it was too slow (its core was busy), or something else had its core
(it could run, and did not). Either shows as send lag, which is a warning that names the cause. ``gate.verdict`` decides
whether a verdict can be believed: it judges every rule on a latency a second time, without the send lag. Here a run is
invalid where data is missing, where the scenario's own limit of send lag is exceeded, and where a busy core may hide
read lag, because no kernel stamps say when an answer arrived (measurement.md, "What makes a run invalid"). Precedents:
the watchdogs of Hyperfoil; Lancet (ATC 2019); Treadmill (ISCA 2016).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Literal

import msgspec

from loadws.metrics.frame import Frame
from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.metrics.summary import STALLED_SHARE, Generator, ProcessHealth
from loadws.terms.metrics import KERNEL_STAMPED
from loadws.terms.percentiles import interval_ranks, rank_of, supports
from loadws.terms.thresholds import Threshold
from loadws.terms.units import NS_PER_MS, NS_PER_S, format_duration

BUSY = 0.9  # of a core
BUSY_SHARE = 0.05  # of the judged time
LEAST_LIMIT_NS = NS_PER_MS
LIMIT_SHARE = 0.1  # of the tightest latency that is judged
#: A process that waited for a core, or whose machine lost cores to its hypervisor, for more than this share was starved.
STARVED_SHARE = 0.02

#: The kind of errors that name the step which held up its process.
HELD_UP = "call.blocked"
#: A frame shorter than this, as at a run's end, does not count as a second.
_SHORTEST_S = 0.1
_TOO_SLOW = "The generator was too slow: use more processes or more machines, or a lower rate."
_STARVED = (
    "Something else had its core: stop other programs, keep a core free for each process of loadws (taskset), or use a "
    "larger machine."
)


class Spread:
    """Values of windows, to two significant digits, so that a run of any length has a few hundred counts."""

    def __init__(self) -> None:
        self._counts: Counter[float] = Counter()

    def add(self, value: float) -> None:
        self._counts[_two_digits(value)] += 1

    def percentile(self, percentile: float) -> float:
        """Return the percentile of the nearest rank, an upper bound in so many percent of the windows; 0 without a
        window.
        """
        left = rank_of(percentile, self._counts.total())
        for value in sorted(self._counts):
            left -= self._counts[value]
            if left <= 0:
                return value
        return 0.0


def _two_digits(value: float) -> float:
    """Round up to two digits, so that nothing looks better than it was."""
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
        self._waited_s = self._stolen_s = self._stalled_s = 0.0
        self._loop_lag_max = self._gc_pause_max = self._stall_max = 0
        self._rss_max = self._open_files_max = 0
        self._lags = {"send_lag": LatencyHistogram(), "read_lag": LatencyHistogram()}

    def add(self, frame: Frame) -> None:
        """Add a frame's health. The lag of messages sent in it comes by ``add_lag``."""
        health = frame.health
        self._complete |= frame.last
        self._rss_max = max(self._rss_max, health.rss_bytes)
        self._open_files_max = max(self._open_files_max, health.open_files)
        if not frame.warmup and not frame.over:
            self._judge(frame)

    def add_lag(self, metric: str, histogram: LatencyHistogram) -> None:
        """Add the lag of messages of a judged phase, which may differ from the frame's phase. Other metrics are
        ignored.
        """
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
        self._waited_s += health.waited_share * seconds
        self._stolen_s += health.steal_share * seconds
        self._stalled_s += health.stalled_ns / NS_PER_S
        self._stall_max = max(self._stall_max, health.stall_max_ns)
        self._loop_lag_max = max(self._loop_lag_max, health.loop_lag_max_ns)
        self._gc_pause_max = max(self._gc_pause_max, health.gc_pause_max_ns)

    def health(self, lost: str | None = None) -> ProcessHealth:
        """Return the health of the process. ``lost``: why its last frame never came, where that is known."""
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
            waited_share=self._waited_s / seconds,
            steal_share=self._stolen_s / seconds,
            stalled_share=self._stalled_s / seconds,
            stall_max_ns=self._stall_max,
        )


def lag_p99(lag: LatencyHistogram) -> float | None:
    """Return the p99 in ns. Of too few samples it is the lower end of its interval: one hiccup among fifty proves
    nothing.
    """
    if not lag.count:
        return None
    if supports(lag.count, 99):
        return lag.percentiles([99])[0]
    lowest, _ = interval_ranks(lag.count, 99)
    return lag.value_at_rank(lowest) if lowest else lag.min


class Demands(msgspec.Struct, frozen=True):
    """The demands of a run on its generator.

    ``tightest_ns`` is the lowest latency that a threshold names, None without one. ``send_lag_limit_ns`` is the
    scenario's own limit. ``hides_read_lag``: a latency is judged whose end has no kernel stamp.
    """

    tightest_ns: float | None = None
    send_lag_limit_ns: float | None = None
    hides_read_lag: bool = False

    @classmethod
    def of(
        cls, thresholds: Collection[Threshold], *, stamps: Literal["user", "kernel"], send_lag_limit_ns: float | None
    ) -> Demands:
        """Return the demands of a run with these rules; ``stamps`` says whether the kernel stamps what is received."""
        latencies = [threshold for threshold in thresholds if threshold.judges_latency]
        unstamped = any(stamps == "user" or threshold.metric not in KERNEL_STAMPED for threshold in latencies)
        return cls(min((threshold.value for threshold in latencies), default=None), send_lag_limit_ns, unstamped)

    @property
    def worth_a_warning_ns(self) -> float:
        """The send lag (p99) above which a warning is given: the scenario's limit, else 1 ms or a tenth of the tightest."""
        return self.send_lag_limit_ns or max(LEAST_LIMIT_NS, LIMIT_SHARE * (self.tightest_ns or 0.0))

    @property
    def origin(self) -> str:
        """Return the origin of ``worth_a_warning_ns``, for messages."""
        if self.send_lag_limit_ns:
            return "the scenario's own limit"
        if LIMIT_SHARE * (self.tightest_ns or 0.0) > LEAST_LIMIT_NS:
            return "a tenth of the tightest latency that is judged"
        return "what is always fine"


def assess(
    processes: Collection[ProcessHealth],
    demands: Demands,
    held_up_by: Mapping[str, int] | None = None,
    excused: Collection[int] = (),
) -> Generator:
    """Return the run's generator: its processes, whether their measurements can be valid, and warnings with advice.

    ``held_up_by``: steps that are known to have held up their process (an example of each), and how often. ``excused``
    are the processes whose data may be missing: their load then counts as not applied.
    """
    missing = [_missing(process) for process in processes if not process.complete]
    late = [process for process in processes if (process.send_lag_p99_ns or 0) > demands.worth_a_warning_ns]
    busy = [process for process in processes if process.cpu_over_90_share > BUSY_SHARE]
    stalled = [process for process in processes if process.stalled_share > STALLED_SHARE]
    culprits = [_culprit(what, times) for what, times in (held_up_by or {}).items()] if late or busy or stalled else []
    is_over_its_limit = bool(late) and demands.send_lag_limit_ns is not None
    is_missing = any(not process.complete and process.process not in excused for process in processes)
    invalid = is_missing or is_over_its_limit or (bool(busy) and demands.hides_read_lag)
    warnings = (
        *missing,
        *(_late(process, demands) for process in late),
        *(_busy(process, demands) for process in busy),
        *(_stalled(process) for process in stalled),
        *culprits,
    )
    return Generator(tuple(processes), healthy=not invalid, warnings=warnings)


def _culprit(what: str, times: int) -> str:
    return f"One cause is the scenario's own: {what}, and so {times:,} time{'' if times == 1 else 's'} in all."


def _name(process: ProcessHealth) -> str:
    return f"Process {process.process}" + (f" of {process.machine}" if process.machine else "")


def _missing(process: ProcessHealth) -> str:
    why = process.lost or "ended without its last frame"
    return f"{_name(process)} {why}, so some of its data is missing: read what it printed, and run again."


def _late(process: ProcessHealth, demands: Demands) -> str:
    lag, limit = format_duration(process.send_lag_p99_ns or 0), format_duration(demands.worth_a_warning_ns)
    return f"{_name(process)} sent messages {lag} late (p99; {limit} is {demands.origin}). {_cause(process)}"


def _cause(process: ProcessHealth) -> str:
    """Return the cause of the lag, with its figures and what helps against it."""
    cpu = f"its CPU use was {process.cpu_share_p95:.0%} of a core (p95)"
    if process.cpu_over_90_share > BUSY_SHARE:
        return f"{_sentence(cpu)} {_TOO_SLOW}"
    if process.waited_share > STARVED_SHARE or process.steal_share > STARVED_SHARE:
        waited = f"it waited for a core {process.waited_share:.0%} of the time"
        stolen = f", the machine lost {process.steal_share:.0%} of its cores" if process.steal_share >= 0.005 else ""
        return f"{_sentence(f'{cpu}, {waited}{stolen}')} {_STARVED}"
    return f"{_sentence(cpu)} Its event loop was {format_duration(process.loop_lag_p99_ns)} late (p99)."


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _busy(process: ProcessHealth, demands: Demands) -> str:
    share = f"{process.cpu_over_90_share:.0%}"
    effect = " Latencies without kernel stamps hold its own waiting too." if demands.hides_read_lag else ""
    return (
        f"{_name(process)} used more than {BUSY:.0%} of its core for {share} of the judged time "
        f"({BUSY_SHARE:.0%} is fine).{effect} {_TOO_SLOW}"
    )


def _stalled(process: ProcessHealth) -> str:
    return (
        f"{_name(process)} stood still for {process.stalled_share:.0%} of the judged time, once for "
        f"{format_duration(process.stall_max_ns)}: it was stopped or suspended, had no core, or was blocked."
    )
