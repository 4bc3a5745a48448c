"""YAML text -> a tree of nodes, each of which knows where it stands.

The tree is made from the parser's events, not by a constructor: so every duplicate key is seen, depth and size are bounded
while reading, and a scalar is what YAML 1.2's core schema says (``on``, ``yes`` and ``1:30`` are text). Anchors, aliases and
merge keys (``<<``) work; an alias is copied, and its copies stand where the anchor does.

What cannot be read at all raises ``ScenarioError``; what can be read around (duplicate keys, keys that are no text) is added
to the problems, and the rest of the file is read on.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from loadws.scenario.explain import Problem, Problems, ScenarioError, SourceText, Where

LARGEST_FILE = 1024 * 1024
DEEPEST = 64
#: Nodes of a file, after aliases were copied.
MOST_NODES = 100_000
#: Beyond 64 bits no JSON reader is sure to keep an integer.
LARGEST_INTEGER = 2**64 - 1

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Node:
    """A value of the file.

    ``start`` and ``end`` are its offsets in the text, ``key_start`` is that of the key before it; ``where`` is its place in
    the file as written, even when parts of the tree are cut out later. ``plain`` is an unquoted scalar.
    """

    value: Scalar | tuple[Node, ...] | dict[str, Node]
    start: int
    end: int
    where: Where = ()
    key_start: int | None = None
    plain: bool = False

    @property
    def head(self) -> int:
        """Where a reader looks first: at the key, or at the value in a list."""
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
    """The node and everything inside it, outer before inner."""
    yield node
    for child in node.children():
        yield from walk_nodes(child)


def plain_value(node: Node) -> Any:
    """The tree as Python's own dicts, lists and scalars."""
    if isinstance(node.value, dict):
        return {key: plain_value(child) for key, child in node.value.items()}
    if isinstance(node.value, tuple):
        return [plain_value(child) for child in node.value]
    return node.value


# -- bytes and text -----------------------------------------------------------------------------------------------------


def read_file(path: Path) -> bytes:
    """The file's bytes. Raises ``ScenarioError`` for what cannot be a scenario: missing, a directory, too large."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except IsADirectoryError:
        _refuse(path, "this is a directory; a scenario is a file")
    except FileNotFoundError:
        _refuse(path, "there is no such file")
    except (OSError, ValueError) as error:
        _refuse(path, f"cannot be read: {getattr(error, 'strerror', None) or error}")
    return content


def decode(content: bytes | str, path: Path) -> SourceText:
    """Text that a YAML reader may see: not too large, UTF-8, without control characters."""
    if len(content) > LARGEST_FILE:
        _refuse(path, f"a scenario has at most {LARGEST_FILE // 1024:,} KiB", "keep rows in data files")
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content.removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        _refuse(path, f"byte {error.start} is not UTF-8: this is no text file, or has another encoding")
    source = SourceText(path, text)
    if unprintable := _UNPRINTABLE.search(text):
        message = f"the control character U+{ord(unprintable[0]):04X} cannot stand in YAML"
        _fail(Problems(source), unprintable.start(), message, "is this a text file?")
    return source


#: What YAML 1.2 (5.1) leaves out.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _refuse(path: Path, message: str, advice: str = "") -> NoReturn:
    raise ScenarioError([Problem(path, 0, 0, message, advice)]) from None


def _fail(problems: Problems, offset: int, message: str, advice: str = "", where: Where = ()) -> NoReturn:
    problems.add(offset, message, advice, where)
    raise ScenarioError(problems.of("error")) from None


# -- the tree -----------------------------------------------------------------------------------------------------------


def read_tree(problems: Problems) -> Node:
    """The document's mapping. Raises ``ScenarioError`` where there is none, or no end to it."""
    text = problems.source.text
    events = _Events(problems)
    root = _Composer(problems, events).compose()
    if root is None:
        _fail(problems, 0, "the file is empty" if not text.strip() else "the file holds only comments", _SMALLEST)
    root = _Copier(problems).copy(root, (), 0)
    if not isinstance(root.value, dict):
        _fail(problems, root.start, f"a scenario is a mapping (keys and values), not {describe(root.value)}", _SMALLEST)
    return root


_SMALLEST = "the smallest scenario has target, load and flow"


def describe(value: object) -> str:
    """A value of the tree in the words of a message: ``text "5"``, ``a list``, ``nothing``."""
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


