"""How many messages per second a scenario sends at most, where its plan tells it: schedules, pauses, arrivals.

A loop without a pause sends as fast as the server answers, and a ``while``, an ``if``, or a template is decided by the
run: the number is then unknown. A pause is counted as if the answers needed no time, so the number may be too high.
"""

from __future__ import annotations

from collections.abc import Callable

from loadws.plan.figures import PlanFigures
from loadws.plan.passes import Unknown, pass_through
from loadws.scenario.model.model import Scenario, UserType
from loadws.scenario.model.steps import AnyStep, WaitForStep, walk
from loadws.terms.units import NS_PER_S


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


def awaits_messages(scenario: Scenario) -> bool:
    """Return whether some step waits for a message that no request asked for."""
    flows = (user_type.flow for user_type in scenario.user_types)
    steps = (step for flow in flows for _, step in walk(flow))
    return any(isinstance(step, WaitForStep) and step.wait_for.close is None for step in steps)


def is_paced(scenario: Scenario) -> bool:
    """Return whether some step waits, or may wait, by a schedule or a pause. A closed loop without either measures
    throughput.
    """
    flows = (user_type.flow for user_type in scenario.user_types)
    return any(_may_pause(step) for flow in flows for _, step in walk(flow))


def _may_pause(step: AnyStep) -> bool:
    """Return whether a step waits on purpose, or may, as a function does."""
    pace = step.pace()
    return step.is_opaque or pace.pause_ns > 0 or pace.interval_ns is not None


def _mean(scenario: Scenario, of: Callable[[UserType], float]) -> float:
    weights = sum(user_type.weight for user_type in scenario.user_types)
    return sum(user_type.weight * of(user_type) for user_type in scenario.user_types) / weights


def _rate_of_held(user_type: UserType) -> float:
    """Return the messages per second of one held user: of its fastest schedule or, without one, of its loop.

    Raises:
        Unknown: It cannot be known before the run.
    """
    turns = [_rate_of_turns(step) for _, step in walk(user_type.flow) if step.pace().interval_ns is not None]
    if turns:
        return max(turns)
    once = pass_through(user_type.flow, _sends)
    if not once.count:
        return 0.0
    if not once.pause_s:
        raise Unknown
    return once.count / once.pause_s


def _rate_of_turns(schedule: AnyStep) -> float:
    """Return the messages per second of a schedule's turns."""
    interval_ns = schedule.pace().interval_ns
    assert interval_ns is not None
    return pass_through(schedule.inner(), _sends).count * NS_PER_S / interval_ns


def _messages_of_session(user_type: UserType) -> float:
    return pass_through(user_type.flow, _sends).count


def _sends(step: AnyStep) -> float:
    return float(step.sends)
