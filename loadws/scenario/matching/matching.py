"""``where``, ``check``, ``until``: conditions on a message, all of which must hold; compiled before the run.

::

    $.a.b[0]: value or matchers         of parsed JSON; equality is JSON's (1 == 1.0, true != 1)
    text:     value or matchers         of the whole text (equals, regex, in, exists)
    regex:    pattern                   found in the text
    regex:    {pattern:, group:, equals|regex|in|exists:}      of the part that the pattern takes (group 1 by default)
    bytes:    {at:, hex|base64|text:, length: number or matchers}      of a binary message
    event:    value or matchers         of the name that a protocol gives the message
    subscription:  value or matchers    of the step that subscribed to it
    envelope: {$.a: value or matchers}  of the whole message of a protocol, and not only of what it carries

For the answer to an ``http`` step, ``compile_answer_conditions`` has two more::

    status:   200, [200, 201] or matchers
    headers:  {name: value or matchers}

Values may hold templates, which ``bind`` evaluates once for all the messages that are then tested. Captures are in
``capture.py``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping

import msgspec
from pydantic import JsonValue

from loadws.scenario.matching.capture import Captures, compile_captures
from loadws.scenario.matching.extract import (
    BINARY,
    EVENT,
    LENGTH,
    STATUS,
    SUBSCRIPTION,
    TEXT,
    MatchError,
    Path,
    Place,
    envelope_place,
    header_place,
    json_place,
    offset_in,
    only_keys,
    regex_place,
    slice_of,
)
from loadws.scenario.matching.index import Key, Predicate, Wanted, key_of, key_of_bytes
from loadws.scenario.matching.jsonpath import MISSING
from loadws.scenario.matching.matchers import (
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
from loadws.scenario.matching.message import Message
from loadws.scenario.template.template import Compiled, Scope
from loadws.scenario.template.values import EvaluationError, show
from loadws.terms.errors import did_you_mean

__all__ = ["Captures", "Conditions", "MatchError", "Predicate", "Wanted", "compile_answer_conditions", "compile_captures",
           "compile_conditions", "has_json_path"]  # fmt: skip

_CompileKey = Callable[[JsonValue], Iterator["_Clause"]]
_PART = "write regex: {pattern: 'id=(\\d+)', equals: ...}"
_UNPACK = "write it in the where of a request, a wait_for, an expect_none, a handler or a measure, or of the connection"
_TEXT_MATCHERS = ("equals", "regex", "in", "exists")
_LENGTH_MATCHERS = ("equals", "in", "lt", "le", "gt", "ge")


class _Clause(msgspec.Struct, frozen=True):
    """One condition: the value at a place has to meet an expectation. ``key`` is its key where it is an equality, see
    ``index.py``.
    """

    place: Place
    expectation: Expectation
    key: Key | None = None

    def bind(self, scope: Scope) -> Predicate:
        return _seen(self.place, self.expectation.bind(scope))

    def why(self, message: Message, scope: Scope) -> str | None:
        found = self.place.find(message)
        if self.expectation.bind(scope)(found):
            return None
        state = self.place.absent(message) if found is MISSING else f"is {show(found)}"
        return f"{self.place.label} {state}, expected {self.expectation.says(scope)}"


class Conditions:
    """Compiled conditions on a message. ``names`` and ``attributes`` are those that their templates read."""

    __slots__ = ("_bound", "_clauses", "attributes", "names", "want")

    def __init__(self, clauses: list[_Clause]) -> None:
        operands = [clause.expectation.operand for clause in clauses]
        self._clauses = clauses
        self.names: frozenset[str] = frozenset().union(*(operand.names for operand in operands))
        self.attributes: frozenset[tuple[str, str]] = frozenset().union(*(operand.attributes for operand in operands))
        constant = all(operand.constant for operand in operands)
        self._bound = _all([clause.bind(NO_SCOPE) for clause in clauses]) if constant else None
        want = self._wanter(_keyed(clauses))
        #: The same as ``bind``, with the key apart from the rest. Raises ``EvaluationError``.
        self.want: Callable[[Scope], Wanted] = _always(want(NO_SCOPE)) if constant else want

    def bind(self, scope: Scope) -> Predicate:
        """Return a predicate with the templates evaluated now; the same one each time where there are none.

        Raises ``EvaluationError``.
        """
        return self._bound or _all([clause.bind(scope) for clause in self._clauses])

    def why(self, message: Message, scope: Scope) -> str | None:
        """Return a sentence on the first condition that does not hold; None where all hold. Raises ``EvaluationError``."""
        for clause in self._clauses:
            if sentence := clause.why(message, scope):
                return sentence
        return None

    def _wanter(self, keyed: _Clause | None) -> Callable[[Scope], Wanted]:
        if keyed is None or keyed.key is None:
            return lambda scope: Wanted(None, None, self.bind(scope))
        key, clauses = keyed.key, [clause for clause in self._clauses if clause is not keyed]
        bind_rest = Conditions(clauses).bind if clauses else None

        def want(scope: Scope) -> Wanted:
            extract, value = key(scope)
            return Wanted(extract, value, None if bind_rest is None else bind_rest(scope))

        return want


def has_json_path(conditions: Mapping[str, JsonValue] | None) -> bool:
    """Return whether one of the conditions looks at a place in JSON."""
    return any(key.startswith("$") for key in conditions or ())


def _always(wanted: Wanted) -> Callable[[Scope], Wanted]:
    return lambda scope: wanted


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


def _keyed(clauses: list[_Clause]) -> _Clause | None:
    """Return the clause to look up by: preferably one with a template, because a constant does not tell requests apart."""
    keyed = [clause for clause in clauses if clause.key is not None]
    return min(keyed, key=lambda clause: clause.expectation.operand.constant, default=None)


# -- compiling --------------------------------------------------------------------------------------------------------


def compile_conditions(mapping: Mapping[str, JsonValue]) -> Conditions:
    """Compile conditions on a message.

    Raises:
        MatchError: There is no condition, or one is not valid.
    """
    if not mapping:
        raise MatchError("here a condition is missing", ())
    return Conditions([clause for key, value in mapping.items() for clause in _clauses(key, value, _KEYS)])


def compile_answer_conditions(mapping: Mapping[str, JsonValue]) -> Conditions:
    """Compile conditions on the answer to an ``http`` step. Raises ``MatchError`` for the first that is wrong."""
    return Conditions([clause for key, value in mapping.items() for clause in _clauses(key, value, _KEYS_OF_ANSWER)])


def _clauses(key: str, value: JsonValue, keys: Mapping[str, _CompileKey]) -> Iterator[_Clause]:
    if key.startswith("$"):
        place = json_place(key, (key,), in_key=True)
        return (_looked_at(place, expectation) for expectation in compile_expectations(value, (key,)))
    compile_key = keys.get(key)
    if compile_key is None:
        *words, last = (word for word in keys if word not in OF_PROTOCOLS)
        known = f"a condition is a JSONPath ($.a.b), {', '.join(words)} or {last}"
        advice = _UNPACK if key == "unpack" else did_you_mean(key, keys) or known
        raise MatchError(f"unknown condition {key!r}", (key,), advice, in_key=True)
    return compile_key(value)


def _looked_at(place: Place, expectation: Expectation) -> _Clause:
    return _Clause(place, expectation, key_of(place, expectation))


def _text(value: JsonValue) -> Iterator[_Clause]:
    if isinstance(value, dict):
        for expectation in compile_expectations(value, ("text",), _TEXT_MATCHERS):
            yield _looked_at(TEXT, expectation)
        return
    yield _looked_at(TEXT, expect(EQUALS, _as_text(value, ("text",)), ("text",)))


def _status(value: JsonValue) -> Iterator[_Clause]:
    matchers: JsonValue = {"in": value} if isinstance(value, list) else value
    for expectation in compile_expectations(matchers, ("status",)):
        yield _Clause(STATUS, expectation)


def _headers(value: JsonValue) -> Iterator[_Clause]:
    if not isinstance(value, dict) or not value:
        raise MatchError("headers is a mapping of names and values", ("headers",))
    for name, expected in value.items():
        place = header_place(name, ("headers", name))
        for expectation in compile_expectations(expected, ("headers", name)):
            yield _Clause(place, expectation)


def _as_text(value: JsonValue, path: Path) -> Compiled:
    """Compile an operand to text, whatever type its template has.

    Raises:
        MatchError: The operand is not text.
    """
    if not isinstance(value, str):
        raise MatchError(f"{path[-1]} is text, and this is {show(value)}", path, "put it in quotes")
    compiled = compile_operand(value, path)
    return msgspec.structs.replace(compiled, evaluate=compiled.text)


def _regex(value: JsonValue) -> Iterator[_Clause]:
    """Compile a pattern that must be found; or ``{pattern:, group:}`` with expectations of the part that it takes."""
    if isinstance(value, dict):
        yield from _part(value)
        return
    yield _Clause(TEXT, expect(REGEX, _as_text(value, ("regex",)), ("regex",)))


def _part(value: dict[str, JsonValue]) -> Iterator[_Clause]:
    path: Path = ("regex",)
    only_keys(value, ("pattern", "group", *_TEXT_MATCHERS), path)
    matchers = {word: operand for word, operand in value.items() if word in _TEXT_MATCHERS}
    if "pattern" not in value or not matchers:
        raise MatchError("regex is a pattern, or a pattern and what its part must be", path, _PART)
    place = _part_place(value["pattern"], value.get("group"), path)
    for word, operand in matchers.items():
        if word == "equals":
            yield _looked_at(place, expect(EQUALS, _as_text(operand, (*path, word)), (*path, word)))
        else:
            for expectation in compile_expectations({word: operand}, path, _TEXT_MATCHERS):
                yield _Clause(place, expectation)


def _part_place(pattern: JsonValue, group: JsonValue, path: Path) -> Place:
    if isinstance(pattern, str) and "{{" in pattern:
        raise MatchError("this pattern is the same for all messages", (*path, "pattern"), "templates go in equals")
    try:
        return regex_place(pattern, group, path)
    except MatchError as error:
        raise MatchError(str(error), (*path, "group" if "group" in error.path else "pattern"), error.advice) from None


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
        yield _Clause(BINARY, expect(_bytes_at(at), operand, (*path, form)), key_of_bytes(at, operand))
    if "length" in value:
        for expectation in compile_expectations(value["length"], (*path, "length"), _LENGTH_MATCHERS):
            yield _Clause(LENGTH, expectation)


def _content(form: str, value: JsonValue, path: Path) -> Compiled:
    """Compile hex, base64 or text to bytes; a constant is decoded now.

    Raises:
        MatchError: The constant is not of this form.
    """
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
    return msgspec.structs.replace(compiled, evaluate=content if constant is None else lambda scope: constant)


def _bytes_at(at: int) -> Matcher:
    def test(content: bytes) -> Test:
        length = len(content)
        return lambda payload: payload is not MISSING and slice_of(payload, at, length) == content

    return Matcher(test, lambda content: f"{show(content)} at {at}")


def _named(place: Place) -> _CompileKey:
    """Return the compiler of a condition on a name that a protocol gives."""

    def clauses(value: JsonValue) -> Iterator[_Clause]:
        for expectation in compile_expectations(value, (place.label,), _TEXT_MATCHERS):
            yield _Clause(place, expectation)

    return clauses


def _envelope(value: JsonValue) -> Iterator[_Clause]:
    if not isinstance(value, dict) or not value:
        raise MatchError(
            "envelope is a mapping of JSONPaths and values", ("envelope",), "write envelope: {$.type: news}"
        )
    for key, expected in value.items():
        place = envelope_place(key, ("envelope", key))
        for expectation in compile_expectations(expected, ("envelope", key)):
            yield _Clause(place, expectation)


_CONTENTS: dict[str, Callable[[str], bytes]] = {
    "hex": bytes.fromhex,
    "base64": lambda text: base64.b64decode(text, validate=True),
    "text": str.encode,
}
#: Conditions that hold only of messages of a protocol.
OF_PROTOCOLS: dict[str, _CompileKey] = {
    "event": _named(EVENT),
    "subscription": _named(SUBSCRIPTION),
    "envelope": _envelope,
}
_KEYS_OF_ANY: dict[str, _CompileKey] = {"text": _text, "regex": _regex, "bytes": _bytes}
_KEYS: dict[str, _CompileKey] = {**_KEYS_OF_ANY, **OF_PROTOCOLS}
_KEYS_OF_ANSWER: dict[str, _CompileKey] = {**_KEYS_OF_ANY, "status": _status, "headers": _headers}
