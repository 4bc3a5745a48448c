"""``--time-scale``: the same scenario with longer or shorter phases.

It multiplies the durations of phases, the times of steps that are a part of the test's length (the ``for`` of ``every``),
and the time after which a rule that aborts is first judged. Times of a user or the server are no part of the test's length:
``think``, ``within``, intervals and rates stay.
"""

from __future__ import annotations

from loadws.scenario.model.model import Handlers, Phase, Scenario, ThresholdRule, UserType
from loadws.scenario.model.steps import AnyStep, Flow


def in_other_time(scenario: Scenario, factor: float) -> Scenario:
    """Return the scenario with its times multiplied. ``factor`` is above 0."""
    load = tuple(_lasting(phase, factor) for phase in scenario.load)
    rules = tuple(_later(rule, factor) for rule in scenario.thresholds)
    return _with_flows(scenario.model_copy(update={"load": load, "thresholds": rules}), factor)


def _times(ns: int, factor: float) -> int:
    """Return a whole number of nanoseconds, at least one: a time of 0 is none."""
    return max(1, round(ns * factor))


def _lasting(phase: Phase, factor: float) -> Phase:
    if phase.for_ is None:
        return phase
    return phase.model_copy(update={"for_": _times(phase.for_, factor)})


def _later(rule: ThresholdRule, factor: float) -> ThresholdRule:
    return rule.model_copy(update={"after": round(rule.after * factor)})


def _with_flows(scenario: Scenario, factor: float) -> Scenario:
    def changed(flow: Flow) -> Flow:
        return tuple(_step(step).with_flows(changed) for step in flow)

    def _step(step: AnyStep) -> AnyStep:
        said = {name: getattr(step, name) for name in step.test_times}
        return step.model_copy(update={name: _times(ns, factor) for name, ns in said.items() if ns is not None})

    def handlers(on: Handlers) -> Handlers:
        message = tuple(each.model_copy(update={"do": changed(each.do)}) for each in on.message)
        flows = {"open": changed(on.open), "error": changed(on.error), "close": changed(on.close)}
        return on.model_copy(update={**flows, "message": message})

    def user_type(each: UserType) -> UserType:
        return each.model_copy(update={"flow": changed(each.flow), "on": handlers(each.on)})

    if scenario.users is not None:
        return scenario.model_copy(update={"users": tuple(map(user_type, scenario.users))})
    on = None if scenario.on is None else handlers(scenario.on)
    flow = None if scenario.flow is None else changed(scenario.flow)
    return scenario.model_copy(update={"flow": flow, "on": on})
