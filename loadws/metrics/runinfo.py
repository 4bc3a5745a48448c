"""What is known of a run before its load starts: ``run.json``.

With the frames it is all that a summary is made of, so it holds whatever the judgement of a killed run needs too.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from loadws.terms.metrics import Metric, own_counter, own_trend


class PhaseInfo(msgspec.Struct, frozen=True):
    name: str
    warmup: bool
    planned_s: float | None  # None: it ends by iterations
    max_dropped: float = 0.01  # the largest share of the planned load that may not have been applied
    max_skipped: float | None = None  # the largest share of due turns that may have been skipped; None: any


class Rule(msgspec.Struct, frozen=True):
    rule: str
    abort: bool = False
    after_s: float = 0.0


class OwnMetric(msgspec.Struct, frozen=True):
    """A metric that the scenario declares by ``record`` or ``count``."""

    name: str
    kind: Literal["histogram", "counter"]
    unit: str

    def metric(self) -> Metric:
        return own_trend(self.name, self.unit) if self.kind == "histogram" else own_counter(self.name)


class ProbeInfo(msgspec.Struct, frozen=True):
    """A probe that the scenario publishes, and how long its deliveries count."""

    name: str
    within_us: int


class RunInfo(msgspec.Struct, frozen=True):
    """What is known of a run before its load. ``plan`` holds the plan's figures (``plan/figures.py``) as JSON."""

    schema_version: int
    scenario: str
    started_at: str
    seed: int
    transport: str
    processes: int
    loadws_version: str
    model: Literal["closed", "open", "mixed", "partly open"]
    target: str
    phases: tuple[PhaseInfo, ...]
    rules: tuple[Rule, ...]
    own_metrics: tuple[OwnMetric, ...]
    paced: bool  # some step waits by a schedule or a think; False: a closed loop without pause
    expected_arrivals: int
    command: tuple[str, ...]
    plan: dict[str, Any]
    machine: dict[str, Any]
    versions: dict[str, str]
    stamps: Literal["user", "kernel"] = "user"  # who says when an answer was received: loadws, or the kernel
    notes: tuple[str, ...] = ()  # what a reader must know of it, in sentences
    probes: tuple[ProbeInfo, ...] = ()
    means: str = ""  # what the transport works with on this platform
    too_close: Literal["inconclusive", "pass"] = "inconclusive"  # of a percentile whose interval has its limit inside
    send_lag_limit_ns: float | None = None  # the scenario's own limit; None: as far as no verdict changes
    keep_trying: bool = False  # the load goes on where no connection has ever opened
    open_timeout_s: float = 10.0
    machine_name: str = ""  # processor, cores and memory, for people; equal names are machines that may be compared
    plan_hash: str = ""  # equal for runs that planned the same load; empty where nothing is known
    compare: tuple[str, ...] = ()  # the scenario's comparison rules

    @property
    def planned_s(self) -> float | None:
        """How long the load lasts by its plan, without its graceful stop; None where iterations decide."""
        lengths = [phase.planned_s for phase in self.phases]
        return None if None in lengths else sum(length or 0.0 for length in lengths)

    def own(self) -> dict[str, Metric]:
        """The scenario's own metrics by name, for ``parse_threshold``."""
        return {own.name: own.metric() for own in self.own_metrics}


class EarlyEnd(msgspec.Struct, frozen=True):
    """Why what was measured so far ends the run: a ``rule`` that is broken, or that it ``gave_up`` on its target."""

    rule: str | None = None
    gave_up: str | None = None


class LostProcess(msgspec.Struct, frozen=True):
    """A process whose last frame never came. ``why`` goes on after its number: "was ended by SIGKILL"."""

    process: int
    why: str


class Ending(msgspec.Struct, frozen=True):
    """How the run came to its end; the last line that it says about itself."""

    ended_at_s: float
    interrupted: str | None = None  # "Ctrl-C", "SIGTERM", "killed", or the rule that aborted it
    aborted_by: str | None = None
    defect: str | None = None
    phases: tuple[tuple[str, float, float], ...] = ()  # name, start_s, end_s as they really were
    lost: tuple[LostProcess, ...] = ()
    gave_up: str | None = None  # why the load was stopped although nothing broke: no connection ever opened