class _Events:
    """The parser's events, with its errors in our words."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.last = 0
        self._events = YAML(typ="safe", pure=True).parse(problems.source.text)

    def next(self) -> Any:
        """The next event, None at the end."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                event = next(self._events, None)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._syntax_error(mark.index if mark else self.last, error.problem or error.context or "")
        except (YAMLError, ValueError, OverflowError, IndexError, AssertionError, AttributeError, TypeError) as error:
            # The scanner lets these out for a few malformed escapes and directives.
            self._syntax_error(self.last, str(error))
        if event is not None:
            self.last = event.start_mark.index
        return event

    def _syntax_error(self, offset: int, problem: str) -> NoReturn:
        text = self.problems.source.text
        offset = min(offset, len(text))
        _fail(self.problems, offset, f"not YAML: {problem.splitlines()[0]}", _syntax_advice(text, offset, problem))


def _syntax_advice(text: str, offset: int, problem: str) -> str:
    if "but got '{'" in problem or "but got '['" in problem:
        return (
            "inside { } and [ ] quote text that holds { or [: a rule with labels, a path with an index, "
            "a {{ template }}, an ${ENVIRONMENT} value"
        )
    if "mapping values are not allowed" in problem:
        return "quote text that holds ': ', and look at the indentation"
    if text[offset : offset + 1] == "\t":
        return "YAML is indented with spaces, not tabs"
    if "cannot start any token" in problem:
        return "quote text that begins with this character"
    return ""


_MAP_TAGS, _SEQ_TAGS = ("tag:yaml.org,2002:map", "!"), ("tag:yaml.org,2002:seq", "!")
_STR_TAGS = ("tag:yaml.org,2002:str", "!")
_TYPED_TAGS = {
    "tag:yaml.org,2002:int": int,
    "tag:yaml.org,2002:float": float,
    "tag:yaml.org,2002:bool": bool,
    "tag:yaml.org,2002:null": type(None),
}


