"""Names without secrets: a name labels measurements and appears in every output, so it is masked before it is used.

Names are masked in the scenario itself, together with all references to them, so that each still means the same.
"""

from __future__ import annotations

import re
from typing import TypeVar

from pydantic import BaseModel

from loadws.scenario.model.model import Handlers, Scenario, UserType
from loadws.scenario.model.moments import Measure
from loadws.scenario.model.steps import AnyStep, Body, Flow
from loadws.terms.masker import Masker

Model = TypeVar("Model", bound=BaseModel)
#: Where a rule names something: its labels, and a metric's name in quotes.
_NAMED_IN_A_RULE = re.compile(r"\{[^}]*\}|\"[^\"]*\"|'[^']*'")


def hide_names(scenario: Scenario, masker: Masker) -> Scenario:
    """Return the scenario with secret values masked in all of its names."""
    return _Hiding(masker).scenario(scenario) if masker else scenario


class _Hiding:
    def __init__(self, masker: Masker) -> None:
        self._masker = masker

    def scenario(self, scenario: Scenario) -> Scenario:
        rules = tuple(
            rule.model_copy(update={"rule": _NAMED_IN_A_RULE.sub(lambda match: self._masker.text(match[0]), rule.rule)})
            for rule in scenario.thresholds
        )
        named = self._with(scenario, "name").model_copy(
            update={
                "load": tuple(self._with(phase, "name") for phase in scenario.load),
                "thresholds": rules,
                "measure": tuple(self._measure(each) for each in scenario.measure),
                "setup": self._flow(scenario.setup),
                "teardown": self._flow(scenario.teardown),
            }
        )
        if scenario.users is not None:
            return named.model_copy(update={"users": tuple(map(self._user_type, scenario.users))})
        on = None if scenario.on is None else self._handlers(scenario.on)
        return named.model_copy(update={"flow": self._flow(scenario.flow or ()), "on": on})

    def _measure(self, measure: Measure) -> Measure:
        moments = {"from_": self._with(measure.from_, "step"), "to": self._with(measure.to, "step")}
        return self._with(measure, "name").model_copy(update=moments)

    def _user_type(self, user_type: UserType) -> UserType:
        flows = {"flow": self._flow(user_type.flow), "on": self._handlers(user_type.on)}
        return self._with(user_type, "name").model_copy(update=flows)

    def _handlers(self, on: Handlers) -> Handlers:
        messages = tuple(
            each.model_copy(
                update={
                    "do": self._flow(each.do),
                    "deliver": each.deliver and self._with(each.deliver, "probe", "after", "until"),
                }
            )
            for each in on.message
        )
        flows = {name: self._flow(getattr(on, name)) for name in ("open", "error", "close")}
        return on.model_copy(update={"message": messages, **flows})

    def _flow(self, flow: Flow) -> Flow:
        return tuple(self._step(step) for step in flow)

    def _step(self, step: AnyStep) -> AnyStep:
        step = self._with(step, "name").with_flows(self._flow)
        for path in step.names:
            step = self._at(step, path)
        if not isinstance(step.body, Body):
            return step
        return step.model_copy(update={step.verb: self._with(step.body, "name")})

    def _at(self, model: Model, path: tuple[str, ...]) -> Model:
        """Return the model with the name, or names, at a path masked. A template's text is masked in the run."""
        field, *rest = path
        value = getattr(model, field)
        if rest:
            return model.model_copy(update={field: self._at(value, tuple(rest))})
        if isinstance(value, tuple):
            return model.model_copy(update={field: tuple(map(self._masker.text, value))})
        return model if "{{" in value else self._with(model, field)

    def _with(self, model: Model, *names: str) -> Model:
        """Return the model with the hidden names in its texts masked; the same object where there are none."""
        texts = {name: text for name in names if isinstance(text := getattr(model, name), str)}
        masked = {name: self._masker.text(text) for name, text in texts.items()}
        return model if masked == texts else model.model_copy(update=masked)
