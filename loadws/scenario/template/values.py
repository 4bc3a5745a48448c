"""Plain values, the only ones that a template computes with: those of JSON, and bytes.

Everything here is bounded, so that no expression in a scenario file can block the generator: a number stays within 64 bits
or is a finite float, and a text or list stays under ``LONGEST`` characters or items. An impossible operation raises
``EvaluationError`` and nothing else.
"""

from __future__ import annotations

import base64
import json
import math
import operator
import re
from collections.abc import Callable, Hashable
from typing import Any

import msgspec

#: Characters of a text, items of a list: what is longer is refused.
LONGEST = 16 * 2**20
LEAST_INTEGER, GREATEST_INTEGER = -(2**63), 2**64 - 1
#: How much of a value a message for people shows, in characters.
SHOWN = 200

_NUMBERS = frozenset({int, float, bool})
_JSON = msgspec.json.Encoder()
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNWRITABLE = (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError)

Operation = Callable[[Any, Any], Any]


class EvaluationError(Exception):
    """A template could not be evaluated, or a value not be used. The message is for people."""


class Undefined(EvaluationError):
    """A name or key of a template does not exist. ``default`` and ``is defined`` catch this error."""


# -- words ------------------------------------------------------------------------------------------------------------


def kind(value: Any) -> str:
    """Return the JSON word for a value's type: string, integer, number, boolean, null, array, object (or bytes)."""
    match value:
        case bool():
            return "boolean"
        case str():
            return "string"
        case int():
            return "integer"
        case float():
            return "number"
        case None:
            return "null"
        case list():
            return "array"
        case dict():
            return "object"
    return type(value).__name__


