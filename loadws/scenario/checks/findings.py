"""The scenario that a cross-check examines, and the problems that it adds, at places of the scenario."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import msgspec

from loadws.scenario.advice.keys import meant
from loadws.scenario.advice.models import keys_of
from loadws.scenario.model.model import Phase, Scenario
from loadws.scenario.yaml.explain import Problems, Severity, Where
from loadws.scenario.yaml.tree import Node, find, walk_nodes

#: The keys of a phase that say how many users there are.
_USERS = ("users", "arrivals", "max_users")


class Findings(msgspec.Struct, frozen=True, dict=True):
    """A scenario under examination.

    Where its file has other faults, ``cut`` are the parts of the file that ``scenario`` lacks; the checks are silent about
    what these parts might answer. ``base`` is the folder that files are relative to. A place (``where``) is the path through
    the model's keys; where the file is shorter (``request: hello``) it ends at what the file has.
    """

    scenario: Scenario
    root: Node
    problems: Problems
    base: Path
    cut: tuple[Node, ...] = ()

    def error(self, where: Where, message: str, advice: str = "", *, at_key: bool = False) -> None:
        self._add(where, message, advice, "error", at_key)

    def warning(self, where: Where, message: str, advice: str = "", *, at_key: bool = False) -> None:
        self._add(where, message, advice, "warning", at_key)

    def error_in(self, where: Where, text: str, at: int, message: str, advice: str = "") -> None:
        """Add an error at character ``at`` of the text at a place."""
        node, _ = find(self.root, where)
        self.problems.add(self.problems.source.offset_in(node, text, at), message, advice, node.where)

    def error_in_key(self, where: Where, at: int, message: str, advice: str = "") -> None:
        """Add an error at character ``at`` of the key that leads to a place."""
        node, _ = find(self.root, where)
        quoted = self.problems.source.text[node.head : node.head + 1] in ("'", '"')
        self.problems.add(node.head + quoted + at, message, advice, node.where)

    def line_of(self, where: Where) -> int:
        node, _ = find(self.root, where)
        return self.problems.source.position(node.head)[0]

    @cached_property
    def cut_words(self) -> frozenset[str]:
        """The keys and texts in the parts that were cut out, which may have named something."""
        words: set[str] = set()
        for node in (inner for outer in self.cut for inner in walk_nodes(outer)):
            words |= {str(part) for part in node.where[-1:]}
            if isinstance(node.value, str):
                words.add(node.value)
        return frozenset(words)

    @property
    def lost_steps(self) -> bool:
        """Whether whole steps or user types were cut out."""
        return any(isinstance(node.where[-1], int) and node.where[0] in ("flow", "users", "on") for node in self.cut)

    @property
    def lost_phases(self) -> bool:
        """Whether phases were cut out, or what says, or was perhaps meant to say, how many users one has."""
        return any(node.where[:1] == ("load",) and _may_say_users(node.where[2:3]) for node in self.cut)

    def _add(self, where: Where, message: str, advice: str, severity: Severity, at_key: bool) -> None:
        node, _ = find(self.root, where)
        offset = node.head if at_key or isinstance(node.value, dict | tuple) else node.start
        self.problems.add(offset, message, advice, node.where, severity)


def _may_say_users(key: Where) -> bool:
    """Return whether a key of a phase says how many users there are, or was perhaps meant to; no key stands for all."""
    if not key:
        return True
    word = str(key[0])
    return (word if word in keys_of(Phase) else meant(Phase, word)) in _USERS
