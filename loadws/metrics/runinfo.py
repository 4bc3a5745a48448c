"""What is known about a run before its load starts: ``run.json``.

A summary is made of this and the frames alone, so it contains all that the judgement of a killed run needs.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    """A probe that the scenario publishes, and for how long its deliveries count."""

    name: str
    within_us: int


class ShareInfo(msgspec.Struct, frozen=True):
    """The identity of one share of a load, and the values that shares of one load have in common.

    Share ``index`` of ``of``, ``index`` from 0. ``fingerprint`` is the plan's: the same on every machine with the same
    scenario, data and options. ``whole_plan`` describes all shares together.
    """

    run_id: str
    fingerprint: str
    index: int
    of: int
    machine: str
    whole_plan: dict[str, Any]
    start_at: str | None = None  # UTC: the start that was asked for
    began_at: str | None = None  # UTC: when its load really began; None: it never did
    weights: tuple[int, ...] = ()  # of all shares; empty: all are equal

    @property
    def weight(self) -> int:
        """Return the weight of this share among ``weights``."""
        return self.weights[self.index] if self.weights else 1

    @property
    def name(self) -> str:
        return f"share {self.index} of {self.of} ({self.machine})"


class MachineInfo(msgspec.Struct, frozen=True):
    """One machine of a merged run: its share, and its results.

    ``numbers`` are its processes', as in the frames and the health table. ``lost`` says why its data is missing in
    whole or in part; None where all of it is there.
    """

    share: int
    machine: str
    numbers: tuple[int, ...] = ()
    began_at: str | None = None
    weight: int = 1  # of its share of the load, beside those of the other machines
    lost: str | None = None
    outcome: str = ""
    opened: int = 0  # connections
    sent: int = 0  # messages
    answered: int = 0
    errors: int = 0
    response_p50_ns: float | None = None  # of the judged time; None where there are too few answers for it
    response_p99_ns: float | None = None
    clock: str = ""  # how far it is from the coordinator's, in words; empty where they were not compared
    clock_error_ns: int | None = None  # by how much its times may differ from the coordinator's; None: unknown
    checked: str = ""  # what preflight and calibration found there, in words; empty where they ran elsewhere
    page: str = ""  # the share's own report, relative to the merged run's folder; empty where there is none

    @property
    def name(self) -> str:
        return f"share {self.share} ({self.machine})" if self.machine else f"share {self.share}"


class GeneratorMachine(msgspec.Struct, frozen=True, omit_defaults=True):
    """The machine that made the load, before it began. A merged run has only ``systems``, by the names of its shares.

    ``descriptors`` and ``ports`` are limits, a huge number where the system reports none. A field that is not known is left
    out of the JSON.
    """

    system: str = ""
    cores: int | None = None
    descriptors: int | None = None
    ports: int | None = None
    free_memory_bytes: int | None = None
    systems: dict[str, str] = {}

    def facts(self) -> dict[str, Any]:
        """Return the known fields by their names, and the systems by the names of their shares."""
        known: dict[str, Any] = msgspec.to_builtins(self)
        systems: dict[str, str] = known.pop("systems", {})
        return {**known, **systems}


class RunInfo(msgspec.Struct, frozen=True):
    """The facts about a run before its load. ``plan`` holds the plan's figures (``plan/figures.py``) as JSON."""

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
    machine: GeneratorMachine
    versions: dict[str, str]
    stamps: Literal["user", "kernel"] = "user"  # which side stamps received answers: loadws, or the kernel
    notes: tuple[str, ...] = ()  # caveats that a reader of the results must know, in sentences
    probes: tuple[ProbeInfo, ...] = ()
    means: str = ""  # what the transport works with on this platform
    too_close: Literal["inconclusive", "pass"] = "inconclusive"  # of a percentile whose interval has its limit inside
    send_lag_limit_ns: float | None = None  # the scenario's own limit; None: as far as no verdict changes
    keep_trying: bool = False  # the load goes on where no connection has ever opened
    open_timeout_s: float = 10.0
    place: dict[str, str] = {}  # where it was run: ``host``; in CI also ``job`` (an address) and ``commit``
    machine_name: str = ""  # processor, cores and memory, for people; equal names are machines that may be compared
    plan_hash: str = ""  # equal for runs that planned the same load; empty where nothing is known
    canary_ns: float | None = None  # the median round trip of loadws' own echo target just before the load
    compare: tuple[str, ...] = ()  # the scenario's comparison rules
    share: ShareInfo | None = None  # None: the whole load
    machines: tuple[MachineInfo, ...] = ()  # of a merged run
    awaits_messages: bool = False  # some step waits for a message that no request asked for
    tolerated_losses: int = 0  # so many machines may be lost, and the run is inconclusive instead of invalid

    @property
    def process_numbers(self) -> Sequence[int]:
        """Return the numbers of the processes that made this load. Those of a share leave room for the other shares'."""
        if self.machines:
            return sorted(number for machine in self.machines for number in machine.numbers)
        if self.share is not None:
            return range(self.share.index, self.share.index + self.share.of * self.processes, self.share.of)
        return range(self.processes)

    @property
    def clock_bound_ns(self) -> int | None:
        """By how much the clocks of two machines may differ at most; None where not all were compared."""
        errors = sorted(machine.clock_error_ns for machine in self.machines if machine.clock_error_ns is not None)
        return sum(errors[-2:]) if len(errors) == len(self.machines) > 1 else None

    @property
    def planned_s(self) -> float | None:
        """Return how long the load lasts by its plan, without its graceful stop; None where iterations decide."""
        lengths = [phase.planned_s for phase in self.phases]
        return None if None in lengths else sum(length or 0.0 for length in lengths)

    def own(self) -> dict[str, Metric]:
        """Return the scenario's own metrics by name, for ``parse_threshold``."""
        return {own.name: own.metric() for own in self.own_metrics}


