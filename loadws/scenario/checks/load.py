"""Check phases: names that differ, users for each, and something to judge."""

from __future__ import annotations

from loadws.scenario.checks.findings import Findings
from loadws.scenario.model.model import Phase, UserType
from loadws.scenario.model.steps import Flow
from loadws.terms.units import NS_PER_S


def check_load(findings: Findings) -> None:
    phases = findings.scenario.load
    held = 0
    for index, phase in enumerate(phases):
        _check_phase(findings, index, phase, held)
        held = _held_at_end(phase)
    _check_names(findings, phases)
    if findings.lost_phases:
        return
    if not any(_has_load(phase) for phase in phases):
        findings.error(("load",), "no phase has any users or arrivals", "nothing would run")
    elif all(phase.warmup for phase in phases):
        findings.error(("load",), "every phase is warm-up: nothing would be judged", "add a phase without warmup")


def most_held(phases: tuple[Phase, ...]) -> int:
    """Return the largest number of users held at once. There are at least as many users in all."""
    most = held = 0
    for phase in phases:
        most = max(most, _held_at_start(phase, held), _held_at_end(phase))
        held = _held_at_end(phase)
    return most


def expected_arrivals(phases: tuple[Phase, ...]) -> int:
    """Return the mean number of users that arrive in all."""
    total = rate = 0.0
    for phase in phases:
        start = rate if phase.arrivals is None or phase.arrivals.from_ is None else phase.arrivals.from_
        rate = phase.arrivals.to if phase.arrivals else 0.0
        if phase.arrivals is not None and phase.for_ is not None:
            total += (start + rate) / 2 * phase.for_ / NS_PER_S
    return round(total)


def _held_at_end(phase: Phase) -> int:
    return phase.users.to if phase.users else 0


def _held_at_start(phase: Phase, before: int) -> int:
    if phase.users is None:
        return 0
    return before if phase.users.from_ is None else phase.users.from_


def _has_load(phase: Phase) -> bool:
    users, arrivals = phase.users, phase.arrivals
    return bool(
        (users and (users.to or users.from_)) or (arrivals and (arrivals.to or arrivals.from_))
    )  # fmt: skip


def _check_phase(findings: Findings, index: int, phase: Phase, held_before: int) -> None:
    where = ("load", index)
    most = max(_held_at_start(phase, held_before), _held_at_end(phase))
    if phase.arrivals is None and phase.max_users is not None:
        findings.error((*where, "max_users"), "max_users bounds arrivals, and this phase has none", at_key=True)
    if phase.arrivals is None and "spacing" in phase.model_fields_set:
        findings.error((*where, "spacing"), "spacing is that of arrivals, and this phase has none", at_key=True)
    if phase.arrivals is not None and phase.max_users is not None and phase.max_users < most:
        message = f"max_users is below the {most:,} users that this phase holds: every arrival would be dropped"
        findings.error((*where, "max_users"), message)
    if phase.iterations is not None and phase.arrivals is None and most == 0:
        findings.error((*where, "iterations"), "this phase has no users to run its iterations", at_key=True)
    if phase.iterations is not None and phase.for_ is None:
        _check_that_flows_end(findings, index)


def _check_that_flows_end(findings: Findings, index: int) -> None:
    if all(_never_ends(user_type.flow) for user_type in findings.scenario.user_types):
        message = "this phase never ends: its iterations are flows that do not end"
        findings.error(("load", index, "iterations"), message, "give the phase, or the flow's every, a time: for")


def _never_ends(flow: Flow) -> bool:
    return any(step.pace().is_endless for step in flow)


def _check_names(findings: Findings, phases: tuple[Phase, ...]) -> None:
    _check_different(findings, "phase", [(("load", index), phase) for index, phase in enumerate(phases)])


def check_user_types(findings: Findings) -> None:
    """Check that the names of user types differ."""
    types = enumerate(findings.scenario.users or ())
    _check_different(findings, "user type", [(("users", index), user_type) for index, user_type in types])


def _check_different(
    findings: Findings, what: str, named: list[tuple[tuple[str, int], Phase]] | list[tuple[tuple[str, int], UserType]]
) -> None:
    first: dict[str, tuple[str, int]] = {}
    for where, part in named:
        if part.name is None:
            continue
        if part.name in first:
            line = findings.line_of((*first[part.name], "name"))
            findings.error((*where, "name"), f"there is a {what} {part.name!r} already, in line {line}")
        first.setdefault(part.name, where)
