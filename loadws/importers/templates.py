"""Values of a scenario that is being made: literal text escaped, and expressions among it.

Three things in a text have a meaning of their own in a scenario: ``{{`` begins an expression, ``{%`` is refused, and ``${``
names an environment variable. A literal that ends with ``{`` or ``$`` would join an expression that follows it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

_SPECIAL = re.compile(r"\{\{|\{%|\$\{")


class Expression(msgspec.Struct, frozen=True):
    """An expression of the template language, without its braces."""

    source: str


class Environment(msgspec.Struct, frozen=True):
    """A variable of the environment, which is put into the file when it is read."""

    name: str


Part = str | Expression | Environment


class Mixed(msgspec.Struct, frozen=True):
    """Text with expressions in it."""

    parts: tuple[Part, ...]


def rendered(value: Any) -> Any:
    """Return a JSON value as a scenario writes it: literals escaped, and expressions in braces."""
    match value:
        case str():
            return _value(value)
        case Expression() | Environment():
            return _braced(value)
        case Mixed():
            return _mixed(value.parts)
        case dict():
            return {_key(key): rendered(item) for key, item in value.items()}
        case list():
            return [rendered(item) for item in value]
    return value


def fixed(value: Any) -> Any:
    """Return text that has no expressions, such as a JSONPath: only the environment's references are escaped in it."""
    return value.replace("${", "$${") if isinstance(value, str) else value


def mixed(parts: Iterable[Part]) -> Part | Mixed:
    """Return the simplest value that has these parts."""
    kept = tuple(part for part in parts if part != "")
    if not kept:
        return ""
    return kept[0] if len(kept) == 1 else Mixed(kept)


def parts_of(value: Part | Mixed) -> tuple[Part, ...]:
    """Return the parts of a text."""
    return value.parts if isinstance(value, Mixed) else (value,)


def _mixed(parts: tuple[Part, ...]) -> str:
    text = ""
    for index, part in enumerate(parts):
        if not isinstance(part, str):
            text += _braced(part)
            continue
        is_before_expression = index + 1 < len(parts)
        if is_before_expression and part.endswith(("{", "$")):
            text += _value(part[:-1]) + "{{ '" + part[-1] + "' }}"
        else:
            text += _value(part)
    return text


def _braced(part: Expression | Environment) -> str:
    return "${" + part.name + "}" if isinstance(part, Environment) else "{{ " + part.source + " }}"


def _value(text: str) -> str:
    return _SPECIAL.sub(lambda found: "$${" if found[0] == "${" else _quoted(found[0]), text)


def _key(text: str) -> str:
    """Escape a key: the environment is not put into keys, so ``${`` stays as it is."""
    return _SPECIAL.sub(lambda found: found[0] if found[0] == "${" else _quoted(found[0]), text)


def _quoted(text: str) -> str:
    return "{{ '" + text + "' }}"


def replacing(text: str, values: dict[str, str]) -> Part | Mixed:
    """Return the text with an expression in place of each value; of values that overlap, the longest."""
    if not values:
        return text
    pattern = "|".join(re.escape(value) for value in sorted(values, key=len, reverse=True))
    return mixed(_split(text, re.compile(pattern), lambda found: Expression(values[found])))


def _split(text: str, pattern: re.Pattern[str], make: Callable[[str], Expression]) -> Iterable[Part]:
    at = 0
    for match in pattern.finditer(text):
        yield text[at : match.start()]
        yield make(match[0])
        at = match.end()
    yield text[at:]
