"""``run.json``: the facts about a run before its load, from the scenario, the plan, the machine and the command."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Sequence, Set
from datetime import datetime
from importlib.metadata import version

from loadws import __version__
from loadws.cli.options import RunOptions
from loadws.cli.running.place import place
from loadws.fleet.machine.identity import machine_name
from loadws.fleet.machine.preflight import Machine, means_of
from loadws.fleet.machine.receive_stamps import Stamping
from loadws.metrics.runinfo import GeneratorMachine, OwnMetric, PhaseInfo, ProbeInfo, Rule, RunInfo, ShareInfo
from loadws.metrics.summary import SCHEMA_VERSION
from loadws.plan.demand import awaits_messages, is_paced
from loadws.plan.figures import PlanFigures
from loadws.plan.fingerprint import plan_hash
from loadws.plan.plan import Plan, PlannedPhase
from loadws.scenario.build import Loaded
from loadws.scenario.model.model import Phase
from loadws.scenario.model.notices import notices
from loadws.scenario.model.probes import probes_of
from loadws.terms.masker import Masker
from loadws.terms.metrics import Metric
from loadws.terms.secrets import MASKED, is_secret_header, shown_address
from loadws.terms.units import NS_PER_S, NS_PER_US

#: ``--set token=abc``, ``--set=token=abc``, ``token=abc``, ``chat.yaml``: an option, a name, the sign, and a value.
_WORD = re.compile(r"(--[\w-]+=?|-\w)?([\w.-]*(?==)|[^\0]*)(=?)([^\0]*)")
LIBRARIES = ("trio", "trio-websocket", "wsproto", "pydantic", "msgspec", "ruamel.yaml")


def run_info(
    loaded: Loaded,
    options: RunOptions,
    plan: Plan,
    figures: PlanFigures,
    processes: int,
    machine: Machine,
    stamping: Stamping,
    started_at: datetime,
    share: ShareInfo | None = None,
) -> RunInfo:
    scenario = loaded.scenario
    return RunInfo(
        schema_version=SCHEMA_VERSION,
        scenario=scenario.name or loaded.path.stem,
        started_at=started_at.isoformat().replace("+00:00", "Z"),
        seed=plan.seed,
        transport=options.transport,
        processes=processes,
        loadws_version=__version__,
        model=plan.model,
        target=loaded.shown_target,
        phases=tuple(_phase_info(planned, phase) for planned, phase in zip(plan.phases, scenario.load, strict=True)),
        rules=tuple(Rule(rule.rule, rule.abort, rule.after / NS_PER_S) for rule in scenario.thresholds),
        own_metrics=tuple(_own_metrics(loaded.own_metrics.values())),
        paced=is_paced(scenario),
        awaits_messages=awaits_messages(scenario),
        probes=tuple(ProbeInfo(probe.name, probe.within_ns // NS_PER_US) for probe in probes_of(scenario)),
        expected_arrivals=plan.own.part_of(plan.expected_arrivals),
        command=masked_command(options.command, scenario.secrets, loaded.masker),
        plan=figures.as_json(),
        machine=_described(machine),
        versions={"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
        stamps=stamping.stamps,
        means=means_of(options.transport),
        too_close=scenario.too_close,
        send_lag_limit_ns=scenario.generator.send_lag,
        keep_trying=options.keep_trying,
        open_timeout_s=scenario.connection.open_timeout / NS_PER_S,
        machine_name=machine_name(),
        plan_hash=plan_hash(scenario),
        compare=scenario.compare,
        place={name: loaded.masker.text(shown_address(value)) for name, value in place(os.environ).items()},
        notes=(*notices(scenario), *((stamping.fallback,) if stamping.fallback else ())),
        share=share,
    )


def _phase_info(planned: PlannedPhase, phase: Phase) -> PhaseInfo:
    return PhaseInfo(planned.name, planned.warmup, _seconds(planned.duration_ns), phase.max_dropped, phase.max_skipped)


def masked_command(words: Sequence[str], secrets: Sequence[str], masker: Masker) -> tuple[str, ...]:
    """Return the command line without secrets: settings of secret variables, parts of addresses, and known values."""
    listed = {name.partition(".")[0] for name in secrets}
    return tuple(_masked_word(word, listed, masker) for word in words)


def _masked_word(word: str, listed: Set[str], masker: Masker) -> str:
    """Return the word without secrets. Names of options and of variables are not values, and stay."""
    option, name, equals, value = _WORD.fullmatch(word).groups("")  # type: ignore[union-attr]
    if equals and (name.strip() in listed or is_secret_header(name.strip())):
        return f"{option}{name}={MASKED}"
    shown = masker.text(shown_address(value if equals else name), MASKED)
    return f"{option}{name}={shown}" if equals else option + shown


def _own_metrics(metrics: Iterable[Metric]) -> Iterable[OwnMetric]:
    for metric in metrics:
        if metric.kind in ("histogram", "counter"):
            yield OwnMetric(metric.name, "histogram" if metric.kind == "histogram" else "counter", metric.unit)


def _described(machine: Machine) -> GeneratorMachine:
    return GeneratorMachine(
        system=platform.platform(),
        cores=os.cpu_count() or 1,
        descriptors=machine.descriptors,
        ports=machine.ports,
        free_memory_bytes=machine.memory_bytes,
    )


def _seconds(ns: int | None) -> float | None:
    return None if ns is None else ns / NS_PER_S
