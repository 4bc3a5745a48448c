"""The frozen Summary with its schema_version: all that gate and report may see of a run.

Summary -> JSON -> Summary is the identity. Parts may be added; a name that is here is never changed or removed.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import msgspec

from loadws.metrics.ledger import Ledger

SCHEMA_VERSION = 1
Outcome = Literal["passed", "failed", "no_data", "inconclusive", "invalid", "interrupted", "unreachable", "aborted"]


class PhaseSpan(msgspec.Struct, frozen=True):
    """When a phase really began and ended, in seconds since the start of the run."""

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
    stamps: Literal["user", "kernel"] = "user"  # who says when an answer was received: loadws, or the kernel
    means: str = ""  # what the transport works with on this platform: "one epoll set, deadlines by a timerfd, .."


class Check(msgspec.Struct, frozen=True):
    """One threshold, judged. ``observed`` is in ``unit``; None where there was no data. ``note`` says what a reader must
    know: that the maximum stood in for a percentile, or that requests were left unanswered.

    Infinite is a latency that never ended: the rank lay among the requests without an answer. JSON has no such number, so
    there it is null, told from no data by the outcome.
    """

    rule: str
    outcome: Literal["passed", "failed", "no_data"]
    observed: float | None
    unit: str
    note: str = ""
    aborted: bool = False

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

    A histogram's values are in ``unit``. A percentile that so few samples cannot support is None. ``count`` of a rate is how
    many were tried and ``failed`` how many of them failed; ``missing`` are requests without an answer. ``per_s`` is count a
    second of the judged (or the phase's) time. ``value`` is a rate's ratio or a gauge's mean.
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


class Generator(msgspec.Struct, frozen=True):
    processes: tuple[ProcessHealth, ...]
    healthy: bool
    warnings: tuple[str, ...] = ()  # sentences with advice


class ErrorCount(msgspec.Struct, frozen=True):
    kind: str
    step: str
    count: int
    example: str = ""


class Summary(msgspec.Struct, frozen=True):
    schema_version: int
    run: Run
    verdict: Verdict
    ledger: Ledger
    metrics: tuple[MetricEntry, ...]
    series: Series
    generator: Generator
    errors: tuple[ErrorCount, ...] = ()

    def entries(self, name: str, **labels: str) -> list[MetricEntry]:
        """The entries of a metric whose labels are at least these; without ``phase`` among them, of the judged time."""
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
    """Raises ``msgspec.ValidationError`` where it is no summary of a version that we know."""
    return msgspec.json.decode(text, type=Summary)


def json_schema() -> dict[str, Any]:
    return msgspec.json.schema(Summary)
