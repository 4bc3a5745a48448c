"""Read YAML text to a tree of nodes, each of which knows its place in the file.

The tree is made from the parser's events, not by a constructor: so every duplicate key is seen, depth and size are bounded
while reading, and a scalar is what YAML 1.2's core schema says (``on``, ``yes`` and ``1:30`` are text). Anchors, aliases and
merge keys (``<<``) work; an alias is copied, and its copies have the place of the anchor.

A file that cannot be read at all raises ``ScenarioError``. Faults that do not prevent reading (duplicate keys, keys that are
no text) are added to the problems, and the rest of the file is read.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NoReturn

from msgspec.structs import replace

from loadws.scenario.yaml.compose import Composer, Items, Pairs, Raw
from loadws.scenario.yaml.events import Events
from loadws.scenario.yaml.explain import SCENARIO, FileKind, Problem, Problems, ScenarioError, SourceText, Where
from loadws.scenario.yaml.tree import DEEPEST, MOST_NODES, Node, describe

LARGEST_FILE = 1024 * 1024

# -- bytes and text ----------------------------------------------------------------------------------------------------


def read_file(path: Path, kind: FileKind = SCENARIO) -> bytes:
    """Return the bytes of a file.

    Raises ``ScenarioError`` where it cannot be of its kind: missing, a directory, too large.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except IsADirectoryError:
        _refuse(path, f"this is a directory; a {kind.noun} is a file")
    except FileNotFoundError:
        _refuse(path, "there is no such file")
    except (OSError, ValueError) as error:
        _refuse(path, f"cannot be read: {getattr(error, 'strerror', None) or error}")
    return content


def decode(content: bytes | str, path: Path, kind: FileKind = SCENARIO) -> SourceText:
    """Return the file's text. Raises ``ScenarioError`` where it is too large, no UTF-8, or has control characters."""
    if len(content) > LARGEST_FILE:
        advice = "keep rows in data files" if kind is SCENARIO else ""
        _refuse(path, f"a {kind.noun} has at most {LARGEST_FILE // 1024:,} KiB", advice)
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content.removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        _refuse(path, f"byte {error.start} is not UTF-8: this is no text file, or has another encoding")
    source = SourceText(path, text, kind)
    if unprintable := _UNPRINTABLE.search(text):
        message = f"the control character U+{ord(unprintable[0]):04X} cannot stand in YAML"
        Problems(source).fail(unprintable.start(), message, "is this a text file?")
    return source


#: What YAML 1.2 (5.1) leaves out. The same written as what it allows takes ten times as long to compile.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


def _refuse(path: Path, message: str, advice: str = "") -> NoReturn:
    raise ScenarioError([Problem(path, 0, 0, message, advice)]) from None


# -- the tree ----------------------------------------------------------------------------------------------------------


def read_tree(problems: Problems) -> Node:
    """Return the mapping that the document is. Raises ``ScenarioError`` where it is none, or never ends."""
    text, kind = problems.source.text, problems.source.kind
    events = Events(problems)
    root = Composer(problems, events).compose()
    if root is None:
        problems.fail(0, "the file is empty" if not text.strip() else "the file holds only comments", kind.smallest)
    root = _Copier(problems).copy(root, (), 0)
    if not isinstance(root.value, dict):
        message = f"a {kind.noun} is a mapping (keys and values), not {describe(root.value)}"
        problems.fail(root.start, message, kind.smallest)
    return root


class _Copier:
    """A copier of raw nodes to nodes with a place each. It limits the number of nodes, so that a few aliases cannot
    make millions.
    """

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.count = 0

    def copy(self, raw: Raw, where: Where, depth: int) -> Node:
        self.count += 1
        if self.count > MOST_NODES:
            self.problems.fail(raw.start, f"with its aliases the file has more than {MOST_NODES:,} values")
        if depth > DEEPEST:
            self.problems.fail(raw.start, f"with its aliases the file is nested deeper than {DEEPEST} levels")
        if isinstance(raw, Node):
            return replace(raw, where=where)
        if isinstance(raw, Items):
            items = tuple(self.copy(item, (*where, index), depth + 1) for index, item in enumerate(raw.items))
            return Node(items, raw.start, raw.end, where)
        return Node(self._mapping(raw, where, depth), raw.start, raw.end, where)

    def _mapping(self, raw: Pairs, where: Where, depth: int) -> dict[str, Node]:
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key, value in raw.pairs:
            if isinstance(key, Node) and key.plain and key.value == "<<":
                merged = {**self._merged(value, where, depth), **merged}
                continue
            name = self._key(key, where)
            if name is None:
                continue
            if name in own:
                line, _ = self.problems.source.position(own[name].head)
                self.problems.add(key.start, f"the key {name!r} stands twice, first in line {line}", "keep one", where)
                continue
            own[name] = replace(self.copy(value, (*where, name), depth + 1), key_start=key.start)
        return {**merged, **own}

    def _key(self, key: Raw, where: Where) -> str | None:
        if isinstance(key, Pairs):
            advice = 'a {{ template }} that begins a value needs quotes: "{{ name }}"'
            self.problems.add(key.start, "a key must be text, not a mapping", advice, where)
        elif isinstance(key, Items):
            self.problems.add(key.start, "a key must be text, not a list", where=where)
        elif not isinstance(key.value, str):
            self.problems.add(key.start, f"a key must be text, not {describe(key.value)}", "quote it", where)
        else:
            return key.value
        return None

    def _merged(self, value: Raw, where: Where, depth: int) -> dict[str, Node]:
        """Return the pairs that ``<<`` adds; of several mappings the earlier one wins."""
        mappings = value.items if isinstance(value, Items) else (value,)
        merged: dict[str, Node] = {}
        for mapping in mappings:
            if not isinstance(mapping, Pairs):
                self.problems.add(value.start, "'<<' takes a mapping, or a list of mappings", where=where)
                continue
            self.count += 1
            if self.count > MOST_NODES or depth > DEEPEST:
                self.problems.fail(mapping.start, f"with its aliases the file has more than {MOST_NODES:,} values")
            merged = {**self._mapping(mapping, where, depth + 1), **merged}
        return merged