def show(value: Any) -> str:
    """Return a value as text for a message: as JSON, cut at ``SHOWN`` characters."""
    if isinstance(value, str | bytes):
        value = value[: SHOWN + 1]
    try:
        text = value.hex(" ") if isinstance(value, bytes) else as_json(value)
    except EvaluationError:
        text = kind(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def as_text(value: Any) -> str:
    """Return a value as part of a text: a string as it is, everything else as JSON.

    Raises:
        EvaluationError: The value is bytes, which cannot stand in a text.
    """
    if type(value) is str:
        return value
    if type(value) is int:
        return str(value)
    if isinstance(value, bytes):
        raise EvaluationError("bytes cannot stand in text; write them with | base64 or | hex")
    return as_json(value)


def as_json(value: Any) -> str:
    """Return compact JSON, as JavaScript's ``JSON.stringify`` writes it: half of a surrogate pair is an escape.

    Bytes become base64.

    Raises:
        EvaluationError: JSON cannot express the value.
    """
    try:
        return _JSON.encode(value).decode()
    except UnicodeEncodeError:
        return _with_lone_surrogates(value)
    except _UNWRITABLE as error:
        raise EvaluationError(f"{kind(value)} cannot be written as JSON: {error}") from None


def _with_lone_surrogates(value: Any) -> str:
    """Return the JSON of a value that msgspec does not write.

    Raises:
        EvaluationError: JSON cannot express the value.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_base64)
    except _UNWRITABLE as error:
        raise EvaluationError(f"{kind(value)} cannot be written as JSON: {error}") from None
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _base64(value: Any) -> str:
    return base64.b64encode(value).decode("ascii")


# -- sameness ---------------------------------------------------------------------------------------------------------


def same(a: Any, b: Any) -> bool:
    """Return whether two values are equal in JSON: 1 is 1.0, but true is not 1.

    Values nested too deeply to compare are not the same.
    """
    try:
        return _same(a, b)
    except RecursionError:
        return False


def _same(a: Any, b: Any) -> bool:
    if type(a) is bool or type(b) is bool:
        return a is b
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(_same(value, b[key]) for key, value in a.items())
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b)


def freeze(value: Any) -> Hashable:
    """Return a key for dictionaries: two plain values have equal keys exactly where they are the ``same``.

    Raises:
        EvaluationError: The value is nested too deeply.
    """
    if type(value) is int or type(value) is str:  # nearly always; it is its own key
        return value
    try:
        return _freeze(value)
    except RecursionError:
        raise EvaluationError("the value is nested too deeply to look it up") from None


def _freeze(value: Any) -> Hashable:
    if type(value) is bool:
        return ("boolean", str(value))
    if isinstance(value, dict):
        return ("object", frozenset((key, _freeze(item)) for key, item in value.items()))
    if isinstance(value, list):
        return ("array", *map(_freeze, value))
    frozen: Hashable = value
    return frozen


# -- bounds -----------------------------------------------------------------------------------------------------------


def in_range(number: Any) -> Any:
    """Return the number if a message can carry it.

    Raises:
        EvaluationError: It is not finite, not real, or an integer beyond 64 bits.
    """
    if type(number) is float:
        if math.isfinite(number):
            return number
        raise EvaluationError("the result is not a finite number")
    if isinstance(number, int):
        if LEAST_INTEGER <= number <= GREATEST_INTEGER:
            return number
        raise EvaluationError("the result is an integer beyond 64 bits")
    raise EvaluationError("the result is no real number")


def fits(length: int) -> int:
    """Return the length if a value may be that long.

    Raises:
        EvaluationError: It is too long.
    """
    if length > LONGEST:
        raise EvaluationError(f"the result would have {length:,} characters or items; {LONGEST:,} are allowed")
    return length


# -- operators --------------------------------------------------------------------------------------------------------


def _cannot(word: str, *values: Any) -> EvaluationError:
    return EvaluationError(f"cannot {word} " + " and ".join(map(kind, values)))


def _of_numbers(word: str, compute: Operation) -> Operation:
    def operation(a: Any, b: Any) -> Any:
        if type(a) not in _NUMBERS or type(b) not in _NUMBERS:
            raise _cannot(word, a, b)
        try:
            return in_range(compute(a, b))
        except ZeroDivisionError:
            raise EvaluationError("division by zero") from None
        except OverflowError:
            raise EvaluationError("the result is too large a number") from None

    return operation


def _power(a: Any, b: Any) -> Any:
    # Integer powers are the one operator whose cost is not bounded by its operands' length.
    if isinstance(a, int) and isinstance(b, int) and b > 64 and abs(a) > 1:
        raise OverflowError
    return a**b


_add_numbers = _of_numbers("add", operator.add)
_multiply_numbers = _of_numbers("multiply", operator.mul)


def add(a: Any, b: Any) -> Any:
    """Return the sum of two numbers, or two texts or lists joined. Raises ``EvaluationError``."""
    if type(a) is type(b) and isinstance(a, str | list):
        fits(len(a) + len(b))
        return a + b
    return _add_numbers(a, b)


def multiply(a: Any, b: Any) -> Any:
    """Return the product of two numbers, or a text repeated. Raises ``EvaluationError``."""
    if isinstance(b, str):
        a, b = b, a
    if isinstance(a, str) and isinstance(b, int):
        fits(len(a) * b)
        return a * b
    return _multiply_numbers(a, b)


def _comparison(compare: Operation) -> Operation:
    def operation(a: Any, b: Any) -> Any:
        try:
            return compare(a, b)
        except (TypeError, RecursionError):
            raise _cannot("compare", a, b) from None

    return operation


def contains(item: Any, container: Any) -> bool:
    """Return ``item in container``: whether it is a part of a text, an item of a list, or a key of an object.

    Raises:
        EvaluationError: The container is of a kind that contains nothing.
    """
    try:
        return item in container
    except (TypeError, RecursionError):
        raise EvaluationError(f"cannot look for {kind(item)} in {kind(container)}") from None


#: Binary operators by their sign. ``==`` is Python's, as everywhere in Jinja: true == 1.
ARITHMETIC: dict[str, Operation] = {
    "+": add,
    "-": _of_numbers("subtract", operator.sub),
    "*": multiply,
    "/": _of_numbers("divide", operator.truediv),
    "//": _of_numbers("divide", operator.floordiv),
    "%": _of_numbers("divide", operator.mod),
    "**": _of_numbers("raise", _power),
}
COMPARISONS: dict[str, Operation] = {
    "eq": _comparison(operator.eq),
    "ne": _comparison(operator.ne),
    "lt": _comparison(operator.lt),
    "lteq": _comparison(operator.le),
    "gt": _comparison(operator.gt),
    "gteq": _comparison(operator.ge),
    "in": contains,
    "notin": lambda item, container: not contains(item, container),
}


def negative(a: Any) -> Any:
    if type(a) not in _NUMBERS:
        raise _cannot("negate", a)
    return in_range(-a)


def positive(a: Any) -> Any:
    if type(a) not in _NUMBERS:
        raise _cannot("take the sign of", a)
    return in_range(+a)


def item(container: Any, key: Any) -> Any:
    """Return the value of an object's key, or at an index of a list or text.

    Raises:
        Undefined: There is no such key or index.
        EvaluationError: The key is of a kind that no object has.
    """
    try:
        if isinstance(container, dict) or (isinstance(container, list | str) and type(key) is int):
            return container[key]
    except (KeyError, IndexError):
        raise Undefined(f"the {kind(container)} has no {show(key)}") from None
    except TypeError:
        raise EvaluationError(f"{kind(key)} cannot be a key") from None
    raise Undefined(f"{kind(container)} has no {show(key)}")
