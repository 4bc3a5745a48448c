"""The frozen Summary with its schema_version: all that gate and report know about a run.

Summary -> JSON -> Summary is the identity. Fields may be added; a name that is here is never changed or removed.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import msgspec

from loadws.metrics.ledger import Ledger

SCHEMA_VERSION = 2
#: Version 1 was written by loadws 0.1; its verdicts were judged by other rules.
FIRST_VERSION = 1
Outcome = Literal["passed", "failed", "no_data", "inconclusive", "invalid", "interrupted", "unreachable", "aborted"]


class PhaseSpan(msgspec.Struct, frozen=True):
    """The real beginning and end of a phase, in seconds since the start of the run."""

    name: str
    start_s: float
    end_s: float
    warmup: bool = False


class Run(msgspec.Struct, frozen=True):
    scenario: str
    started_at: str  # UTC, ISO 8601
    duration_s: float
    judged_s: float
    seed: int
    transport: str
    processes: int
    loadws_version: str
    model: Literal["closed", "open", "mixed", "partly open"]
    target: str = ""
    phases: tuple[PhaseSpan, ...] = ()
    interrupted: str | None = None  # what ended the run early, if anything did: "Ctrl-C", "SIGTERM", "killed", a rule
    notes: tuple[str, ...] = ()
    stamps: Literal["user", "kernel"] = "user"  # which side stamps received answers: loadws, or the kernel
    means: str = ""  # what the transport works with on this platform: "one epoll set, deadlines by a timerfd, .."
    machine_name: str = ""  # processor, cores and memory; empty in runs of versions that did not say
    canary_ns: float | None = (
        None  # the median round trip of loadws' own echo target just before, where it was measured
    )
    plan_hash: str = ""  # equal for runs that planned the same load; empty in runs of versions that did not say
    share: str = ""  # "share 0 of 2 (host)"; empty: the whole load
    clock_bound_ns: float | None = (
        None  # by how much the clocks of two machines may differ, where several made the load
    )

    @property
    def load_ended_s(self) -> float:
        """Return when the load ended, in seconds since the start; the run ends when its last users have left.

        A load that is ended early ends at the moment at which a rule is broken or a signal comes.
        """
        return max((phase.end_s for phase in self.phases), default=self.duration_s)


class Check(msgspec.Struct, frozen=True):
    """One judged threshold. ``observed``, ``limit``, ``lower`` and ``upper`` are in ``unit``.

    ``observed`` is None where there was no data. Infinite is a latency that never ended: the rank was among the
    requests without an answer. JSON has no such number, so it is null there, and the outcome distinguishes the two.

    A percentile has the interval from ``lower`` to ``upper``, None where the samples do not bound it on that side.
    Where the limit is inside, the outcome is ``too_close``: ``needs`` is about how many more samples would decide, None
    where no number would; ``is_excused`` says that the scenario lets it pass. ``unlagged`` is the value without the
    send lag of each sample. ``sentence`` states all of it for users, ``note`` what else they must know: unanswered
    requests, for example.
    """

    rule: str
    outcome: Literal["passed", "failed", "no_data", "too_close"]
    observed: float | None
    unit: str
    note: str = ""
    aborted: bool = False
    op: str = ""
    limit: float | None = None
    samples: int = 0
    lower: float | None = None
    upper: float | None = None
    needs: int | None = None
    is_excused: bool = False
    unlagged: float | None = None
    sentence: str = ""

    @property
    def holds(self) -> bool:
        """Return whether the check permits a pass."""
        return self.outcome == "passed" or self.is_excused

    def __post_init__(self) -> None:
        if self.observed is None and self.outcome != "no_data":
            msgspec.structs.force_setattr(self, "observed", math.inf)


class Verdict(msgspec.Struct, frozen=True):
    outcome: Outcome
    exit_code: int
    checks: tuple[Check, ...] = ()
    reasons: tuple[str, ...] = ()  # why it is not simply passed or failed, in sentences with advice


class MetricEntry(msgspec.Struct, frozen=True, omit_defaults=False):
    """One metric with one set of labels, over the judged time (or over one phase, where ``phase`` is a label).

    A histogram's values are in ``unit``. A percentile is None where the samples are too few for it. ``count`` of a rate
    is how many were tried and ``failed`` how many of them failed; ``missing`` are requests without an answer. ``per_s``
    is the count per second of the judged (or the phase's) time. ``value`` is a rate's ratio or a gauge's mean.
    """

    name: str
    labels: dict[str, str]
    kind: Literal["histogram", "counter", "rate", "gauge"]
    unit: str
    count: int
    min: float | None = None
    mean: float | None = None
    p50: float | None = None
    p75: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    p999: float | None = None
    p9999: float | None = None
    max: float | None = None
    missing: int = 0
    failed: int = 0
    out_of_range: int = 0
    per_s: float | None = None
    value: float | None = None
    histogram: str | None = None


class Column(msgspec.Struct, frozen=True):
    name: str
    labels: dict[str, str]
    aggregate: str
    unit: str
    values: tuple[float | None, ...]


class Series(msgspec.Struct, frozen=True):
    """The run over time, at most 600 points. ``phase`` names each point's phase."""

    interval_s: float
    start_s: tuple[float, ...]
    phase: tuple[str, ...]
    columns: tuple[Column, ...]


#: Stalls of more than this share of a process's judged time are load that was not applied.
STALLED_SHARE = 0.01


class Applied(msgspec.Struct, frozen=True):
    """How much of the planned load was applied in the judged time; a pair of zeros is a kind of load that was not
    planned.

    ``arrivals_started`` of ``arrivals_planned``; ``users_connected`` held users opened a connection at least once, or
    were refused as expected, of ``users_planned`` (of the whole run); ``turns_kept`` were not skipped of ``turns_due``, and
    ``turns_not_begun`` of them never began, because the turn before took longer than the interval.
    ``generator_failures`` of ``attempts`` to connect failed because the machine of loadws lacked a resource.
    ``stalled_process`` spent ``stalled_share`` of its judged time in stalls of its event loop, the longest of
    ``longest_stall_ns``.
    """

    arrivals_planned: int = 0
    arrivals_started: int = 0
    users_planned: int = 0
    users_connected: int = 0
    turns_due: int = 0
    turns_kept: int = 0
    attempts: int = 0
    generator_failures: int = 0
    stalled_process: int = 0
    stalled_share: float = 0.0
    longest_stall_ns: float = 0.0
    turns_not_begun: int = 0


class RuleWindows(msgspec.Struct, frozen=True):
    """For a rule on a percentile, (samples beyond the limit, samples) of consecutive windows of the judged time.

    From them comes the design effect. ``metric`` is the rule's, or the one without send lag.
    """

    rule: str
    metric: str
    windows: tuple[tuple[int, int], ...]


class ProcessHealth(msgspec.Struct, frozen=True):
    process: int
    cpu_share_mean: float
    cpu_share_p95: float
    cpu_over_90_share: float  # the share of the judged time with more than 90 % CPU
    loop_lag_p99_ns: float
    loop_lag_max_ns: float
    send_lag_p99_ns: float | None
    gc_pause_max_ns: float
    rss_max_bytes: int
    open_files_max: int
    complete: bool = True  # its last frame arrived
    lost: str | None = None  # why it did not: "was ended by SIGKILL"
    read_lag_p99_ns: float | None = None  # None without kernel stamps
    waited_share: float = 0.0  # of the judged time: it could run, and had no core
    steal_share: float = 0.0  # of the judged time of the machine's cores: taken by its hypervisor
    stalled_share: float = 0.0  # of the judged time: its event loop did not turn, for more than 100 ms at a time
    stall_max_ns: float = 0.0
    machine: str = ""  # of a merged run: which share and machine it belongs to


class Generator(msgspec.Struct, frozen=True):
    processes: tuple[ProcessHealth, ...]
    healthy: bool
    warnings: tuple[str, ...] = ()  # sentences with advice


class ErrorCount(msgspec.Struct, frozen=True):
    """The errors of one kind and step in the whole run. ``in_warmup`` of them were in phases that are not judged."""

    kind: str
    step: str
    count: int
    example: str = ""
    in_warmup: int = 0


class Summary(msgspec.Struct, frozen=True):
    schema_version: int
    run: Run
    verdict: Verdict
    ledger: Ledger
    metrics: tuple[MetricEntry, ...]
    series: Series
    generator: Generator
    errors: tuple[ErrorCount, ...] = ()
    applied: Applied = Applied()
    windows: tuple[RuleWindows, ...] = ()

    def entries(self, name: str, **labels: str) -> list[MetricEntry]:
        """Return the entries of a metric that have at least these labels; those of the judged time unless ``phase`` is
        among them.
        """
        return [
            entry
            for entry in self.metrics
            if entry.name == name
            and ("phase" in entry.labels) == ("phase" in labels)
            and labels.items() <= entry.labels.items()
        ]


def to_json(summary: Summary) -> bytes:
    return msgspec.json.format(msgspec.json.encode(summary), indent=1) + b"\n"


def from_json(text: bytes) -> Summary:
    """Return the summary, also one of an older version.

    Raises:
        msgspec.ValidationError: It is not a summary of a version that this loadws knows.
        msgspec.DecodeError: It is not JSON.
    """
    summary = msgspec.json.decode(text, type=Summary)
    if not FIRST_VERSION <= summary.schema_version <= SCHEMA_VERSION:
        raise msgspec.ValidationError(
            f"its schema_version is {summary.schema_version}, the newest known is {SCHEMA_VERSION}"
        )
    return summary


def json_schema() -> dict[str, Any]:
    return msgspec.json.schema(Summary)
