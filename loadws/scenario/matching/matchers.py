"""Matchers: tests of the value at a place. A plain value tests for equality, as in JSON.

``MATCHERS`` is the table of them. Several in one mapping must all hold. A missing value satisfies nothing but ``exists:
false``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import msgspec
from pydantic import JsonValue

from loadws.scenario.matching.extract import MatchError, Path, compile_regex
from loadws.scenario.matching.jsonpath import MISSING
from loadws.scenario.template.template import Compiled, Scope, TemplateError, compile_value
from loadws.scenario.template.values import EvaluationError, kind, same, show
from loadws.terms.errors import did_you_mean

Test = Callable[[Any], bool]
TYPES = ("string", "number", "integer", "boolean", "null", "array", "object")


class Matcher(msgspec.Struct, frozen=True):
    """A matcher. ``test`` makes the test from its operand, ``says`` the words for the expected value.

    ``test`` raises ``ValueError`` with a message for people where the operand makes no sense.
    """

    test: Callable[[Any], Test]
    says: Callable[[Any], str]


class Expectation(msgspec.Struct, frozen=True):
    """A matcher and its operand, which may hold templates. ``fixed`` is the test of an operand without templates."""

    matcher: Matcher
    operand: Compiled
    fixed: Test | None

    def bind(self, scope: Scope) -> Test:
        """Return the test, with the operand's templates evaluated now.

        Raises:
            EvaluationError: A template has no value, or its value is no operand for this matcher.
        """
        if self.fixed is not None:
            return self.fixed
        try:
            return self.matcher.test(self.operand(scope))
        except ValueError as error:
            raise EvaluationError(str(error)) from None

    def says(self, scope: Scope) -> str:
        return self.matcher.says(self.operand(scope))


# -- the matchers -----------------------------------------------------------------------------------------------------


def _equals(expected: Any) -> Test:
    """Return the test for equality; a fast one for the usual operands: a text, a number or a word."""
    if expected is None or isinstance(expected, bool):
        return lambda value: value is expected
    if isinstance(expected, str):
        return lambda value: bool(value == expected)
    if isinstance(expected, int | float):
        return lambda value: value == expected and value is not True and value is not False
    return lambda value: same(value, expected)


def _regex(pattern: Any) -> Test:
    if not isinstance(pattern, str):
        raise ValueError(f"regex is text, not {kind(pattern)}")
    search = compile_regex(pattern).search
    return lambda value: isinstance(value, str) and search(value) is not None


def _in(options: Any) -> Test:
    if not isinstance(options, list):
        raise ValueError(f"in takes a list, not {kind(options)}")
    tests = [_equals(option) for option in options]
    return lambda value: any(test(value) for test in tests)


def _compared(word: str, compare: Callable[[Any, Any], bool]) -> Callable[[Any], Test]:
    """Return the test that compares numbers with numbers and texts with texts.

    Any other pair is neither less nor greater.
    """

    def make(bound: Any) -> Test:
        if isinstance(bound, bool) or not isinstance(bound, int | float | str):
            raise ValueError(f"{word} takes a number or a text, not {kind(bound)}")
        if isinstance(bound, str):
            return lambda value: isinstance(value, str) and compare(value, bound)
        return lambda value: type(value) in (int, float) and compare(value, bound)

    return make


def _exists(wanted: Any) -> Test:
    if not isinstance(wanted, bool):
        raise ValueError(f"exists is true or false, not {kind(wanted)}")
    return lambda value: (value is not MISSING) is wanted


def _type(name: Any) -> Test:
    if name not in TYPES:
        raise ValueError(f"type is one of {', '.join(TYPES)}")
    if name == "number":
        return lambda value: kind(value) in ("number", "integer")
    if name == "integer":  # as in JSON Schema, 1.0 is one
        return lambda value: kind(value) == "integer" or (isinstance(value, float) and value.is_integer())
    return lambda value: kind(value) == name


def _after(words: str) -> Callable[[Any], str]:
    return lambda operand: f"{words} {show(operand)}"


EQUALS = Matcher(_equals, show)
REGEX = Matcher(_regex, lambda pattern: f"a match of /{pattern}/")
MATCHERS: dict[str, Matcher] = {
    "equals": EQUALS,
    "regex": REGEX,
    "in": Matcher(_in, _after("one of")),
    "lt": Matcher(_compared("lt", operator.lt), _after("less than")),
    "le": Matcher(_compared("le", operator.le), _after("at most")),
    "gt": Matcher(_compared("gt", operator.gt), _after("more than")),
    "ge": Matcher(_compared("ge", operator.ge), _after("at least")),
    "exists": Matcher(_exists, lambda wanted: "something there" if wanted else "nothing there"),
    "type": Matcher(_type, lambda name: f"type {name}"),
}


# -- compiling --------------------------------------------------------------------------------------------------------


def compile_expectations(
    value: JsonValue, path: Path, matchers: tuple[str, ...] = tuple(MATCHERS)
) -> tuple[Expectation, ...]:
    """Compile a plain value, or a mapping of matchers.

    Raises:
        MatchError: The mapping is not valid.
    """
    if not isinstance(value, dict):
        return (expect(EQUALS, compile_operand(value, path), path),)
    if not value.keys() & MATCHERS.keys():
        raise MatchError(
            "this mapping has no matcher in it",
            path,
            "to compare with an object write equals: {...}; matchers are " + ", ".join(matchers),
        )
    for word in value:
        if word not in matchers:
            unknown = _unknown(word, matchers, path)
            raise unknown
    if value.get("exists") is False and len(value) > 1:
        raise MatchError("exists: false stands alone: nothing else can hold of what is not there", (*path, "exists"))
    return tuple(
        expect(MATCHERS[word], compile_operand(operand, (*path, word)), (*path, word))
        for word, operand in value.items()
    )


def expect(matcher: Matcher, operand: Compiled, path: Path) -> Expectation:
    """Return an expectation.

    Raises:
        MatchError: The constant operand is not valid for this matcher.
    """
    if not operand.constant:
        return Expectation(matcher, operand, None)
    try:
        return Expectation(matcher, operand, matcher.test(operand(NO_SCOPE)))
    except ValueError as error:
        raise MatchError(str(error), path) from None


def compile_operand(value: JsonValue, path: Path) -> Compiled:
    """Compile a value that may have templates.

    Raises:
        MatchError: A template is not valid.
    """
    try:
        return compile_value(value)
    except TemplateError as error:
        raise MatchError(str(error), (*path, *error.path), error.advice, offset=error.offset) from None


def _unknown(word: str, matchers: tuple[str, ...], path: Path) -> MatchError:
    advice = did_you_mean(word, matchers) or "matchers are " + ", ".join(matchers)
    message = f"the matcher {word!r} does not fit here" if word in MATCHERS else f"unknown matcher {word!r}"
    return MatchError(message, (*path, word), advice, in_key=True)


#: For constants, which look at no scope.
NO_SCOPE = Scope(clock=lambda: 0)
