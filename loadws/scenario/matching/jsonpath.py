"""JSONPath, the part that names one place: ``$``, ``.name``, ``['name']``, ``[0]``, ``[-1]``; compiled once to a closure.

The syntax is that of the singular queries of RFC 9535 (section 2.3.5.1); names after a dot may contain ``-`` too. A path
that selects several places (``..``, ``*``, slices, filters) is refused with a message that names the operator.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

from loadws.terms.errors import LoadwsError

Parts = tuple[str | int, ...]
Find = Callable[[Any], Any]


class _Missing:
    """The one value of ``MISSING``."""

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


#: What a path finds where there is nothing (a null is something).
MISSING: Final = _Missing()

_DOT_NAME = re.compile(r"\.([^\W\d][\w-]*)")
_INDEX = re.compile(r"\[(0|-?[1-9]\d{0,15})\]")
_QUOTED = re.compile(r"""\[(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\]""", re.DOTALL)
_REFUSED = (
    (re.compile(r"\.\."), ".. finds many places; write the path to one"),
    (re.compile(r"\.\*|\[\*"), "* finds many places; write the path to one"),
    (re.compile(r"\[\?"), "filters ([?...]) are not supported; write the path to one place"),
    (re.compile(r"\[-?\d*:"), "slices ([1:2]) are not supported; write the path to one place"),
    (re.compile(r"\[[^\]]*,"), "[a, b] finds several places; write the path to one"),
)


class PathError(LoadwsError):
    """A path is wrong. ``offset`` (0 based) is the place of the problem in its text."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message, "a path is written like $.a.b[0] or $['a b']")
        self.offset = offset


def compile_path(text: str) -> Find:
    """Return a function from parsed JSON to the value at the path, or ``MISSING``. Raises ``PathError``."""
    parts = parse_path(text)
    if not parts:
        return lambda data: data
    if len(parts) == 1 and isinstance(parts[0], str):
        return _one_key(parts[0])
    return _walk(parts)


def parse_path(text: str) -> Parts:
    """Return the keys and indexes of a path, outermost first.

    Raises:
        PathError: The path is not valid, or is one that loadws does not support.
    """
    if not text.startswith("$"):
        raise PathError("a path begins with $", 0)
    parts: list[str | int] = []
    at = 1
    while at < len(text):
        part, at = _part(text, at)
        parts.append(part)
    return tuple(parts)


def _part(text: str, at: int) -> tuple[str | int, int]:
    if match := _DOT_NAME.match(text, at):
        return match[1], match.end()
    if match := _INDEX.match(text, at):
        return int(match[1]), match.end()
    if match := _QUOTED.match(text, at):
        return _unquoted(match), match.end()
    for pattern, message in _REFUSED:
        if pattern.match(text, at):
            raise PathError(message, at)
    raise PathError(f"here .name, ['name'] or [0] should follow, not {text[at : at + 20]!r}", at)


def _unquoted(match: re.Match[str]) -> str:
    r"""Return the name between quotes. Its escapes are those of JSON, and ``\'`` between single quotes.

    Raises:
        PathError: The name has an escape that JSON does not have.
    """
    name = match[2]
    if name is None:
        name = re.sub(
            r"\\.|\"", lambda found: {"\\'": "'", '"': '\\"'}.get(found[0], found[0]), match[1], flags=re.DOTALL
        )
    try:
        unquoted: str = json.loads(f'"{name}"', strict=False)
    except json.JSONDecodeError:
        raise PathError("the quoted name has an escape that JSON does not know", match.start()) from None
    return unquoted


def _one_key(key: str) -> Find:
    """Return the function for a path of one key, as most are."""
    return lambda data: data.get(key, MISSING) if isinstance(data, dict) else MISSING


def _walk(parts: Parts) -> Find:
    steps: list[tuple[Any, Any]] = [(part, dict if isinstance(part, str) else list) for part in parts]

    def walk(data: Any) -> Any:
        found = data
        try:
            for part, container in steps:
                if type(found) is not container:
                    return MISSING
                found = found[part]
        except (KeyError, IndexError):
            return MISSING
        return found

    return walk
