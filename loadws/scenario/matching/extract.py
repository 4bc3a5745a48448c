"""Places in a message: a JSONPath, the whole text, a part that a regex finds, bytes at an offset, or parts of a handshake.

Conditions test the value at a place and captures keep it. A place is compiled once; ``find`` returns ``MISSING`` where the
message has no such place, and ``absent`` then says why.
"""

from __future__ import annotations

import base64
import functools
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from loadws.scenario.matching.jsonpath import MISSING, PathError, compile_path, parse_path
from loadws.scenario.matching.message import NOT_JSON, Enveloped, Message, bytes_of
from loadws.terms.errors import LoadwsError

Path = tuple[str | int, ...]


class MatchError(LoadwsError):
    """A condition or capture is wrong. ``path`` leads to the key or value in its mapping.

    ``offset`` is the place in that text, where known; ``in_key``: the text is the last key of ``path``.
    """

    def __init__(
        self, message: str, path: Path, advice: str = "", *, offset: int | None = None, in_key: bool = False
    ) -> None:
        super().__init__(message, advice)
        self.path = path
        self.offset = offset
        self.in_key = in_key


class Handshake(Message, kw_only=True, eq=False, gc=False):
    """The answer to an upgrade or to an ``http`` step, read like a message: its payload is the body.

    ``headers`` have lower-case names; ``cookies`` are those that the user has afterwards.
    """

    status: int
    headers: Mapping[str, str]
    cookies: Mapping[str, str]

    @staticmethod
    def of(status: int, headers: Mapping[str, str], body: bytes, cookies: Mapping[str, str] | None = None) -> Handshake:
        """Make a handshake. ``body`` becomes text if it can, without a byte order mark, as in browsers."""
        try:
            payload: str | bytes = body.decode("utf-8-sig")
        except UnicodeDecodeError:
            payload = body
        return Handshake(payload, 0, status=status, headers=headers, cookies=cookies or {})


class Place(msgspec.Struct, frozen=True):
    """A place in a message. ``label`` is its name in a message to people; ``absent`` ends that message where it is missing.

    ``header`` is the name of the header that it is, in lower case; None for any other place.
    """

    label: str
    find: Callable[[Message], Any]
    absent: Callable[[Message], str]
    of_handshake: bool = False
    header: str | None = None


# -- JSON and text ----------------------------------------------------------------------------------------------------


def json_place(text: str, path: Path, *, in_key: bool) -> Place:
    """Compile a JSONPath.

    Raises:
        MatchError: The path is not valid.
    """
    try:
        parts = parse_path(text)
    except PathError as error:
        raise MatchError(str(error), path, error.advice, offset=error.offset, in_key=in_key) from None
    match parts:
        case ():
            return Place(text, _whole_json, _no_whole_json)
        case (str(key),):
            return Place(text, _member(key), _no_json)
    find = compile_path(text)
    return Place(text, lambda message: find(message.json), _no_json)


def _member(key: str) -> Callable[[Message], Any]:
    """Return the function for a path of one key: most are that, and a ``where`` applies it to every message."""

    def find(message: Message) -> Any:
        data = message.json
        return data.get(key, MISSING) if isinstance(data, dict) else MISSING

    return find


def _whole_json(message: Message) -> Any:
    return MISSING if message.json is NOT_JSON else message.json


def _no_json(message: Message) -> str:
    if message.json is not NOT_JSON:
        return "is not there"
    return f"is not there (the {_noun(message)} is not JSON: {message.why_not_json()})"


def _no_whole_json(message: Message) -> str:
    if message.json is NOT_JSON and isinstance(message.payload, str):
        return f"is not there (the {_noun(message)} is text and not JSON; compare it as it is: text: …)"
    return _no_json(message)


def _noun(message: Message) -> str:
    return "body" if isinstance(message, Handshake) else "message"


def _text(message: Message) -> Any:
    return message.payload if isinstance(message.payload, str) else MISSING


def _no_text(message: Message) -> str:
    return f"is not there (the {_noun(message)} is binary)"


TEXT = Place("text", _text, _no_text)


