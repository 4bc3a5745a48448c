"""How many messages a second a scenario sends at most, where its plan says so: schedules, pauses, arrivals.

A loop without a pause sends as fast as the server answers, and a ``while``, an ``if``, or what is written as a template is
decided by the run: then nothing is said. A pause is counted as if the answers took no time, so this errs to the high side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from loadws.scenario.model import Scenario, UserType
from loadws.scenario.steps import AnyStep, EveryStep, RepeatStep, ThinkStep, walk
from loadws.terms.units import NS_PER_S

_SENDS = frozenset({"send", "request", "publish", "ping"})
#: What may run its steps any number of times, or never, or in code of its own.
_OPEN_ENDED = frozenset({"while", "if", "pick", "parallel", "call", "barrier"})


class _Unknown(Exception):
    """Only the run will tell."""


@dataclass(frozen=True, slots=True)
class _Pass:
    """One time through some steps: what it sends, and for how long it pauses at least."""

    messages: float = 0.0
    pause_s: float = 0.0

    def times(self, count: int) -> _Pass:
        return _Pass(self.messages * count, self.pause_s * count)

    def then(self, other: _Pass) -> _Pass:
        return _Pass(self.messages + other.messages, self.pause_s + other.pause_s)


def most_messages_per_s(scenario: Scenario, description: dict[str, Any]) -> float | None:
    """Of the busiest phase; None where it cannot be known. ``description`` is the plan's."""
    phases = description["phases"]
    held = max(max(phase["users_from"], phase["users_to"]) for phase in phases)
    coming = max(max(phase["arrivals_from_per_s"], phase["arrivals_to_per_s"]) for phase in phases)
    try:
        of_held = held * _mean(scenario, _rate_of_held) if held else 0.0
        of_arrived = coming * _mean(scenario, _messages_of_session) if coming else 0.0
    except _Unknown:
        return None
    return of_held + of_arrived


def _mean(scenario: Scenario, of: Callable[[UserType], float]) -> float:
    weights = sum(user_type.weight for user_type in scenario.user_types)
    return sum(user_type.weight * of(user_type) for user_type in scenario.user_types) / weights


def _rate_of_held(user_type: UserType) -> float:
    """Messages a second of one user that is there: of its fastest schedule or, without one, of its loop."""
    schedules = [step for _, step in walk(user_type.flow) if isinstance(step, EveryStep)]
    if schedules:
        return max(_of(step.do).messages * NS_PER_S / step.every for step in schedules)
    once = _of(user_type.flow)
    if not once.messages:
        return 0.0
    if not once.pause_s:
        raise _Unknown
    return once.messages / once.pause_s


def _messages_of_session(user_type: UserType) -> float:
    return _of(user_type.flow).messages


def _of(flow: tuple[AnyStep, ...]) -> _Pass:
    total = _Pass()
    for step in flow:
        total = total.then(_of_step(step))
    return total


def _of_step(step: AnyStep) -> _Pass:
    if step.verb in _OPEN_ENDED:
        raise _Unknown
    if isinstance(step, RepeatStep):
        if not isinstance(step.repeat, int):
            raise _Unknown
        return _of(step.do).times(step.repeat)
    if isinstance(step, EveryStep):
        if step.for_ is None:
            raise _Unknown
        return _Pass(_of(step.do).messages * (step.for_ // step.every), step.for_ / NS_PER_S)
    if isinstance(step, ThinkStep):
        mean_ns = step.think.exponential or ((step.think.least or 0) + (step.think.most or 0)) / 2
        return _Pass(pause_s=mean_ns / NS_PER_S)
    return _Pass(messages=float(step.verb in _SENDS))
