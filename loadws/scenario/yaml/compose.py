"""Compose the parser's events to raw nodes, as the file has them: aliases, duplicate keys and merge keys are kept.

A constructor of the YAML library would stop at the first duplicate key and would not say where values stand. Depth and the
number of values are bounded here, while reading, so that no file can exhaust the stack or the memory.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

import msgspec
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from loadws.scenario.yaml.events import Events
from loadws.scenario.yaml.explain import Problems
from loadws.scenario.yaml.scalars import Scalar, resolve
from loadws.scenario.yaml.tree import DEEPEST, MOST_NODES, Node

_MAP_TAGS, _SEQ_TAGS = ("tag:yaml.org,2002:map", "!"), ("tag:yaml.org,2002:seq", "!")
_STR_TAGS = ("tag:yaml.org,2002:str", "!")
#: What a double-quoted escape can make, and no UTF-8 can carry.
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_TYPED_TAGS = {
    "tag:yaml.org,2002:int": int,
    "tag:yaml.org,2002:float": float,
    "tag:yaml.org,2002:bool": bool,
    "tag:yaml.org,2002:null": type(None),
}


class Pairs(msgspec.Struct, frozen=True):
    """A mapping as the file has it, with its duplicate keys and merge keys."""

    pairs: tuple[tuple[Raw, Raw], ...]
    start: int
    end: int


class Items(msgspec.Struct, frozen=True):
    items: tuple[Raw, ...]
    start: int
    end: int


Raw = Node | Pairs | Items


class Composer:
    """A composer of raw nodes. An alias is the very object of its anchor."""

    def __init__(self, problems: Problems, events: Events) -> None:
        self.problems = problems
        self.events = events
        self.anchors: dict[str, Raw] = {}
        self.open_anchors: set[str] = set()
        self.count = 0

    def compose(self) -> Raw | None:
        root: Raw | None = None
        documents = 0
        while (event := self.events.next()) is not None:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._fail(
                        event, f"a second document begins here; a {self.problems.source.kind.noun} is one document"
                    )
                first = self.events.next()
                root = self._node(first, 0)
        # A document of comments alone is a null without any text.
        return None if isinstance(root, Node) and root.value is None and root.start == root.end else root

    def _node(self, event: Any, depth: int) -> Raw:
        self.count += 1
        if self.count > MOST_NODES:
            self._fail(
                event,
                f"a {self.problems.source.kind.noun} has at most {MOST_NODES:,} values",
                "keep rows in data files",
            )
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

    def _alias(self, event: Any) -> Raw:
        if event.anchor in self.open_anchors:
            self._fail(event, f"the alias '*{event.anchor}' stands inside its own anchor")
        if event.anchor not in self.anchors:
            self._fail(event, f"there is no anchor '&{event.anchor}' before this alias")
        return self.anchors[event.anchor]

    def _value(self, event: Any, depth: int) -> Raw:
        start = event.start_mark.index
        if isinstance(event, ScalarEvent):
            return self._scalar(event)
        if isinstance(event, SequenceStartEvent):
            self._check_tag(event, _SEQ_TAGS)
            items = []
            while not isinstance(inner := self.events.next(), SequenceEndEvent):
                items.append(self._node(inner, depth + 1))
            return Items(tuple(items), start, inner.end_mark.index)
        assert isinstance(event, MappingStartEvent)
        self._check_tag(event, _MAP_TAGS)
        pairs = []
        while not isinstance(inner := self.events.next(), MappingEndEvent):
            key = self._node(inner, depth + 1)
            pairs.append((key, self._node(self.events.next(), depth + 1)))
        return Pairs(tuple(pairs), start, inner.end_mark.index)

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
        if isinstance(value, str) and _HALF_CHARACTER.search(value):
            self._fail(event, "an escape that is half a character: \\ud800 to \\udfff do not stand alone")
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
        self.problems.fail(event.start_mark.index, message, advice)


def _properties_length(text: str) -> int:
    match = re.match(r"([&!]\S*\s+)+", text)
    return match.end() if match else 0