@dataclass(frozen=True, slots=True)
class _Pairs:
    """A mapping as it stands in the file, before duplicate and merge keys are looked at."""

    pairs: tuple[tuple[_Raw, _Raw], ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Items:
    items: tuple[_Raw, ...]
    start: int
    end: int


_Raw = Node | _Pairs | _Items


class _Composer:
    """Events -> raw nodes, where an alias is the very object of its anchor."""

    def __init__(self, problems: Problems, events: _Events) -> None:
        self.problems = problems
        self.events = events
        self.anchors: dict[str, _Raw] = {}
        self.open_anchors: set[str] = set()
        self.count = 0

    def compose(self) -> _Raw | None:
        root: _Raw | None = None
        documents = 0
        while (event := self.events.next()) is not None:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._fail(event, "a second document begins here; a scenario is one document")
                first = self.events.next()
                root = self._node(first, 0)
        # A document of comments alone is a null without any text.
        return None if isinstance(root, Node) and root.value is None and root.start == root.end else root

    def _node(self, event: Any, depth: int) -> _Raw:
        self.count += 1
        if self.count > MOST_NODES:
            self._fail(event, f"a scenario has at most {MOST_NODES:,} values", "keep rows in data files")
        if depth > DEEPEST:
            self._fail(event, f"nested deeper than {DEEPEST} levels")
        if isinstance(event, AliasEvent):
            return self._alias(event)
        if event.anchor is None:
            return self._value(event, depth)
        self.open_anchors.add(event.anchor)
        node = self.anchors[event.anchor] = self._value(event, depth)
        self.open_anchors.discard(event.anchor)
        return node

    def _alias(self, event: Any) -> _Raw:
        if event.anchor in self.open_anchors:
            self._fail(event, f"the alias '*{event.anchor}' stands inside its own anchor")
        if event.anchor not in self.anchors:
            self._fail(event, f"there is no anchor '&{event.anchor}' before this alias")
        return self.anchors[event.anchor]

    def _value(self, event: Any, depth: int) -> _Raw:
        start = event.start_mark.index
        if isinstance(event, ScalarEvent):
            return self._scalar(event)
        if isinstance(event, SequenceStartEvent):
            self._check_tag(event, _SEQ_TAGS)
            items = []
            while not isinstance(inner := self.events.next(), SequenceEndEvent):
                items.append(self._node(inner, depth + 1))
            return _Items(tuple(items), start, inner.end_mark.index)
        assert isinstance(event, MappingStartEvent)
        self._check_tag(event, _MAP_TAGS)
        pairs = []
        while not isinstance(inner := self.events.next(), MappingEndEvent):
            key = self._node(inner, depth + 1)
            pairs.append((key, self._node(self.events.next(), depth + 1)))
        return _Pairs(tuple(pairs), start, inner.end_mark.index)

    def _scalar(self, event: Any) -> Node:
        start, end = event.start_mark.index, event.end_mark.index
        start += _properties_length(self.problems.source.text[start:end])
        plain = event.style is None and event.tag is None
        if event.tag in _TYPED_TAGS:
            value = self._number(event, event.value)
            if type(value) is not _TYPED_TAGS[event.tag]:
                self._fail(event, f"{event.value!r} is not what its tag says")
        else:
            self._check_tag(event, _STR_TAGS)
            value = self._number(event, event.value) if plain else event.value
        return Node(value, start, end, plain=plain)

    def _number(self, event: Any, text: str) -> Scalar:
        try:
            return resolve(text)
        except ValueError as error:
            self._fail(event, str(error))

    def _check_tag(self, event: Any, allowed: tuple[str, ...]) -> None:
        if event.tag is not None and event.tag not in allowed:
            self._fail(event, f"the tag {event.tag!r} means nothing here", "write the value without a tag")

    def _fail(self, event: Any, message: str, advice: str = "") -> NoReturn:
        _fail(self.problems, event.start_mark.index, message, advice)


def _properties_length(text: str) -> int:
    match = re.match(r"([&!]\S*\s+)+", text)
    return match.end() if match else 0


# -- YAML 1.2's core schema (10.3.2) ---------------------------------------------------------------------------------------

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def resolve(text: str) -> Scalar:
    """What an unquoted scalar is. ``ValueError`` for numbers that no message could carry."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is not a finite number")
    if _INT.fullmatch(text):
        return _integer(text)
    if not _FLOAT.fullmatch(text):
        return text
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:40]} is too large a number")
    return number


def _integer(text: str) -> int:
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    if len(text) > 80 or abs(number := int(text, base)) > LARGEST_INTEGER:
        raise ValueError("a whole number has at most 64 bits; quote it if it is text")
    return number


# -- duplicates, merge keys, aliases ------------------------------------------------------------------------------------------


class _Copier:
    """Raw nodes -> nodes of their own place each; counts them, so that a few aliases cannot become millions."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.count = 0

    def copy(self, raw: _Raw, where: Where, depth: int) -> Node:
        self.count += 1
        if self.count > MOST_NODES:
            _fail(self.problems, raw.start, f"with its aliases the file has more than {MOST_NODES:,} values")
        if depth > DEEPEST:
            _fail(self.problems, raw.start, f"with its aliases the file is nested deeper than {DEEPEST} levels")
        if isinstance(raw, Node):
            return replace(raw, where=where)
        if isinstance(raw, _Items):
            items = tuple(self.copy(item, (*where, index), depth + 1) for index, item in enumerate(raw.items))
            return Node(items, raw.start, raw.end, where)
        return Node(self._mapping(raw, where, depth), raw.start, raw.end, where)

    def _mapping(self, raw: _Pairs, where: Where, depth: int) -> dict[str, Node]:
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
                self.problems.add(key.start, f"the key {name!r} stands twice; first in line {line}", where=where)
                continue
            own[name] = replace(self.copy(value, (*where, name), depth + 1), key_start=key.start)
        return {**merged, **own}

    def _key(self, key: _Raw, where: Where) -> str | None:
        if isinstance(key, _Pairs):
            advice = 'a {{ template }} that begins a value needs quotes: "{{ name }}"'
            self.problems.add(key.start, "a key must be text, not a mapping", advice, where)
        elif isinstance(key, _Items):
            self.problems.add(key.start, "a key must be text, not a list", where=where)
        elif not isinstance(key.value, str):
            self.problems.add(key.start, f"a key must be text, not {describe(key.value)}", "quote it", where)
        else:
            return key.value
        return None

    def _merged(self, value: _Raw, where: Where, depth: int) -> dict[str, Node]:
        """What ``<<`` brings in; of several mappings the earlier wins."""
        mappings = value.items if isinstance(value, _Items) else (value,)
        merged: dict[str, Node] = {}
        for mapping in mappings:
            if not isinstance(mapping, _Pairs):
                self.problems.add(value.start, "'<<' takes a mapping, or a list of mappings", where=where)
                continue
            self.count += 1
            if self.count > MOST_NODES or depth > DEEPEST:
                _fail(self.problems, mapping.start, f"with its aliases the file has more than {MOST_NODES:,} values")
            merged = {**self._mapping(mapping, where, depth + 1), **merged}
        return merged
