"""Replace ``${NAME}`` and ``${NAME:-default}`` in any text of the file; ``$${`` is a plain ``${``.

An unquoted value that is a single reference becomes a number or a truth value if the variable's text is one in its usual
form (``10``, not ``010``). ``validation.py`` makes it text again where the scenario needs text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from loadws.scenario.yaml.explain import Problems, Where
from loadws.scenario.yaml.scalars import Scalar, resolve
from loadws.scenario.yaml.tree import Node, as_written

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_]\w*)(?::-(?P<default>[^}]*))?\}|\$\{")


@dataclass
class Environment:
    """The environment's variables, for use in a tree. ``undefined`` are the places of values that could not be made.

    ``is_refused``: an untrusted scenario gets no variables, and a reference to one is a problem.
    """

    variables: Mapping[str, str]
    problems: Problems
    is_refused: bool = False
    undefined: set[Where] = field(default_factory=set)
    _told: set[tuple[Where, str | None]] = field(default_factory=set)

    def substitute(self, node: Node) -> Node:
        """Return the tree with every reference replaced. Each undefined variable becomes a problem."""
        if isinstance(node.value, dict):
            return replace(node, value={key: self.substitute(child) for key, child in node.value.items()})
        if isinstance(node.value, tuple):
            return replace(node, value=tuple(map(self.substitute, node.value)))
        if isinstance(node.value, str) and "${" in node.value:
            return self._text(node, node.value)
        return node

    def _text(self, node: Node, text: str) -> Node:
        new = _REFERENCE.sub(lambda match: self._replacement(node, match), text)
        value = _number(new) if node.plain and is_reference(text) else new
        return replace(node, value=value, from_environment=True)

    def _replacement(self, node: Node, match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        name, default = match["name"], match["default"]
        value = self.variables.get(name) if name else None
        if value is not None or default is not None:
            return default if value is None or (value == "" and default is not None) else value
        if (node.where, name) not in self._told:
            self._told.add((node.where, name))
            self._tell(node, match)
        return ""

    def _tell(self, node: Node, match: re.Match[str]) -> None:
        """Add a problem, once for each value and name: a text may hold a reference a thousand times."""
        name = match["name"]
        self.undefined.add(node.where)
        offset = self.problems.source.offset_in(node, str(node.value), match.start())
        if name and self.is_refused:
            message = f"--untrusted keeps the environment from the scenario: ${{{name}}} cannot be read"
            self.problems.add(offset, message, f"give it a default, ${{{name}:-...}}, or run it without", node.where)
        elif name:
            advice = f"set it, or give it a default: ${{{name}:-...}}"
            self.problems.add(offset, f"the environment variable {name!r} is not set", advice, node.where)
        else:
            advice = "write ${NAME} or ${NAME:-default}; $${ is a plain ${"
            self.problems.add(offset, "this ${ names no environment variable", advice, node.where)


def is_reference(text: str) -> bool:
    """Return whether a text is a single reference, and nothing else."""
    only = _REFERENCE.fullmatch(text)
    return only is not None and only["name"] is not None


def default_of(reference: str) -> Scalar:
    """Return the value of a single reference whose variable is not set; None where it has no default."""
    only = _REFERENCE.fullmatch(reference)
    return _number(only["default"]) if only is not None and only["default"] else None


def _number(text: str) -> Scalar:
    """Return the number or truth value of a text; the text itself where the number would be written differently."""
    try:
        value = resolve(text)
    except ValueError:
        return text
    return value if value is not None and as_written(value) == text else text
