"""JSON whose parts know where they stand: members of an object and elements of a list, each with its offset in the text.

A file that was torn ends in the middle of a value. What stands before that value can still be read, and the error says where
the rest is missing.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

_DECODER = json.JSONDecoder(strict=False)
#: What the standard library's decoder says, in our words.
_REASONS = {
    "Unterminated string starting at": "a text has no end",
    "Expecting value": "a value is missing",
    "Expecting ',' delimiter": "a comma is missing",
    "Expecting ':' delimiter": "a colon is missing",
    "Expecting property name enclosed in double quotes": "a name is missing",
}
_BLANK = re.compile(r"[ \t\n\r]*")


class Torn(Exception):
    """The text is not JSON from ``offset`` on."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(reason)
        self.offset = offset
        self.reason = reason


class Lines:
    """The line and column of an offset, both counted from 1."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def line(self, offset: int) -> int:
        return bisect_right(self._starts, offset)

    def column(self, offset: int) -> int:
        return offset - self._starts[self.line(offset) - 1] + 1


def skip_blanks(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def value_at(text: str, at: int) -> tuple[Any, int]:
    """Return the value that begins at an offset, and the offset of its end.

    Raises:
        Torn: There is no whole JSON value.
    """
    try:
        value, end = _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise Torn(error.pos, _REASONS.get(error.msg, error.msg)) from None
    except RecursionError:
        raise Torn(at, "it is nested too deeply") from None
    return value, end


def members(text: str, at: int) -> Iterator[tuple[str, int]]:
    """Yield each key of the object at an offset, with the offset of its value; ``send`` the end of the value, or nothing.

    A value whose end is not sent is read over. Raises ``Torn``.
    """
    at = _expect(text, at, "{")
    while (at := skip_blanks(text, at)) < len(text) and text[at] != "}":
        key, at = value_at(text, at)
        at = skip_blanks(text, _expect(text, skip_blanks(text, at), ":"))
        end = yield str(key), at
        at = _separator(text, value_at(text, at)[1] if end is None else end, "}")
    _expect(text, at, "}")


def elements(text: str, at: int) -> Iterator[tuple[Any, int]]:
    """Yield each element of the list at an offset, with its own offset. Raises ``Torn``."""
    at = _expect(text, at, "[")
    while (at := skip_blanks(text, at)) < len(text) and text[at] != "]":
        value, end = value_at(text, at)
        yield value, at
        at = _separator(text, end, "]")
    _expect(text, at, "]")


def member(text: str, at: int, wanted: str) -> int | None:
    """Return the offset of the value of a key, or None where the object has no such key. Raises ``Torn``."""
    return next((offset for key, offset in members(text, at) if key == wanted), None)


def _expect(text: str, at: int, sign: str) -> int:
    if at >= len(text):
        raise Torn(at, "the file ends here")
    if text[at] != sign:
        raise Torn(at, f"{sign!r} should be here")
    return at + 1


def _separator(text: str, at: int, closing: str) -> int:
    """Return the offset behind a comma, or that of the closing sign."""
    at = skip_blanks(text, at)
    if at < len(text) and text[at] == closing:
        return at
    return _expect(text, at, ",")
