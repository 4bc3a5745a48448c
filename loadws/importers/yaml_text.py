"""A scenario as YAML text that people go on to edit: short things on one line, comments where the importer has a reason."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from loadws.scenario.yaml.scalars import resolve

#: How wide a line of the scenario may be, in characters, before it is broken.
WIDTH = 110
#: Text that may stand without quotes, also within braces and brackets. Some of it is a number to YAML: ``.5``.
_PLAIN = re.compile(
    r"[A-Za-z_$./][\w$./-]*( [A-Za-z_][\w./-]*)*|\d+(\.\d+)?(ms|s|m|/s|/m|%)(\.\.\d+(\.\d+)?(ms|s))?", re.ASCII
)


class Commented(msgspec.Struct, frozen=True):
    """A value of a list or mapping with comments above it."""

    value: Any
    comments: Sequence[str]


class Reference(str):
    """``${NAME}`` without quotes: the scenario reads a number out of it where the environment has one."""


class Steps(list[Any]):
    """Steps of a flow, which stand below each other however short they are."""


def document(head: Sequence[str], scenario: dict[str, Any]) -> str:
    """Return the file's text: comments, then each key of the scenario with a blank line before those that are long."""
    lines = [_comment(line) for line in head]
    for key, value in scenario.items():
        block = list(_pair(key, value, 0))
        if len(block) > 1 or not lines or lines[-1].startswith("#"):
            lines.append("")
        lines += block
    return "\n".join(lines) + "\n"


def _comment(line: str, indent: int = 0) -> str:
    """Return a comment line; a line break or a control character in it would end the comment, or the file."""
    printable = "".join(character if character.isprintable() else " " for character in line)
    return " " * indent + f"# {printable}".rstrip()


def _pair(key: str, value: Any, indent: int) -> Iterator[str]:
    comments, value = (value.comments, value.value) if isinstance(value, Commented) else ((), value)
    yield from (_comment(line, indent) for line in comments)
    start = " " * indent + _scalar(key) + ":"
    if (short := _flow(value)) is not None and len(start) + len(short) < WIDTH:
        yield f"{start} {short}"
    elif isinstance(value, dict | list) and value:
        yield start
        yield from _block(value, indent + 2)
    else:
        yield f"{start} {_whole(value)}"


def _block(value: dict[str, Any] | list[Any], indent: int) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _pair(key, item, indent)
        return
    for item in value:
        yield from _item(item, indent)


def _item(item: Any, indent: int) -> Iterator[str]:
    comments, item = (item.comments, item.value) if isinstance(item, Commented) else ((), item)
    yield from (_comment(line, indent) for line in comments)
    start = " " * indent + "- "
    if (short := _flow(item)) is not None and len(start) + len(short) < WIDTH:
        is_step = isinstance(item, dict) and len(item) == 1
        yield start + (short[1:-1] if is_step else short)
    elif isinstance(item, dict | list) and item:
        first, *rest = _block(item, indent + 2)
        if first.lstrip().startswith("#"):
            yield first
            first, *rest = rest
        yield start + first[indent + 2 :]
        yield from rest
    else:
        yield start + _whole(item)


def _flow(value: Any) -> str | None:
    """Return the value on one line, or None where something in it has a comment or it is a list of several steps."""
    if isinstance(value, Commented | Steps):
        return None
    if isinstance(value, dict) and any(isinstance(item, Reference) for item in value.values()):
        return None  # its braces would end the mapping
    if isinstance(value, dict):
        items = [(key, _flow(item)) for key, item in value.items()]
        if any(text is None for _, text in items):
            return None
        return "{" + ", ".join(f"{_scalar(key)}: {text}" for key, text in items) + "}"
    if isinstance(value, list):
        texts = [_flow(item) for item in value]
        if any(text is None for text in texts) or (len(texts) > 1 and all(isinstance(item, dict) for item in value)):
            return None
        return "[" + ", ".join(text or "" for text in texts) + "]"
    return _scalar(value)


def _whole(value: Any) -> str:
    """Return a value that has no shorter form: a scalar, however long, or an empty mapping or list."""
    return _flow(value) or json.dumps(value)


def _scalar(value: Any) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, Reference):
        return str(value)
    if _PLAIN.fullmatch(value) and _is_text(value):
        return value
    return '"' + "".join(map(_character, value)) + '"'


def _is_text(value: str) -> bool:
    """Return whether YAML reads an unquoted value as itself, and not as a number, a truth value or nothing."""
    try:
        return resolve(value) == value
    except ValueError:  # a number that no message can carry
        return False


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character == " " or character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
