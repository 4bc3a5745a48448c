"""How many messages per second a scenario sends at most, where its plan says so: schedules, pauses, arrivals.

A loop without a pause sends as fast as the server answers, and a ``while``, an ``if``, or what is written as a template is
decided by the run: then nothing is said. A pause is counted as if the answers took no time, so this errs to the high side.
"""

from __future__ import annotations

from collections.abc import Callable

from loadws.plan.figures import PlanFigures
from loadws.plan.passes import Unknown, pass_through
from loadws.scenario.model.model import Scenario, UserType
from loadws.scenario.model.steps import AnyStep, CallStep, EveryStep, ThinkStep, walk
from loadws.terms.units import NS_PER_S

_SENDS = frozenset({"send", "request", "publish", "ping"})


def most_messages_per_s(scenario: Scenario, figures: PlanFigures) -> float | None:
    """Return the messages per second of the busiest phase; None where it cannot be known. ``figures`` are the plan's."""
    phases = figures.phases
    held = max(max(phase.users_from, phase.users_to) for phase in phases)
    coming = max(max(phase.arrivals_from_per_s, phase.arrivals_to_per_s) for phase in phases)
    try:
        of_held = held * _mean(scenario, _rate_of_held) if held else 0.0
        of_arrived = coming * _mean(scenario, _messages_of_session) if coming else 0.0
    except Unknown:
        return None
    return of_held + of_arrived


def is_paced(scenario: Scenario) -> bool:
    """Return whether some step waits by a schedule or a pause, or may; a closed loop without either measures throughput."""
    flows = (user_type.flow for user_type in scenario.user_types)
    return any(isinstance(step, EveryStep | ThinkStep | CallStep) for flow in flows for _, step in walk(flow))


def _mean(scenario: Scenario, of: Callable[[UserType], float]) -> float:
    weights = sum(user_type.weight for user_type in scenario.user_types)
    return sum(user_type.weight * of(user_type) for user_type in scenario.user_types) / weights


def _rate_of_held(user_type: UserType) -> float:
    """Messages a second of one user that is there: of its fastest schedule or, without one, of its loop."""
    schedules = [step for _, step in walk(user_type.flow) if isinstance(step, EveryStep)]
    if schedules:
        return max(pass_through(step.do, _sends).count * NS_PER_S / step.every for step in schedules)
    once = pass_through(user_type.flow, _sends)
    if not once.count:
        return 0.0
    if not once.pause_s:
        raise Unknown
    return once.count / once.pause_s


def _messages_of_session(user_type: UserType) -> float:
    return pass_through(user_type.flow, _sends).count


def _sends(step: AnyStep) -> float:
    return float(step.verb in _SENDS)
