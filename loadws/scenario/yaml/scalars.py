"""The meaning of an unquoted scalar: YAML 1.2's core schema (10.3.2). ``on``, ``yes`` and ``1:30`` are text."""

from __future__ import annotations

import math
import re

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import ScalarEvent

#: Begin and end of the stream and of its document, and the scalar itself.
_EVENTS_OF_A_SCALAR = 5
#: Beyond 64 bits no JSON reader is sure to keep an integer.
LARGEST_INTEGER = 2**64 - 1

Scalar = str | int | float | bool | None

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
#: Truth values of YAML 1.1, which are text in YAML 1.2.
_OLD_BOOL = {"yes": True, "y": True, "on": True, "no": False, "n": False, "off": False}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def resolve(text: str) -> Scalar:
    """Return the value of an unquoted scalar.

    Raises:
        ValueError: It is a number that no message can carry.
    """
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
        raise ValueError(f"{text[:40]}{'…' if len(text) > 40 else ''} is too large a number")
    return number


def meant_truth(text: str) -> bool | None:
    """Return the truth value that a text was probably meant as: ``yes``, ``On`` and a quoted ``"true"``; None for others."""
    return {**_OLD_BOOL, "true": True, "false": False}.get(text.strip().lower())


def unquoted(text: str) -> str | None:
    """Return the text between YAML's quotes, its escapes resolved; None where a text is not one scalar in quotes."""
    if len(text) < 2 or text[0] != text[-1] or text[0] not in "'\"":
        return None
    try:
        events = list(YAML(typ="safe", pure=True).parse(text))
    except YAMLError:
        return None
    found = [event for event in events if isinstance(event, ScalarEvent)]
    return str(found[0].value) if len(found) == 1 and len(events) == _EVENTS_OF_A_SCALAR else None


def _integer(text: str) -> int:
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    if len(text) > 80 or abs(number := int(text, base)) > LARGEST_INTEGER:
        raise ValueError("a whole number has at most 64 bits; quote it if it is text")
    return number
