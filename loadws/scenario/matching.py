"""``where``, ``check``, ``until``: conditions on a message, all of which must hold; compiled before the run.

::

    $.a.b[0]: value or matchers         of parsed JSON; equality is JSON's (1 == 1.0, true != 1)
    text:     value or matchers         of the whole text (equals, regex, in, exists)
    regex:    pattern                   found in the text
    bytes:    {at:, hex|base64|text:, length: number or matchers}      of a binary message

Values may hold templates, which ``bind`` evaluates once for all the messages that are then looked at. Captures are in
``capture.py``.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import difflib
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from loadws.scenario.capture import Captures, compile_captures
from loadws.scenario.jsonpath import MISSING
from loadws.scenario.matchers import (
    EQUALS,
    NO_SCOPE,
    REGEX,
    Expectation,
    Matcher,
    Test,
    compile_expectations,
    compile_operand,
    expect,
)
from loadws.scenario.message import Message
from loadws.scenario.places import (
    BINARY,
    LENGTH,
    TEXT,
    MatchError,
    Path,
    Place,
    json_place,
    offset_in,
    only_keys,
    slice_of,
)
from loadws.scenario.template import Compiled, Scope
from loadws.scenario.values import EvaluationError, freeze, show

__all__ = ["Captures", "Conditions", "MatchError", "Predicate", "compile_captures", "compile_conditions"]

Predicate = Callable[[Message], bool]

_TEXT_MATCHERS = ("equals", "regex", "in", "exists")
_LENGTH_MATCHERS = ("equals", "in", "lt", "le", "gt", "ge")


@dataclass(frozen=True, slots=True)
class _Clause:
    """One thing that must hold: an expectation of a place."""

    place: Place
    expectation: Expectation

    def bind(self, scope: Scope) -> Predicate:
        return _seen(self.place, self.expectation.bind(scope))

    def why(self, message: Message, scope: Scope) -> str | None:
        found = self.place.find(message)
        if self.expectation.bind(scope)(found):
            return None
        state = self.place.absent(message) if found is MISSING else f"is {show(found)}"
        return f"{self.place.label} {state}, expected {self.expectation.says(scope)}"


class Conditions:
    """Conditions on a message. ``names`` and ``attributes`` are what their templates read.

    ``key`` is (path, value) where all they ask is that one JSONPath equals one value: such conditions need no scan, for
    ``extract`` of a message is ``bind_key`` of the conditions exactly where they hold.
    """

    __slots__ = ("_bound", "_clauses", "attributes", "key", "names")

    def __init__(self, clauses: list[_Clause]) -> None:
        operands = [clause.expectation.operand for clause in clauses]
        self._clauses = clauses
        self.names: frozenset[str] = frozenset().union(*(operand.names for operand in operands))
        self.attributes: frozenset[tuple[str, str]] = frozenset().union(*(operand.attributes for operand in operands))
        constant = all(operand.constant for operand in operands)
        self._bound = _all([clause.bind(NO_SCOPE) for clause in clauses]) if constant else None
        self.key = _key(clauses)

    def bind(self, scope: Scope) -> Predicate:
        """A predicate with the templates evaluated now, the same one each time where there are none.

        Raises ``EvaluationError``.
        """
        return self._bound or _all([clause.bind(scope) for clause in self._clauses])

    def why(self, message: Message, scope: Scope) -> str | None:
        """None where all hold, else a sentence on the first that does not. Raises ``EvaluationError``."""
        for clause in self._clauses:
            if sentence := clause.why(message, scope):
                return sentence
        return None

    def bind_key(self, scope: Scope) -> Hashable:
        """The value of ``key``, evaluated now. Raises ``EvaluationError``."""
        assert self.key is not None, "only conditions with a key have its value"
        return freeze(self.key[1](scope))

    def extract(self, message: Message) -> Hashable:
        """What the message has at the path of ``key``; ``MISSING`` where that is nothing."""
        assert self.key is not None, "only conditions with a key have its path"
        try:
            return freeze(self._clauses[0].place.find(message))
        except EvaluationError:
            return MISSING


def _seen(place: Place, test: Test) -> Predicate:
    find = place.find
    return lambda message: test(find(message))


def _all(predicates: list[Predicate]) -> Predicate:
    if len(predicates) == 1:
        return predicates[0]
    if len(predicates) == 2:
        first, second = predicates
        return lambda message: first(message) and second(message)
    return lambda message: all(predicate(message) for predicate in predicates)


def _key(clauses: list[_Clause]) -> tuple[str, Compiled] | None:
    only = clauses[0]
    is_key = len(clauses) == 1 and only.place.label.startswith("$") and only.expectation.matcher is EQUALS
    return (only.place.label, only.expectation.operand) if is_key else None


# -- compiling --------------------------------------------------------------------------------------------------------


def compile_conditions(mapping: Mapping[str, JsonValue]) -> Conditions:
    """Raises ``MatchError`` at the first thing that is wrong."""
    if not mapping:
        raise MatchError("here a condition is missing", ())
    return Conditions([clause for key, value in mapping.items() for clause in _clauses(key, value)])


def _clauses(key: str, value: JsonValue) -> Iterator[_Clause]:
    if key.startswith("$"):
        place = json_place(key, (key,), in_key=True)
        return (_Clause(place, expectation) for expectation in compile_expectations(value, (key,)))
    compile_key = _KEYS.get(key)
    if compile_key is None:
        near = difflib.get_close_matches(key, _KEYS, 1)
        advice = f"did you mean {near[0]!r}?" if near else "a condition is a JSONPath ($.a.b), text, regex or bytes"
        raise MatchError(f"unknown condition {key!r}", (key,), advice, in_key=True)
    return compile_key(value)


def _text(value: JsonValue) -> Iterator[_Clause]:
    if isinstance(value, dict):
        for expectation in compile_expectations(value, ("text",), _TEXT_MATCHERS):
            yield _Clause(TEXT, expectation)
        return
    yield _Clause(TEXT, expect(EQUALS, _as_text(value, ("text",)), ("text",)))


def _as_text(value: JsonValue, path: Path) -> Compiled:
    """An operand that is text, whatever the type of the template in it."""
    if not isinstance(value, str):
        raise MatchError(f"{path[-1]} is text, and this is {show(value)}", path, "put it in quotes")
    compiled = compile_operand(value, path)
    return dataclasses.replace(compiled, evaluate=compiled.text)


def _regex(value: JsonValue) -> Iterator[_Clause]:
    yield _Clause(TEXT, expect(REGEX, _as_text(value, ("regex",)), ("regex",)))


def _bytes(value: JsonValue) -> Iterator[_Clause]:
    path: Path = ("bytes",)
    if not isinstance(value, dict):
        raise MatchError("bytes is a mapping", path, "write bytes: {at: 0, hex: cafe}")
    only_keys(value, ("at", *_CONTENTS, "length"), path)
    given = [key for key in _CONTENTS if key in value]
    if len(given) > 1 or not (given or "length" in value):
        raise MatchError("bytes takes one of hex, base64 and text, or a length, or both", path)
    at = offset_in(value, path)
    for form in given:
        operand = _content(form, value[form], (*path, form))
        yield _Clause(BINARY, expect(_bytes_at(at), operand, (*path, form)))
    if "length" in value:
        for expectation in compile_expectations(value["length"], (*path, "length"), _LENGTH_MATCHERS):
            yield _Clause(LENGTH, expectation)


def _content(form: str, value: JsonValue, path: Path) -> Compiled:
    """The bytes that hex, base64 or text stand for; a constant is decoded now."""
    compiled, decode = _as_text(value, path), _CONTENTS[form]

    def content(scope: Scope) -> bytes:
        try:
            return decode(compiled.text(scope))
        except (ValueError, binascii.Error):
            raise EvaluationError(f"this is not {form}") from None

    try:
        constant = content(NO_SCOPE) if compiled.constant else None
    except EvaluationError as error:
        raise MatchError(str(error), path) from None
    return dataclasses.replace(compiled, evaluate=content if constant is None else lambda scope: constant)


def _bytes_at(at: int) -> Matcher:
    def test(content: bytes) -> Test:
        length = len(content)
        return lambda payload: payload is not MISSING and slice_of(payload, at, length) == content

    return Matcher(test, lambda content: f"{show(content)} at {at}")


_CONTENTS: dict[str, Callable[[str], bytes]] = {
    "hex": bytes.fromhex,
    "base64": lambda text: base64.b64decode(text, validate=True),
    "text": str.encode,
}
_KEYS: dict[str, Callable[[JsonValue], Iterator[_Clause]]] = {"text": _text, "regex": _regex, "bytes": _bytes}
