r"""``capture``: variables from a message or a handshake; compiled before the run.

::

    name: $.a.b                                       from parsed JSON
    name: text                                        the whole text
    name: {regex: "id=(\d+)", group: 1}               group 1 by default, or the whole match if there is none
    name: {bytes: {at: 0, length: 4, as: hex|text|base64|uint|int, order: big|little}}
    name: {envelope: $.topic}                         from all of a protocol's message, and not only what it carries
    name: {header: Set-Cookie}   {status: true}       from a handshake, or the answer to an http step
    name: {cookie: session}                           from the answer to an http step

A capture sets all of its variables or none. It has no templates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import JsonValue

from loadws.scenario.matching.extract import (
    STATUS,
    TEXT,
    Handshake,
    MatchError,
    Path,
    Place,
    bytes_place,
    cookie_place,
    envelope_place,
    header_place,
    json_place,
    only_keys,
    regex_place,
)
from loadws.scenario.matching.jsonpath import MISSING
from loadws.scenario.matching.message import Message

#: The key of a capture from all of a protocol's message.
ENVELOPE = "envelope"
_ADVICE = (
    "write a JSONPath ($.a.b), text, {regex: ...}, {bytes: ...}, of a protocol {envelope: $.a}, "
    "or, of a handshake, {header: ...} or {status: true}"
)


class Captures:
    """Compiled captures. ``sets`` are the names of their variables, ``places`` the places that the values come from.

    ``handshake_only`` are the names whose places no message has (header, status).
    """

    __slots__ = ("_places", "handshake_only", "places", "sets")

    def __init__(self, places: Mapping[str, Place]) -> None:
        self.places = places
        self._places = tuple(places.items())
        self.sets = tuple(places)
        self.handshake_only = tuple(name for name, place in places.items() if place.of_handshake)

    def take(self, message: Message, variables: dict[str, Any]) -> str | None:
        """Set the variables and return None; or set none, and return what was not found, for a message."""
        found = {}
        for name, place in self._places:
            value = place.find(message)
            if value is MISSING:
                return f"{name}: {place.label} {place.absent(message)}"
            found[name] = value
        variables.update(found)
        return None

    def take_handshake(
        self, status: int, headers: Mapping[str, str], body: bytes, variables: dict[str, Any]
    ) -> str | None:
        """Set the variables from the answer to an upgrade, as ``take`` does. ``headers`` have lower-case names."""
        return self.take(Handshake.of(status, headers, body), variables)


def compile_captures(mapping: Mapping[str, JsonValue]) -> Captures:
    """Compile captures. Raises ``MatchError`` for the first that is wrong."""
    return Captures({name: _place(value, (name,)) for name, value in mapping.items()})


def compile_place(value: JsonValue) -> Place:
    """Compile one place of a message, written as in a capture.

    Raises:
        MatchError: The place is not valid, or is one of the handshake.
    """
    place = _place(value, ())
    if place.of_handshake:
        raise MatchError("a message has no headers, no cookies and no status", (), _ADVICE)
    return place


def _place(value: JsonValue, path: Path) -> Place:
    if value == "text":
        return TEXT
    if isinstance(value, str) and value.startswith("$"):
        return json_place(value, path, in_key=False)
    if isinstance(value, dict):
        for key, compile_key in _KEYS.items():
            if key in value:
                return compile_key(value, path)
    raise MatchError("this is nothing that can be captured", path, _ADVICE)


def _regex(value: dict[str, JsonValue], path: Path) -> Place:
    only_keys(value, ("regex", "group"), path)
    return regex_place(value["regex"], value.get("group"), path)


def _bytes(value: dict[str, JsonValue], path: Path) -> Place:
    only_keys(value, ("bytes",), path)
    return bytes_place(value["bytes"], (*path, "bytes"))


def _envelope(value: dict[str, JsonValue], path: Path) -> Place:
    only_keys(value, (ENVELOPE,), path)
    place = value[ENVELOPE]
    if not isinstance(place, str):
        raise MatchError("envelope is a JSONPath into the protocol's message", (*path, ENVELOPE))
    return envelope_place(place, (*path, ENVELOPE), in_key=False)


def _header(value: dict[str, JsonValue], path: Path) -> Place:
    only_keys(value, ("header",), path)
    return header_place(value["header"], path)


def _cookie(value: dict[str, JsonValue], path: Path) -> Place:
    only_keys(value, ("cookie",), path)
    return cookie_place(value["cookie"], path)


def _status(value: dict[str, JsonValue], path: Path) -> Place:
    only_keys(value, ("status",), path)
    if value["status"] is not True:
        raise MatchError("status is true, where it is to be captured", (*path, "status"))
    return STATUS


_KEYS: dict[str, Callable[[dict[str, JsonValue], Path], Place]] = {
    "regex": _regex,
    "bytes": _bytes,
    ENVELOPE: _envelope,
    "header": _header,
    "cookie": _cookie,
    "status": _status,
}
