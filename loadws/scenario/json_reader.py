r"""JSON as JavaScript's ``JSON.parse`` reads it, because most servers are made for that reader.

msgspec reads nearly everything, in the time that a load test has. What it refuses is read once more here, because it is
stricter than JavaScript in four ways:

- Half of a surrogate pair, written as an escape (``"\ud83d"``), is kept in the text.
- A number beyond a float is infinite (``1e999``), also a whole number of thousands of digits.
- Nesting is bounded by ``MOST_LEVELS``, and not by the depth of Python's stack.
- Bytes are UTF-8 with a byte order mark or without, as ``TextDecoder`` reads them; wrong UTF-8 becomes U+FFFD. In text
  a byte order mark is refused, as ``JSON.parse`` refuses it.

In the rest they agree: of two equal names in an object the last one counts, and NaN, comments, trailing commas and control
characters within strings are refused. Whole numbers stay exact, where JavaScript rounds those beyond 2^53.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Callable
from typing import Any, NoReturn

import msgspec

#: Levels of arrays and objects in each other. JavaScript's own bound is its memory; no API needs a hundredth of this.
MOST_LEVELS = 100_000
#: How much of the text around the place of a mistake an error shows, in characters before it and from it on.
EXCERPT_BEFORE, EXCERPT_AFTER = 20, 40

_BYTE_ORDER_MARK = "\ufeff"
_WHITE = re.compile(r"[ \t\n\r]*")
_STRING_OR_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|(NaN|-?Infinity)', re.DOTALL)
#: The messages of Python's reader, and what loadws says instead.
_REASONS = (
    ("Expecting value", "a value is expected"),
    ("Extra data", "something follows after the value"),
    ("Expecting property name", 'a name in double quotes or "}" is expected'),
    ("Illegal trailing comma", "a comma has nothing after it"),
    ("Expecting ':'", "a colon is expected"),
    ("Expecting ','", "a comma or the end of the list is expected"),
    ("Unterminated string", "the string that begins here has no end"),
    ("Invalid control character", "a string holds a control character"),
    ("Invalid \\uXXXX", "an escape is not \\u and four hexadecimal digits"),
    ("Invalid \\escape", "an escape is none that JSON has"),
)


class NotJson(ValueError):
    """A payload that is not JSON. ``reason`` is for people, ``offset`` the byte where it was noticed, from 0."""

    def __init__(self, reason: str, offset: int, excerpt: str) -> None:
        super().__init__(f"{reason} at byte {offset:,}" + (excerpt and f" of {excerpt}"))
        self.reason = reason
        self.offset = offset
        self.excerpt = excerpt


def read_json(payload: str | bytes) -> Any:
    """Return the value of a payload. Raises ``NotJson``."""
    try:
        return msgspec.json.decode(payload)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _read_as_javascript(payload) if isinstance(payload, str) else _read_bytes(payload)


def read_elements(content: bytes) -> list[bytes]:
    """Return the elements of an array in UTF-8, each as it is written.

    Raises:
        NotJson: The content is not JSON, not an array, or nested too deeply.
    """
    try:
        return [bytes(raw) for raw in msgspec.json.decode(content, type=list[msgspec.Raw])]
    except (msgspec.MsgspecError, RecursionError):
        read_json(content)
        text = content.decode()
    written, at = [], _after_white(text, text.index("[") + 1)
    while not text.startswith("]", at):
        try:
            _, end = _DECODER.raw_decode(text, at)
        except RecursionError:
            failed = _not_json("it is nested too deeply for a file of data", text, at)
            raise failed from None
        written.append(text[at:end].encode("utf-8", "surrogatepass"))
        at = _after_white(text, end)
        at = _after_white(text, at + text.startswith(",", at))
    return written


def _after_white(text: str, at: int) -> int:
    match = _WHITE.match(text, at)
    return at if match is None else match.end()


def _read_bytes(payload: bytes) -> Any:
    content = payload.removeprefix(codecs.BOM_UTF8)
    try:
        return _read_as_javascript(content.decode("utf-8", "replace"))
    except NotJson as error:
        skipped = len(payload) - len(content)
        try:
            content.decode()
        except UnicodeDecodeError as broken:  # places in the text are not those in the bytes
            raise NotJson("it is not UTF-8", broken.start + skipped, "") from None
        raise NotJson(error.reason, error.offset + skipped, error.excerpt) from None


def _read_as_javascript(text: str) -> Any:
    if text.startswith(_BYTE_ORDER_MARK):
        raise _not_json("a byte order mark is no part of JSON", text, 0)
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _not_json(_reason(error, text), text, error.pos) from None
    except _NotANumber:
        raise _not_a_number(text) from None
    except RecursionError:
        return _read_deep(text)


def _not_json(reason: str, text: str, at: int) -> NotJson:
    """Return the error for a place in a text, as an offset in bytes of UTF-8."""
    start, end = max(0, at - EXCERPT_BEFORE), at + EXCERPT_AFTER
    excerpt = f"{'…' if start else ''}{text[start:end]!r}{'…' if end < len(text) else ''}"
    return NotJson(reason, len(text[:at].encode("utf-8", "surrogatepass")), excerpt)


def _reason(error: json.JSONDecodeError, text: str) -> str:
    if not text[error.pos :].strip(" \t\n\r"):
        return "it ends too early" if text else "it is empty"
    return next((reason for front, reason in _REASONS if error.msg.startswith(front)), error.msg)


# -- numbers ----------------------------------------------------------------------------------------------------------


class _NotANumber(Exception):
    """``NaN`` or ``Infinity``, which Python's reader would accept."""