# -- regex ------------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=512)
def compile_regex(pattern: str) -> re.Pattern[str]:
    """Compile a pattern.

    The results are cached, because a pattern with a template is compiled while the load runs.

    Raises:
        ValueError: The pattern is not valid; the message is written for users.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "[[" may mean a set of sets in a later Python
            return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    except (OverflowError, RecursionError):
        raise ValueError("not a regular expression: it is too large") from None


def regex_place(pattern: Any, group: Any, path: Path) -> Place:
    """Return the place of a group of the pattern: group 1 by default, or the whole match if there is no group.

    Raises:
        MatchError: The pattern is not valid, or has no such group.
    """
    if not isinstance(pattern, str):
        raise MatchError("regex is text", (*path, "regex"))
    try:
        compiled = compile_regex(pattern)
    except ValueError as error:
        raise MatchError(str(error), (*path, "regex")) from None
    chosen = (1 if compiled.groups else 0) if group is None else group
    names = compiled.groupindex
    known = chosen in names if isinstance(chosen, str) else type(chosen) is int and 0 <= chosen <= compiled.groups
    if not known:
        raise MatchError(f"the pattern has no group {chosen!r}", (*path, "group"))

    def find(message: Message) -> Any:
        match = compiled.search(message.payload) if isinstance(message.payload, str) else None
        taken = match[chosen] if match else None
        return MISSING if taken is None else taken

    return Place(f"regex {pattern}", find, _no_match)


def _no_match(message: Message) -> str:
    return _no_text(message) if isinstance(message.payload, bytes) else "is not found in the text"


# -- bytes ------------------------------------------------------------------------------------------------------------


BINARY = Place(
    "bytes",
    lambda message: MISSING if (found := bytes_of(message)) is None else found,
    lambda message: f"is not there (the {_noun(message)} is text)",
)
LENGTH = Place(
    "the length of bytes",
    lambda message: MISSING if (found := bytes_of(message)) is None else len(found),
    BINARY.absent,
)


def slice_of(payload: bytes, at: int, length: int | None) -> bytes | None:
    """Return ``length`` bytes (None: the rest) from offset ``at``, which counts from the end if negative.

    Returns None where the payload is too short.
    """
    start = at if at >= 0 else len(payload) + at
    end = len(payload) if length is None else start + length
    return payload[start:end] if 0 <= start <= end <= len(payload) else None


_ORDERS = ("big", "little")
_FORMS = ("hex", "text", "base64", "uint", "int")


def bytes_place(value: Any, path: Path) -> Place:
    """Compile ``{at: 0, length: 4, as: hex|text|base64|uint|int, order: big|little}``.

    Raises:
        MatchError: The mapping is not valid.
    """
    if not isinstance(value, dict):
        raise MatchError("bytes is a mapping", path, "write bytes: {at: 0, length: 4, as: hex}")
    only_keys(value, ("at", "length", "as", "order"), path)
    at = offset_in(value, path)
    length, form, order = value.get("length"), value.get("as", "hex"), value.get("order", "big")
    if length is not None and (type(length) is not int or length < 1):
        raise MatchError("length is a number of bytes, 1 or more", (*path, "length"))
    if form not in _FORMS:
        raise MatchError(f"as is one of {', '.join(_FORMS)}", (*path, "as"))
    if order not in _ORDERS:
        raise MatchError("order is big or little", (*path, "order"))
    if form in ("uint", "int") and (length is None or length > 8):
        raise MatchError(f"{form} takes a length of 1 to 8 bytes", (*path, "length" if length else "as"))
    return _bytes_place(at, length, _reader(form, order))


def _bytes_place(at: int, length: int | None, read: Callable[[bytes], Any]) -> Place:
    def find(message: Message) -> Any:
        payload = bytes_of(message)
        part = slice_of(payload, at, length) if payload is not None else None
        return MISSING if part is None else read(part)

    def absent(message: Message) -> str:
        payload = bytes_of(message)
        if payload is None:
            return BINARY.absent(message)
        if slice_of(payload, at, length) is None:
            return f"is not there (the {_noun(message)} has {len(payload)} bytes)"
        return "is not UTF-8"

    return Place(f"bytes at {at}", find, absent)


def _reader(form: str, order: Literal["big", "little"]) -> Callable[[bytes], Any]:
    match form:
        case "hex":
            return bytes.hex
        case "base64":
            return lambda part: base64.b64encode(part).decode("ascii")
        case "text":
            return _utf8
    return lambda part: int.from_bytes(part, order, signed=form == "int")


def _utf8(part: bytes) -> Any:
    try:
        return part.decode()
    except UnicodeDecodeError:
        return MISSING


def offset_in(mapping: Mapping[str, Any], path: Path) -> int:
    """Return the ``at`` of a bytes mapping, 0 by default.

    Raises:
        MatchError: ``at`` is not an integer.
    """
    at = mapping.get("at", 0)
    if type(at) is not int:
        raise MatchError("at is an offset in bytes; a negative one counts from the end", (*path, "at"))
    return at


def only_keys(mapping: Mapping[str, Any], allowed: tuple[str, ...], path: Path) -> None:
    for key in mapping:
        if key not in allowed:
            raise MatchError(f"unknown key {key!r}", (*path, key), "keys are " + ", ".join(allowed), in_key=True)


# -- handshake --------------------------------------------------------------------------------------------------------


def header_place(name: Any, path: Path) -> Place:
    if not isinstance(name, str) or not name.strip():
        raise MatchError("header is the name of a header", (*path, "header"))
    key = name.strip().lower()

    def find(message: Message) -> Any:
        return message.headers.get(key, MISSING) if isinstance(message, Handshake) else MISSING

    return Place(f"header {name.strip()}", find, lambda message: "is not there", of_handshake=True, header=key)


def cookie_place(name: Any, path: Path) -> Place:
    if not isinstance(name, str) or not name:
        raise MatchError("cookie is the name of a cookie", (*path, "cookie"))

    def find(message: Message) -> Any:
        return message.cookies.get(name, MISSING) if isinstance(message, Handshake) else MISSING

    return Place(f"cookie {name}", find, lambda message: "is not there", of_handshake=True)


STATUS = Place(
    "status",
    lambda message: message.status if isinstance(message, Handshake) else MISSING,
    lambda message: "is not there",
    of_handshake=True,
)


# -- messages of a protocol -------------------------------------------------------------------------------------------

EVENT = Place(
    "event",
    lambda message: message.event if isinstance(message, Enveloped) else MISSING,
    lambda message: "is not there (the protocol gives this message no name)",
)
SUBSCRIPTION = Place(
    "subscription",
    lambda message: message.subscription if isinstance(message, Enveloped) else MISSING,
    lambda message: "is not there (the message belongs to no subscription of this connection)",
)


def envelope_place(text: str, path: Path, *, in_key: bool = True) -> Place:
    """Compile a JSONPath into the whole message of a protocol, and not only into what it carries.

    Raises:
        MatchError: The text is no JSONPath to one place.
    """
    try:
        find = compile_path(text)
    except PathError as error:
        raise MatchError(str(error), path, error.advice, offset=error.offset, in_key=in_key) from None
    return Place(
        f"envelope {text}",
        lambda message: find(message.envelope) if isinstance(message, Enveloped) else MISSING,
        lambda message: "is not there",
    )
