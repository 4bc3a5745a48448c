"""Putting a scenario together: head, target, variables, load and users, in the order in which people read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from loadws.importers.notes import Imported, Notes, Variable
from loadws.importers.yaml_text import Commented, Reference, document

#: A user type: its flow, its message handlers, and its weight.
UserType = tuple[list[Any], list[dict[str, Any]], int]


class Secrets(Protocol):
    """What is secret in the scenario."""

    @property
    def secret(self) -> list[str]: ...

    @property
    def required(self) -> tuple[Variable, ...]: ...


def assembled(head: Sequence[str], target: str, users: Sequence[UserType], secrets: Secrets, notes: Notes) -> Imported:
    """Return the scenario: one user runs each recorded flow once."""
    scenario: dict[str, Any] = {"version": 1, "target": target}
    if secrets.required:
        scenario["variables"] = Commented(
            {each.name: _reference(each) for each in secrets.required},
            ["From the environment. They have no defaults, because the imported file must not give them away."],
        )
    if secrets.secret:
        scenario["secrets"] = list(secrets.secret)
    count = sum(weight for *_, weight in users)
    scenario["load"] = Commented(
        [{"users": count, "iterations": count}],
        ["Each recorded user once. For a load, write for example: {users: 100, for: 1m}"],
    )
    scenario |= _users(users)
    return Imported(document(_head(head, notes), scenario), notes.in_order(), secrets.required)


def _reference(variable: Variable) -> Any:
    """Return the reference; in quotes where the value is text, so that digits stay text."""
    reference = "${" + variable.environment + "}"
    return reference if variable.is_text else Reference(reference)


def _head(head: Sequence[str], notes: Notes) -> list[str]:
    lines = list(head)
    if kept := notes.in_order():
        lines += ["", "What was left out or changed, by the lines of the imported file:"]
        lines += [f"  line {note.line}: {note.text}" if note.line else f"  {note.text}" for note in kept]
    return lines


def _users(users: Sequence[UserType]) -> dict[str, Any]:
    if len(users) == 1:
        flow, handlers, _ = users[0]
        return {"flow": flow} | ({"on": {"message": handlers}} if handlers else {})
    types = []
    for number, (flow, handlers, weight) in enumerate(users, 1):
        user: dict[str, Any] = {"name": f"socket-{number}", "weight": weight, "flow": flow}
        types.append(user | ({"on": {"message": handlers}} if handlers else {}))
    return {"users": types}
