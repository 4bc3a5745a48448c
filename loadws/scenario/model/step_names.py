"""Step names: the name in the file, else the step's literal text, else its verb and number.

Steps of one verb may share a name, and are then measured together; steps of two verbs may not. A name and ``on_failure`` in
a verb's body are moved to the step, so that no reader has to look in two places.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from loadws.scenario.model.model import Handlers, Scenario, UserType
from loadws.scenario.model.steps import AnyStep, Flow, Step, walk
from loadws.scenario.yaml.explain import Where

#: A literal text as a name is cut to this many characters.
LONGEST_LITERAL = 60


def walk_steps(scenario: Scenario) -> Iterator[tuple[Where, AnyStep]]:
    """Yield every step with its place: each user type's flow, then its handlers."""
    for place, user_type in walk_user_types(scenario):
        for where, flow in flows_of(user_type):
            yield from walk(flow, (*place, *where))


def flows_around(scenario: Scenario) -> Iterator[tuple[Where, Flow]]:
    """Yield the flows that have no user: ``setup`` before the load and ``teardown`` after it."""
    yield ("setup",), scenario.setup
    yield ("teardown",), scenario.teardown


def walk_around(scenario: Scenario) -> Iterator[tuple[Where, AnyStep]]:
    for where, flow in flows_around(scenario):
        yield from walk(flow, where)


def walk_user_types(scenario: Scenario) -> Iterator[tuple[Where, UserType]]:
    """Yield the user types with their places; for the short form that is the scenario itself."""
    for index, user_type in enumerate(scenario.user_types):
        yield ("users", index) if scenario.users is not None else (), user_type


def flows_of(user_type: UserType) -> Iterator[tuple[Where, Flow]]:
    """Yield a user type's flow and the flows of its handlers, each with its place in the scenario."""
    yield ("flow",), user_type.flow
    yield ("on", "open"), user_type.on.open
    for index, handler in enumerate(user_type.on.message):
        yield ("on", "message", index, "do"), handler.do
    yield ("on", "error"), user_type.on.error
    yield ("on", "close"), user_type.on.close


def name_steps(scenario: Scenario, hide: Callable[[str], str] = str) -> Scenario:
    """Return the scenario with a name for every step, and the keys of bodies that concern the step moved to it.

    ``hide`` masks secrets in a literal text before that becomes a name.
    """
    names = _Names({said: step.verb for _, step in walk_steps(scenario) if (said := said_name(step))}, hide)
    named = _with_named_users(names, scenario)
    return named.model_copy(update={"setup": names.flow(scenario.setup), "teardown": names.flow(scenario.teardown)})


def _with_named_users(names: _Names, scenario: Scenario) -> Scenario:
    if scenario.users is None:
        assert scenario.flow is not None
        flow = names.flow(scenario.flow)
        on = None if scenario.on is None else _named_handlers(names, scenario.on)
        return scenario.model_copy(update={"flow": flow, "on": on})
    users = tuple(
        user_type.model_copy(update={"flow": names.flow(user_type.flow), "on": _named_handlers(names, user_type.on)})
        for user_type in scenario.users
    )
    return scenario.model_copy(update={"users": users})


def _named_handlers(names: _Names, on: Handlers) -> Handlers:
    # The order is that of flows_of: it is what verb-N counts by.
    return on.model_copy(
        update={
            "open": names.flow(on.open),
            "message": tuple(each.model_copy(update={"do": names.flow(each.do)}) for each in on.message),
            "error": names.flow(on.error),
            "close": names.flow(on.close),
        }
    )


def said_name(step: Step) -> str | None:
    """Return the name beside the verb, or in its body; None for neither."""
    return step.name or getattr(step.body, "name", None)


def literal_text(step: Step) -> str | None:
    """Return the constant text that a step is named by, on one line; None where there is none."""
    payload = next((payload for _, payload in step.payloads()), None) if step.is_named_by_text else None
    if payload is None or payload.text is None or "{{" in payload.text:
        return None
    return " ".join("".join(char if char.isprintable() else " " for char in payload.text).split()) or None


@dataclass
class _Names:
    """The names given so far: their verbs, the whole texts of those that were cut, and each verb's number of steps."""

    verbs: dict[str, str]
    hide: Callable[[str], str] = str
    literals: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def flow(self, flow: Flow) -> Flow:
        return tuple(self._named(step) for step in flow)

    def _named(self, step: AnyStep) -> AnyStep:
        self.counts[step.verb] += 1
        name = said_name(step) or self._literal(step) or self._numbered(step.verb)
        self.verbs.setdefault(name, step.verb)
        on_failure = step.on_failure or getattr(step.body, "on_failure", None)
        return step.model_copy(update={"name": name, "on_failure": on_failure}).with_flows(self.flow)

    def _literal(self, step: Step) -> str | None:
        text = literal_text(step)
        if text is None:
            return None
        text = self.hide(text)
        name = text if len(text) <= LONGEST_LITERAL else text[: LONGEST_LITERAL - 1] + "…"
        taken = self.verbs.get(name, step.verb) != step.verb or self.literals.setdefault(name, text) != text
        return None if taken else name

    def _numbered(self, verb: str) -> str:
        number = self.counts[verb]
        while f"{verb}-{number}" in self.verbs:
            number += 1
        return f"{verb}-{number}"
