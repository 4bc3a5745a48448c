"""Check that each step finds the connection that it names.

A flow is followed in its order, with a state for each of its connections. After a function, after branches that disagree,
and wherever else the file does not determine the state of a connection, the state is unknown and gives no message. A loop is
followed twice, because its second turn begins where its first one ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from loadws.scenario.checks.findings import Findings
from loadws.scenario.model.model import UserType
from loadws.scenario.model.step_names import flows_of, walk_user_types
from loadws.scenario.model.steps import AnyStep, ConnectStep, Flow, OnConnection, walk
from loadws.scenario.yaml.explain import Where, any_of
from loadws.terms.errors import did_you_mean

_State = Literal["none", "open", "refused", "closed", "unknown"]
#: Of each connection by its name; None is the one without. What is not in it is "none".
_States = dict[str | None, _State]


def check_connections(findings: Findings) -> None:
    for place, user_type in walk_user_types(findings.scenario):
        _check_user_type(findings, place, user_type)


def _check_user_type(findings: Findings, place: Where, user_type: UserType) -> None:
    for where, flow in flows_of(user_type):
        if where[0] == "on":
            _refuse_connects(findings, flow, (*place, *where), "a handler belongs to a connection, and opens none")
    if findings.lost_steps:
        return  # a connect or close may be among what was cut out
    names = _names(user_type)
    if not user_type.is_in_python:  # a function may open others
        _check_names(findings, place, user_type, names)
    where = (*place, "flow")
    if user_type.is_whole_session:
        heals, ended = _heals(findings, user_type), _handlers_close(user_type)
        _Connections(findings, names, heals, ended).flow(user_type.flow, where, {})
    else:
        message = "this flow is the inside of a session, which is connected already"
        _refuse_connects(findings, user_type.flow, where, message, "a whole session has connect at its top level")


def _heals(findings: Findings, user_type: UserType) -> bool:
    """Return whether some connection of the user has a reconnect policy."""
    connects = (step.connect for _, step in walk(user_type.flow) if isinstance(step, ConnectStep))
    options = findings.scenario.connection
    return any(options.reconnect if body.reconnect is None else body.reconnect for body in connects)


def _handlers_close(user_type: UserType) -> bool:
    flows = (flow for where, flow in flows_of(user_type) if where[0] == "on")
    return any(step.is_opaque or step.effect() in ("closes", "drops") for flow in flows for _, step in walk(flow))


def _refuse_connects(findings: Findings, flow: Flow, where: Where, message: str, advice: str = "") -> None:
    for inner, step in walk(flow, where):
        if isinstance(step, ConnectStep):
            findings.error(inner, message, advice)


# -- names ------------------------------------------------------------------------------------------------------------


def _names(user_type: UserType) -> dict[str, None]:
    """Return the names of the connections that have one, in the order of the flow."""
    steps = (step for _, step in walk(user_type.flow) if isinstance(step, ConnectStep))
    return dict.fromkeys(step.connect.as_ for step in steps if step.connect.as_ is not None)


def _check_names(findings: Findings, place: Where, user_type: UserType, names: Iterable[str]) -> None:
    for where, name in _mentioned(place, user_type):
        if name not in names:
            advice = did_you_mean(name, names) or f"write connect: {{as: {name}}} where it opens"
            findings.error(where, f"this user opens no connection {name!r}", advice)


def _mentioned(place: Where, user_type: UserType) -> Iterator[tuple[Where, str]]:
    """Yield the place and name of every ``on:`` that names a connection."""
    for where, flow in flows_of(user_type):
        for inner, step in walk(flow, (*place, *where)):
            if isinstance(step.body, OnConnection) and step.body.on is not None:
                yield (*inner, step.verb, "on"), step.body.on
    for index, handler in enumerate(user_type.on.message):
        if handler.on is not None:
            yield (*place, "on", "message", index, "on"), handler.on


# -- states -----------------------------------------------------------------------------------------------------------


@dataclass
class _Connections:
    """The connections of a flow, followed step by step. ``told`` are the places that already have a message."""

    findings: Findings
    names: Iterable[str]
    heals: bool  # a policy may open a connection again that has ended
    is_ended_elsewhere: bool  # a handler may close what the flow has opened
    told: set[Where] = field(default_factory=set)

    def flow(self, flow: Flow, where: Where, states: _States) -> _States:
        for index, step in enumerate(flow):
            states = self._step(step, (*where, index), states)
        return states

    def _step(self, step: AnyStep, where: Where, states: _States) -> _States:
        if step.is_opaque:
            return {**states, **dict.fromkeys((None, *self.names), "unknown")}
        if step.effect() in ("opens", "refused"):
            return self._connect(step, where, states)
        if isinstance(step.body, OnConnection):
            return self._use(step, step.body.on, where, states)
        after = [self.flow(steps, (*where, *path), states) for path, steps in step.children()]
        if step.inside == "again":
            after = [states, *(self.flow(steps, (*where, *path), after[0]) for path, steps in step.children())]
        if step.inside in ("one", "again"):
            return _agreed(after)
        return _all_changes(states, after) if step.inside == "together" else states

    def _connect(self, step: AnyStep, where: Where, states: _States) -> _States:
        name = step.connection
        if states.get(name) == "open":
            advice = "close it first, or give this one a name: as" if name is None else "close it first"
            self._tell(where, f"{_the(name)} is open already", advice, warning=True)
        refused = step.effect() == "refused"
        return {**states, name: "refused" if refused else "unknown" if self.is_ended_elsewhere else "open"}

    def _use(self, step: AnyStep, name: str | None, where: Where, states: _States) -> _States:
        state = states.get(name, "none")
        if state not in ("open", "unknown") and (name is None or name in self.names):
            self._tell(where, *self._missing(name, state))
            return {**states, name: "unknown"}  # said once
        return {**states, name: self._after(step, state)}

    def _after(self, step: AnyStep, state: _State) -> _State:
        """Return the state that a step leaves a connection in. A lost connection may be opened again by a policy."""
        effect = step.effect()
        if effect == "closes":
            return "closed"
        if effect == "reopens":
            return "unknown" if self.is_ended_elsewhere else "open"
        if effect == "drops" or step.awaits() == "close":
            return "unknown" if self.heals else "closed"
        return state

    def _missing(self, name: str | None, state: _State) -> tuple[str, str]:
        if state == "closed":
            return f"{_the(name)} is closed here", "connect again before"
        there_is_none = f"there is no connection{'' if name is None else f' {name!r}'}"
        if state == "refused":
            return f"{there_is_none}: the connect before expects to be refused", "connect again before"
        if name is None and self.names:
            return f"{there_is_none} without a name yet", f"connect without as, or say on: {any_of(self.names)}"
        first = "connect" if name is None else f"connect: {{as: {name}}}"
        return f"{there_is_none} yet", f"{first} comes first in a flow that has one"

    def _tell(self, where: Where, message: str, advice: str, *, warning: bool = False) -> None:
        if where not in self.told:
            self.told.add(where)
            (self.findings.warning if warning else self.findings.error)(where, message, advice)


def _the(name: str | None) -> str:
    return "the connection" if name is None else f"the connection {name!r}"


def _agreed(ways: list[_States]) -> _States:
    """Return the states after one of several ways; where they disagree on a connection, its state is unknown."""
    after: _States = {}
    for name in {name for states in ways for name in states}:
        found = {states.get(name, "none") for states in ways}
        after[name] = found.pop() if len(found) == 1 else "unknown"
    return after


def _all_changes(before: _States, branches: list[_States]) -> _States:
    """Return the states after several branches that ran side by side: each with the changes of all branches."""
    after = dict(before)
    for states in branches:
        after.update({name: state for name, state in states.items() if before.get(name) != state})
    return after