def _refuse(word: str) -> NoReturn:
    raise _NotANumber(word)


def _not_a_number(text: str) -> NotJson:
    found = next(match for match in _STRING_OR_WORD.finditer(text) if match[1])
    return _not_json(f"{found[1]} is not a number in JSON", text, found.start())


def _whole_number(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:  # more digits than Python converts
        return -math.inf if digits.startswith("-") else math.inf


_DECODER = json.JSONDecoder(parse_int=_whole_number, parse_constant=_refuse)


# -- deep nesting -----------------------------------------------------------------------------------------------------


def _read_deep(text: str) -> Any:
    """Read a value that is nested deeper than Python's stack, with a stack of its own.

    Raises:
        NotJson: The text is not JSON.
    """
    reader = _DeepReader(text)
    try:
        return reader.read()
    except json.JSONDecodeError as error:
        failed = _not_json(_reason(error, text), text, error.pos)
    except _NotANumber:
        failed = _not_a_number(text)
    raise failed


class _DeepReader:
    """A reader of one value. Python reads strings, numbers and words; only arrays and objects are put together here."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._scan: Callable[[str, int], tuple[Any, int]] = _DECODER.scan_once  # type: ignore[attr-defined]
        self._open: list[list[Any] | dict[str, Any]] = []  # the containers around the current place
        self._names: list[str] = []  # of the objects among them, the name whose value comes

    def read(self) -> Any:
        at = self._white(0)
        while True:
            value, at = self._value(at)
            while value is not _OPENED:
                if not self._open:
                    return self._end(value, at)
                value, at = self._put(value, at)

    def _value(self, at: int) -> tuple[Any, int]:
        """Return a value and its end; ``_OPENED`` where a container began whose first value comes next.

        Raises:
            json.JSONDecodeError: There is no value.
        """
        char = self._text[at : at + 1]
        if char == "[":
            return self._opened([], at)
        if char == "{":
            return self._opened({}, at)
        try:
            value, end = self._scan(self._text, at)
        except StopIteration:
            raise json.JSONDecodeError("Expecting value", self._text, at) from None
        return value, self._white(end)

    def _opened(self, container: list[Any] | dict[str, Any], at: int) -> tuple[Any, int]:
        if len(self._open) == MOST_LEVELS:
            raise _not_json(f"it is nested deeper than {MOST_LEVELS:,} levels", self._text, at)
        at = self._white(at + 1)
        closing = "]" if isinstance(container, list) else "}"
        if self._text.startswith(closing, at):
            return container, self._white(at + 1)
        self._open.append(container)
        return _OPENED, at if isinstance(container, list) else self._name(at)

    def _put(self, value: Any, at: int) -> tuple[Any, int]:
        """Put a value into the innermost container. Return that container if it ends here, else ``_OPENED``.

        Raises:
            json.JSONDecodeError: Neither a comma nor the container's end follows the value.
        """
        container = self._open[-1]
        if isinstance(container, list):
            container.append(value)
        else:
            container[self._names.pop()] = value
        if self._text.startswith(",", at):
            at = self._white(at + 1)
            return _OPENED, at if isinstance(container, list) else self._name(at)
        if not self._text.startswith("]" if isinstance(container, list) else "}", at):
            raise json.JSONDecodeError("Expecting ',' delimiter", self._text, at)
        return self._open.pop(), self._white(at + 1)

    def _name(self, at: int) -> int:
        if not self._text.startswith('"', at):
            raise json.JSONDecodeError("Expecting property name", self._text, at)
        name, end = self._scan(self._text, at)
        at = self._white(end)
        if not self._text.startswith(":", at):
            raise json.JSONDecodeError("Expecting ':' delimiter", self._text, at)
        self._names.append(name)
        return self._white(at + 1)

    def _end(self, value: Any, at: int) -> Any:
        if at != len(self._text):
            raise json.JSONDecodeError("Extra data", self._text, at)
        return value

    def _white(self, at: int) -> int:
        return _after_white(self._text, at)


_OPENED = object()
