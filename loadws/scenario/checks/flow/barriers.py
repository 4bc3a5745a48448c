"""Check that each barrier can have enough users, and that the steps of one barrier agree on their number."""

from __future__ import annotations

from loadws.scenario.checks.findings import Findings
from loadws.scenario.model.model import Scenario
from loadws.scenario.model.step_names import walk_steps
from loadws.scenario.model.steps import BarrierStep
from loadws.scenario.yaml.explain import Where


def check_barriers(findings: Findings) -> None:
    most = None if findings.lost_phases else most_users(findings.scenario)
    first: dict[str, tuple[int, Where]] = {}
    for where, step in walk_steps(findings.scenario):
        if not isinstance(step, BarrierStep):
            continue
        place, users = (*where, "barrier", "users"), step.barrier.users
        known, known_at = first.setdefault(step.label, (users, place))
        if users != known:
            message = f"the barrier {step.label!r} has {known:,} users already, in line {findings.line_of(known_at)}"
            findings.error(place, message, "barriers of one name are one barrier")
        elif most is not None and users > most:
            message = f"no phase has that many users: this barrier never opens (there are at most {most:,})"
            findings.error(place, message)


def most_users(scenario: Scenario) -> int | None:
    """Return the largest number of users at once; None where arrivals without ``max_users`` set no bound."""
    most = 0
    for phase in scenario.load:
        if phase.arrivals is not None and phase.max_users is None:
            return None
        held = max(phase.users.from_ or 0, phase.users.to) if phase.users else 0
        most = max(most, held, phase.max_users or 0)
    return most
