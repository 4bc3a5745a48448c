"""The tree of a scenario file: each value, and its place in the text.

Nodes never change. A part can be cut out of a tree, because it is wrong and the rest can still be checked; the remaining
nodes keep their places in the file as written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from loadws.scenario.yaml.explain import Where
from loadws.scenario.yaml.scalars import Scalar

#: How deep a file may be nested, and how many values it may have once its aliases were copied.
DEEPEST = 64
MOST_NODES = 100_000


class Node(msgspec.Struct, frozen=True):
    """A value of the file.

    ``start`` and ``end`` are its offsets in the text, ``key_start`` is that of the key before it; ``where`` is its place in
    the file as written, even when parts of the tree are cut out later. ``plain`` is an unquoted scalar; what came
    ``from_environment`` may be a secret and is not shown.
    """

    value: Scalar | tuple[Node, ...] | dict[str, Node]
    start: int
    end: int
    where: Where = ()
    key_start: int | None = None
    plain: bool = False
    from_environment: bool = False

    @property
    def head(self) -> int:
        """The offset that a reader looks at first: that of the key, or of the value in a list."""
        return self.start if self.key_start is None else self.key_start

    def child(self, part: str | int) -> Node | None:
        if isinstance(self.value, dict):
            return self.value.get(part) if isinstance(part, str) else None
        if isinstance(self.value, tuple) and isinstance(part, int) and 0 <= part < len(self.value):
            return self.value[part]
        return None

    def children(self) -> Iterator[Node]:
        if isinstance(self.value, dict):
            yield from self.value.values()
        elif isinstance(self.value, tuple):
            yield from self.value


def walk_nodes(node: Node) -> Iterator[Node]:
    """Yield the node and everything inside it, outer before inner."""
    yield node
    for child in node.children():
        yield from walk_nodes(child)


def plain_value(node: Node) -> Any:
    """Return the tree as Python's own dicts, lists and scalars."""
    if isinstance(node.value, dict):
        return {key: plain_value(child) for key, child in node.value.items()}
    if isinstance(node.value, tuple):
        return [plain_value(child) for child in node.value]
    return node.value


def find(root: Node, where: Where) -> tuple[Node, Where]:
    """Return the deepest node on the path ``where``, and the rest of the path.

    The condition ``event`` is found beside ``where`` too, where it may be written.
    """
    for index in range(len(where) - 1):
        if where[index : index + 2] == ("where", "event"):
            outer, rest = _deepest(root, where[:index])
            if not rest and outer.child("event") is not None:
                where = (*where[:index], *where[index + 1 :])
            break
    return _deepest(root, where)


def _deepest(root: Node, where: Where) -> tuple[Node, Where]:
    node = root
    for index, part in enumerate(where):
        child = node.child(part)
        if child is None:
            return node, where[index:]
        node = child
    return node, ()


def without(node: Node, cut: set[Where]) -> Node:
    """Return the tree without the nodes at these places of the file."""
    if isinstance(node.value, dict):
        return replace(
            node, value={key: without(child, cut) for key, child in node.value.items() if child.where not in cut}
        )
    if isinstance(node.value, tuple):
        return replace(node, value=tuple(without(child, cut) for child in node.value if child.where not in cut))
    return node


def with_child(node: Node, key: str, child: Node) -> Node:
    """Return the mapping with another value for a key."""
    assert isinstance(node.value, dict)
    return replace(node, value={**node.value, key: child})


def as_written(value: Scalar) -> str:
    """Return a number or truth value as text: the text that an environment variable had before it was read as one."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def describe(value: object) -> str:
    """Return a value of the tree in the words of a message: ``text "5"``, ``a list``, ``nothing``."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            return f'text "{value[:40]}{"…" if len(value) > 40 else ""}"'
        case int() | float():
            return str(value)
        case dict():
            return "a mapping"
    return "a list"
