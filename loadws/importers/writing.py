"""Putting a scenario together: head, target, variables, load and users, in the order in which people read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from loadws.importers.notes import Imported, Notes, Variable
from loadws.importers.vault import Vault
from loadws.importers.yaml_text import Commented, Reference, Steps, document

_NO_DEFAULTS = "From the environment. They have no defaults, because the imported file must not give them away."


@dataclass
class Draft:
    """A scenario that is being made.

    ``head`` are its first comment lines. ``required`` are variables that nothing sets, beside the secrets of the vault;
    ``environment`` are names of environment variables that it refers to elsewhere.
    """

    head: list[str]
    target: str
    load: Any = None
    variables: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    connection: dict[str, Any] = field(default_factory=dict)
    measures: list[dict[str, Any]] = field(default_factory=list)
    users: list[dict[str, Any]] = field(default_factory=list)
    required: list[Variable] = field(default_factory=list)
    environment: list[str] = field(default_factory=list)
    thresholds: list[str] = field(default_factory=list)

    def add_user(self, name: str, flow: Steps, handlers: list[dict[str, Any]], weight: float) -> None:
        """Add a type of user; one that does the same as another makes that one's weight larger."""
        on = {"on": {"message": handlers}} if handlers else {}
        for user in self.users:
            if user["flow"] == flow and user.get("on", {}) == on.get("on", {}):
                user["weight"] += weight
                return
        self.users.append({"name": name, "weight": weight, "flow": flow, **on})


def assembled(draft: Draft, vault: Vault, notes: Notes, files: Sequence[tuple[str, str]] = ()) -> Imported:
    """Return the scenario, with the notes as comments at its top."""
    required = (*vault.required, *draft.required)
    scenario: dict[str, Any] = {"version": 1, "target": draft.target}
    variables = {each.name: _reference(each) for each in required} | draft.variables
    if variables:
        scenario["variables"] = Commented(variables, [_NO_DEFAULTS]) if required else variables
    if vault.secret:
        scenario["secrets"] = list(vault.secret)
    if draft.data:
        scenario["data"] = draft.data
    if draft.connection:
        scenario["connection"] = draft.connection
    scenario["load"] = draft.load
    if draft.measures:
        scenario["measure"] = draft.measures
    scenario |= _users(draft.users)
    if draft.thresholds:
        scenario["thresholds"] = draft.thresholds
    text = document(_head(draft.head, notes), scenario)
    own = tuple(Variable(name, name, is_secret=False) for name in draft.environment)
    return Imported(text, notes.in_order(), (*required, *own), tuple(files))


def once_each(count: int) -> Commented:
    """Return the load of a recording: each user type runs once, and a comment says how to make it more."""
    comment = "Each recorded user once. For a load, write for example: {users: 100, for: 1m}"
    return Commented([{"users": count, "iterations": count}], [comment])


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


def _users(users: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return one user type as ``flow`` and ``on``, several as ``users``."""
    if len(users) > 1:
        return {"users": list(users)}
    return {key: users[0][key] for key in ("flow", "on") if key in users[0]}