class EarlyEnd(msgspec.Struct, frozen=True):
    """A reason to end the run for what was measured so far: a broken ``rule``, or that it ``gave_up`` on its target."""

    rule: str | None = None
    gave_up: str | None = None


class LostProcess(msgspec.Struct, frozen=True):
    """A process whose last frame never came. ``why`` is the end of a sentence that begins with its number: "was ended
    by SIGKILL".
    """

    process: int
    why: str


class Ending(msgspec.Struct, frozen=True):
    """The end of the run: the last line that it writes."""

    ended_at_s: float
    interrupted: str | None = None  # "Ctrl-C", "SIGTERM", "killed", or the rule that aborted it
    aborted_by: str | None = None
    defect: str | None = None
    phases: tuple[tuple[str, float, float], ...] = ()  # name, start_s, end_s as they really were
    lost: tuple[LostProcess, ...] = ()
    gave_up: str | None = None  # why the load was stopped although nothing broke: no connection ever opened
    notes: tuple[str, ...] = ()  # caveats that a reader must know, in sentences: what a live output lost


def lost_machines(info: RunInfo, ending: Ending | None) -> list[tuple[MachineInfo, str]]:
    """Return the machines with data missing in whole or in part, each with the reason, a clause."""
    why = {lost.process: lost.why for lost in ending.lost} if ending else {}
    lost = []
    for machine in info.machines:
        of_process = next((f"its process {number} {why[number]}" for number in machine.numbers if number in why), None)
        if (reason := machine.lost or of_process) is not None:
            lost.append((machine, reason))
    return lost


def excused_processes(info: RunInfo, ending: Ending | None) -> frozenset[int]:
    """Return the processes of lost machines, where that many may be lost; none where more are."""
    lost = lost_machines(info, ending)
    if len(lost) > info.tolerated_losses:
        return frozenset()
    return frozenset(number for machine, _ in lost for number in machine.numbers)
