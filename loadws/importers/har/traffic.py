"""What each thing of a recording says to the server, and what it hears from it: scalars, with the names that they have.

A thing is an HTTP exchange, a handshake or a message. A value that was heard before it was first said comes from the server;
one that was sent first was made by the page, or is known to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from loadws.importers.credentials import credentials_of, is_secret_name, named_in, words_of
from loadws.importers.har.recording import Exchange, Frame, header
from loadws.importers.leaves import Key, Path, Scalar, json_path, key_of, leaves, name_of
from loadws.scenario.json_reader import NotJson, read_json

Thing = Exchange | Frame
_SHORTEST_WORD = 6
#: Headers that say nothing of the conversation, whatever their value.
_ORDINARY = re.compile(
    r"(:.*|host|connection|upgrade|content-.*|accept.*|cache-control|pragma|date|server|vary|etag|expires|last-modified|age|via"
    r"|sec-.*|cookie2?|user-agent|origin|referer|access-control-.*|transfer-encoding|keep-alive|strict-transport-security|alt-svc"
    r"|set-cookie2?|location|link|nel|report-to|x-(frame|content-type|xss|powered|cache|served|timer|dns).*|cf-.*|priority)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Said:
    """A value that went to the server. ``path`` is its place in a JSON message; empty elsewhere."""

    name: str
    value: Scalar
    path: Path = ()


@dataclass(frozen=True)
class Heard:
    """A value that came from the server, and ``place``, how a scenario captures it."""

    thing: Thing
    name: str
    value: Scalar
    place: Any
    path: Path = ()


def said_by(thing: Thing) -> Iterator[Said]:
    """Yield every value in what a thing sends: whole values, and words of longer texts."""
    if isinstance(thing, Frame):
        if thing.is_sent:
            yield from _said_in_text(thing.payload, thing.json)
        return
    yield from _said_in_address(thing.url)
    for name, value in thing.headers:
        if not _ORDINARY.fullmatch(name):
            yield from _said_in_header(name, value)
    if thing.body:
        yield from _said_in_body(thing, thing.body)


def _said_in_header(name: str, value: str) -> Iterator[Said]:
    """Yield the value, or of ``Bearer xyz`` the credentials alone."""
    if is_secret_name(name):
        yield Said(name, credentials_of(value))
        return
    yield Said(name, value)
    yield from (Said("", word) for word in _words(value))


def _said_in_address(url: str) -> Iterator[Said]:
    parts = urlsplit(url)
    yield from (Said(name, value) for name, value in parse_qsl(parts.query))
    yield from (Said("", unquote(segment)) for segment in parts.path.split("/") if len(segment) >= _SHORTEST_WORD)


def _said_in_body(exchange: Exchange, body: str) -> Iterator[Said]:
    if "form-urlencoded" in header(exchange.headers, "content-type"):
        yield from (Said(name, value) for name, value in parse_qsl(body))
    else:
        yield from _said_in_text(body, Frame(True, 0, 1, body, 0).json)


def _said_in_text(payload: str | bytes, tree: Any) -> Iterator[Said]:
    if isinstance(payload, bytes):
        return
    if tree is None:
        named = named_in(payload)
        yield from (Said(named.get(word, ""), word) for word in dict.fromkeys((*named, *_words(payload))))
        return
    for path, value in leaves(tree):
        yield Said(name_of(path), value, path)
        if isinstance(value, str):
            named = _named_within(value)
            words = (word for word in (*named, *_words(value)) if word != value)
            yield from (Said(named.get(word, ""), word) for word in dict.fromkeys(words))


def _named_within(text: str) -> dict[str, str]:
    """Return what a text within JSON says by name: it may be JSON itself, or have ``token=…`` in it."""
    found = named_in(text) if len(text) >= _SHORTEST_WORD else {}
    if text[:1] in ("{", "["):
        try:
            inner = list(leaves(read_json(text)))
        except NotJson:
            return found
        found |= {value: name_of(path) for path, value in inner if isinstance(value, str) and value}
    return found


def _words(text: str) -> Iterator[str]:
    return (word for word in words_of(text) if len(word) >= _SHORTEST_WORD and word != text)


def heard_by(thing: Thing) -> Iterator[Heard]:
    """Yield every value in what the server answers or sends, with its place."""
    if isinstance(thing, Frame):
        if not thing.is_sent and thing.json is not None:
            for path, value in leaves(thing.json):
                yield Heard(thing, name_of(path), value, json_path(path), path)
        return
    if thing.answer_json is not None:
        for path, value in leaves(thing.answer_json):
            yield Heard(thing, name_of(path), value, json_path(path))
    for name, value in thing.answer_headers:
        if not _ORDINARY.fullmatch(name):
            yield Heard(thing, name, value, {"header": name})


def named_values(thing: Thing) -> Iterator[tuple[str, Scalar]]:
    """Yield each named value that a socket or a request sends or receives, as (name, value)."""
    yield from ((said.name, said.value) for said in said_by(thing))
    yield from ((heard.name, heard.value) for heard in heard_by(thing))


class Origins:
    """The place at which each value came up first, by the order of the things; and how many of them contain it."""

    def __init__(self, things: list[Thing]) -> None:
        self.first: dict[Key, Heard | Thing] = {}
        self.times_said: dict[Key, int] = {}
        for thing in things:
            for key in {key_of(said.value) for said in said_by(thing)}:
                self.first.setdefault(key, thing)
                self.times_said[key] = self.times_said.get(key, 0) + 1
            for heard in heard_by(thing):
                self.first.setdefault(key_of(heard.value), heard)

    def heard_first(self, value: Scalar) -> Heard | None:
        """Return where the server said a value before we did; None where we said it first."""
        found = self.first.get(key_of(value))
        return found if isinstance(found, Heard) else None

    def is_made_by(self, thing: Thing, value: Scalar) -> bool:
        """Return whether the value came up first in what this thing says."""
        return self.first.get(key_of(value)) is thing
