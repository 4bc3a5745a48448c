"""Templates: what compiles to what, what is refused and where, and that nothing escapes the bounds."""

from __future__ import annotations

import math
import operator
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import JsonValue

from loadws.scenario.model.field_types import RESERVED
from loadws.scenario.template.expression import DEEPEST_TREE, LONGEST_EXPRESSION
from loadws.scenario.template.scope import FUNCTIONS, SPECIAL_NAMES
from loadws.scenario.template.template import (
    EvaluationError,
    Scope,
    TemplateError,
    compile_json,
    compile_template,
    compile_value,
)
from loadws.scenario.template.values import LONGEST, Undefined


def scope(**variables: Any) -> Scope:
    return Scope(
        variables,
        user=3,
        seed=7,
        iteration=2,
        clock=lambda: 1_700_000_000_123,
        env={"HOST": "chat.test"},
        extra={"sent": {"id": 9}},
    )


def value(text: str, **variables: Any) -> Any:
    return compile_template(text)(scope(**variables))


# -- text and type ----------------------------------------------------------------------------------------------------

PLAIN = ["", "hello", "}} {", "a }} b", "{ {x} }", "{# no comment #}", "{% half", "line\r\nline\n", "ünï {✓}"]


@pytest.mark.parametrize("text", PLAIN)
def test_text_without_expressions_is_constant_and_itself(text: str) -> None:
    compiled = compile_template(text)
    assert compiled.constant
    assert text == compiled(scope()) == compiled.text(scope())
    assert (compiled.names, compiled.attributes) == (frozenset(), frozenset())


@pytest.mark.parametrize("wanted", [5, 1.5, "x", True, None, [1, {"a": None}], {"a": [1]}, b"\x00"])
def test_exactly_one_expression_keeps_its_type(wanted: Any) -> None:
    found = value("{{ x }}", x=wanted)
    assert wanted == found
    assert type(wanted) is type(found)


@pytest.mark.parametrize(
    ("given_value", "text"),
    [
        ("x", "x"),
        (5, "5"),
        (1.0, "1.0"),
        (True, "true"),  # as JSON has it, not Python
        (None, "null"),
        ([1, "a", {"b": None}], '[1,"a",{"b":null}]'),
        (12345678901234567890123, "12345678901234567890123"),
    ],
)
def test_within_text_a_value_stands_as_json_has_it(given_value: Any, text: str) -> None:
    assert f"<{text}>" == value("<{{ x }}>", x=given_value)
    assert text == compile_template("{{ x }}").text(scope(x=given_value))


def test_several_expressions_and_what_stands_between_them() -> None:
    compiled = compile_template("{{ a }}{{ b }} -\r\n{{ a.c }}\n")
    assert compiled(scope(a={"c": 1}, b="}}")) == '{"c":1}}} -\r\n1\n'
    assert compiled.names == {"a", "b"}
    assert compiled.attributes == {("a", "c")}


def test_bytes_do_not_stand_in_text() -> None:
    with pytest.raises(EvaluationError, match="bytes cannot stand in text"):
        value("<{{ random_bytes(3) }}>")
    assert re.fullmatch("<[0-9a-f]{6}>", value("<{{ random_bytes(3) | hex }}>"))


# -- expressions ------------------------------------------------------------------------------------------------------

VARIABLES: dict[str, Any] = {
    "n": 3,
    "name": "bob",
    "list": [10, 20, 30],
    "row": {"user": "u1", "a b": 5, "_id": 8, "deep": {"list": [{"x": 1}]}},
    "nothing": None,
    "yes": True,
}

EXPRESSIONS = {
    # literals
    "42": 42, "1_000": 1000, "0x1f": 31, "1.5e3": 1500.0, "'it''s'": "its", '"\\u00e9\\n"': "é\n",
    "true": True, "none": None, "[1, 'a', [n]]": [1, "a", [3]], "(1, 2)": [1, 2],
    "{'a': n, 'b': {}}": {"a": 3, "b": {}}, "{1: 2}": {"1": 2}, "[]": [], "{}": {},
    # names and places
    "n": 3, "row.user": "u1", "row['a b']": 5, "row['_id']": 8, "row.deep.list[0].x": 1, "list[-1]": 30,
    "list[n - 1]": 30, "list.0": 10, "name[0]": "b", "user.index": 3, "iteration": 2, "sent.id": 9,
    # operators
    "n + 1": 4, "7 // 2": 3, "7 / 2": 3.5, "-7 % 3": 2, "2 ** 10": 1024, "2 ** -1": 0.5, "-n": -3, "+n": 3,
    "'a' + 'b'": "ab", "[1] + [2]": [1, 2], "'ab' * 2": "abab", "3 * 'x'": "xxx", "name ~ n ~ none": "bob3null",
    "2 ** 3 ** 2": 64,  # Jinja's order, which is from left to right
    "1 + 2 * 3": 7, "(1 + 2) * 3": 9,
    # comparisons and logic
    "n == 3": True, "n != 3": False, "1 < n <= 3": True, "3 < n < 1 / 0": False, "'a' < 'b'": True,
    "20 in list": True, "'x' not in row": True, "'o' in name": True, "'user' in row": True,
    "not n": False, "n and name": "bob", "nothing or 'x'": "x", "yes and not nothing": True,
    "'big' if n > 2 else 'small'": "big", "1 / 0 if false else 5": 5, "false and missing": False,
    # what may be missing
    "missing | default(5)": 5, "row.missing | default('x')": "x", "n | d(5)": 3, "env('NO') | default('y')": "y",
    "missing is defined": False, "missing is undefined": True, "row.user is defined": True,
    "row.deep.no.no is defined": False, "missing is not defined": True, "list[9] | default(0)": 0,
    # filters and tests
    "list | length": 3, "'7' | int": 7, "7.9 | int": 7, "'1.5' | float": 1.5, "1.6 | round": 2, "-3 | abs": 3,
    "n | string": "3", "name | upper": "BOB", "'  x ' | trim | length": 1, "row.deep | tojson": '{"list":[{"x":1}]}',
    "'é' | hex": "c3a9", "'hi' | base64": "aGk=", "'A' | lower": "a",
    "nothing is none": True, "n is number": True, "yes is number": False, "n is integer": True, "1.5 is integer": False,
    "name is string": True, "yes is boolean": True,
    # functions
    "now_ms()": 1_700_000_000_123, "env('HOST')": "chat.test", "choice([5])": 5, "random_int(4, 4)": 4,
    "random_text(0)": "",
}  # fmt: skip


@pytest.mark.parametrize("text", list(EXPRESSIONS))
def test_an_expression_has_its_value(text: str) -> None:
    found = value("{{ " + text + " }}", **VARIABLES)
    assert EXPRESSIONS[text] == found
    assert type(EXPRESSIONS[text]) is type(found)


@pytest.mark.parametrize(
    ("text", "names", "attributes"),
    [
        ("a.b + c['d'] + sent.id", {"a", "c", "sent"}, {("a", "b"), ("c", "d"), ("sent", "id")}),
        # functions, user and iteration are no variables
        ("user.index + iteration + random_int(0, n)", {"n"}, set()),
        # what may be missing is no demand, but what stands in for it is
        ("a.b | default(c)", {"c"}, set()),
        ("a is defined and b", {"b"}, set()),
        # an index is no attribute
        ("a[0].b", {"a"}, set()),
    ],
)
def test_what_an_expression_reads(text: str, names: set[str], attributes: set[tuple[str, str]]) -> None:
    compiled = compile_template("{{ " + text + " }}")
    assert names == compiled.names
    assert attributes == compiled.attributes
    assert not compiled.constant


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("missing", "'missing' is not set"),
        ("message", "there is no 'message' here"),
        ("row.missing", 'the object has no "missing"'),
        ("list[3]", "the array has no 3"),
        ("name.x", 'string has no "x"'),
        ("nothing.x", 'null has no "x"'),
        ("row[list]", "array cannot be a key"),
        ("n + name", "cannot add integer and string"),
        ("name - 1", "cannot subtract string and integer"),
        ("name % 5", "cannot divide string and integer"),  # no text formatting: '%999999999d'
        ("list * 2", "cannot multiply array and integer"),
        ("-name", "cannot negate string"),
        ("n < name", "cannot compare integer and string"),
        ("1 in n", "cannot look for integer in integer"),
        ("1 / 0", "division by zero"),
        ("1 // 0.0", "division by zero"),
        ("0 ** -1", "division by zero"),
        ("(-8) ** 0.5", "the result is no real number"),
        ("1e300 * 1e300", "the result is not a finite number"),
        ("9 ** 9 ** 9 ** 9", "the result is an integer beyond 64 bits"),
        ("2 ** 64", "the result is an integer beyond 64 bits"),
        ("2 ** 65", "the result is too large a number"),
        ("-9223372036854775808 - 1", "the result is an integer beyond 64 bits"),
        ("'a' * 99999999", f"the result would have 99,999,999 characters or items; {LONGEST:,} are allowed"),
        ("'x' | int", "this string is not a number"),
        ("'nan' | float", "the result is not a finite number"),
        ("n | length", "integer has no length"),
        ("random_text(-1)", "random_text's length must lie between 0 and 1,048,576, and is -1"),
        ("random_bytes(1048577)", "random_bytes' length must lie between 0 and 1,048,576, and is 1,048,577"),
        ("random_text('5')", "random_text's length must be an integer, and is string"),
        ("random_int(2, 1)", "random_int(2, 1) has nothing to choose from"),
        ("random_int(1, 2.5)", "random_int's greatest value must be an integer, and is number"),
        ("choice([])", "choice takes a list with something in it"),
        ("choice(name)", "choice takes a list with something in it"),
        ("env('NO')", "the environment variable 'NO' is not set"),
        ("env(5)", "env takes the name of an environment variable, as text"),
    ],
)
def test_what_cannot_be_evaluated_says_why(text: str, message: str) -> None:
    with pytest.raises((EvaluationError, TemplateError)) as caught:  # what is constant fails when it is compiled
        value("{{ " + text + " }}", **VARIABLES)
    assert message == str(caught.value)


def test_only_what_is_not_there_counts_as_undefined() -> None:
    with pytest.raises(EvaluationError, match="division by zero"):
        value("{{ 1 / n | default(5) }}", n=0)
    with pytest.raises(Undefined):
        value("{{ row.missing }}", row={})


def test_text_that_grows_is_bounded() -> None:
    half = "x" * (LONGEST // 2 + 1)
    for text in ("{{ a }}{{ a }}", "{{ a ~ a }}", "{{ a + a }}"):
        with pytest.raises(EvaluationError, match="characters or items"):
            value(text, a=half)


# -- refusals ---------------------------------------------------------------------------------------------------------

FUNCTION_NAMES = (
    "functions are id, uuid, now_ms, random_int, random_text, random_bytes, choice, env, "
    "iso_time, parse_time, pad, hash, hmac"
)


@pytest.mark.parametrize(
    ("text", "offset", "message", "advice"),
    [
        # delimiters
        ("ab {{ x", 3, "this {{ is not closed by }}", ""),
        ("{{ 'x }}", 3, 'unexpected char "\'"', ""),
        ("{{ a }} {{ }}", 8, "there is nothing between {{ and }}", ""),
        ("{{- a }}", 0, "{{- and {{+ are not supported", "put a space after {{"),
        ("{{ a -}} ", 5, "-}} and +}} are not supported", "put a space before }}"),
        ("a {% if b %}", 2, "statements ({% %}) are not supported in templates",
         "use the steps if, while and repeat; a literal {% is written {{ '{%' }}"),
        ("{{ " + "a" * LONGEST_EXPRESSION + " }}", 0, "an expression has at most 4,096 characters", ""),
        ("{{ a }}{{\n 'b\r\nc' }}", 11 + 2, "a carriage return within quotes", "write \\r"),
        # syntax: the offset is the token's own
        ("x {{ a b }}", 7, "unexpected 'b' after the expression", ""),
        ("{{ a + }}", 5, "unexpected '}}'", ""),
        ("{{ f(1 }}", 7, "unexpected '}', expected ')'", ""),
        ("{{ a ! b }}", 5, "unexpected char '!'", ""),
        ("{{\r\n a b }}", 7, "unexpected 'b' after the expression", ""),
        (r"{{ '\d' }}", 3, r"invalid escape sequence '\d'", ""),
        # what Jinja has and we do not
        ("{{ a[1:2] }}", 4, "slices are not supported in expressions", "take one item: [0]"),
        ("{{ a if b }}", 3, "if needs its else", ""),
        ("{{ a.b() }}", 6, "methods are not supported in expressions", FUNCTION_NAMES),
        ("{{ f(1) }}", 3, "unknown function 'f'", FUNCTION_NAMES),
        ("{{ randomint(1, 2) }}", 3, "unknown function 'randomint'", "did you mean 'random_int'?"),
        ("{{ a | uper }}", 7, "unknown filter 'uper'", "did you mean 'upper'?"),
        ("{{ a | length(1) }}", 7, "the filter 'length' takes no values", ""),
        ("{{ a | default }}", 7, "default takes one value", "write default(0)"),
        ("{{ a | default(x=1) }}", 7, "values are given in their order, without names or *", ""),
        ("{{ a is even }}", 5, "unknown test 'even'",
         "tests are none, string, number, integer, boolean, defined, undefined"),
        ("{{ a is none(1) }}", 5, "the test 'none' takes no values", ""),
        # words with a meaning of their own
        ("{{ id }}", 3, "id is a function", "write id()"),
        ("{{ random_int }}", 3, "random_int is a function", "write random_int(least, most)"),
        ("{{ random_int(1) }}", 3, "random_int takes two values", "write random_int(least, most)"),
        ("{{ uuid(1) }}", 3, "uuid takes no value", "write uuid()"),
        ("{{ user }}", 3, "user has no value of its own", "write user.index"),
        ("{{ user.name }}", 7, "user has no 'name'", "the only one is user.index"),
        ("{{ a.__class__ }}", 4, "'__class__' cannot be read with a dot", 'write ["__class__"]'),
        # bounds
        ("{{ 99999999999999999999 }}", 3, "the number is an integer beyond 64 bits", ""),
        ("{{ 1e999 }}", 3, "the number is not a finite number", ""),
        ("{{ " + "(" * 500 + ")" * 500 + " }}", 0, "the expression is nested too deeply", ""),
    ],
)  # fmt: skip
def test_what_is_refused_and_where(text: str, offset: int, message: str, advice: str) -> None:
    with pytest.raises(TemplateError) as caught:
        compile_template(text)
    assert (offset, message, advice) == (caught.value.offset, str(caught.value), caught.value.advice)


def test_a_tree_may_be_so_deep_and_no_deeper() -> None:
    assert value("{{ 1" + " + 1" * (DEEPEST_TREE - 1) + " }}") == DEEPEST_TREE
    with pytest.raises(TemplateError, match="nested too deeply"):
        compile_template("{{ 1" + " + 1" * DEEPEST_TREE + " }}")


PIECES = st.sampled_from(
    "{{ }} {% %} {# #} {{- -}} ( ) [ ] { } ' \" \\ . , : | ~ + - * ** / // % == != < <= not and or in is if else "
    "defined default length user index id uuid choice env a b.c a[0] 1 2.5 1e9 true none 'x' _y __z \r \n é".split(" ")
)


@pytest.mark.slow
@given(st.text() | st.lists(PIECES, max_size=20).map(" ".join) | st.lists(PIECES, max_size=20).map("".join))
@example("{{ " + "-" * 4000 + "1 }}")
@example("{{ " + "not " * 900 + "1 }}")
@example("{{ " + "[" * 2000 + "]" * 2000 + " }}")
@example("{{ a" + ".b" * 2000 + " }}")
@example("{{ '\\N{x}' }}")
@example("{{ '\ud800' }}")
def test_any_text_compiles_or_is_refused_inside_it(text: str) -> None:
    try:
        compiled = compile_template(text)
    except TemplateError as error:
        assert 0 <= error.offset <= len(text)
        return
    try:
        rendered = compiled.text(scope(a=1, b={"c": "x"}))
    except EvaluationError:
        return
    assert isinstance(rendered, str)


# -- arithmetic -------------------------------------------------------------------------------------------------------

SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "**": operator.pow, "<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne,
    ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
Tree = int | float | tuple[str, "Tree", "Tree"]
TREES: st.SearchStrategy[Tree] = st.recursive(
    st.integers(-(2**40), 2**40) | st.floats(-1e9, 1e9),
    lambda inner: st.tuples(st.sampled_from([*SIGNS, "and", "or"]), inner, inner),
    max_leaves=10,
)


def written(tree: Tree) -> str:
    if not isinstance(tree, tuple):
        return f"({tree!r})"
    return f"({written(tree[1])} {tree[0]} {written(tree[2])})"


def python_s(tree: Tree) -> Any:
    """What Python makes of it. Raises ``ArithmeticError`` where a step leaves 64 bits, or the finite and real numbers."""
    if not isinstance(tree, tuple):
        return tree
    sign, left, right = tree[0], python_s(tree[1]), tree[2]
    if sign in ("and", "or"):
        return left if bool(left) == (sign == "or") else python_s(right)
    right = python_s(right)
    if sign == "**" and isinstance(left, int) and isinstance(right, int) and abs(left) > 1 and right > 64:
        raise OverflowError
    result = SIGNS[sign](left, right)
    if isinstance(result, complex) or (not -(2**63) <= result < 2**64 and isinstance(result, int)):
        raise OverflowError
    if not math.isfinite(result):
        raise OverflowError
    return result


@pytest.mark.slow
@given(TREES)
@example(("**", 2, ("**", 2, 40)))
@example(("**", -2, 63))
@example(("%", -7, 3))
def test_arithmetic_is_python_s(tree: Tree) -> None:
    try:
        expected = python_s(tree)
    except ArithmeticError:
        with pytest.raises(TemplateError):
            compile_template("{{ " + written(tree) + " }}")
        return
    found = value("{{ " + written(tree) + " }}")
    assert expected == found
    assert type(expected) is type(found)


# -- functions --------------------------------------------------------------------------------------------------------


def test_ids_are_unique_repeatable_and_exact_in_a_double() -> None:
    compiled = compile_template("{{ id() }}")
    users = [Scope(user=user, clock=lambda: 0) for user in (0, 1, 2, 2**25 - 1)]
    ids = [compiled(user) for user in users for _ in range(100)]
    assert len(ids) == len(set(ids))
    assert max(ids) < 2**53
    assert ids[:100] == [compiled(again) for again in [Scope(clock=lambda: 0)] for _ in range(100)]


def test_an_id_is_never_given_twice_but_refused() -> None:
    with pytest.raises(EvaluationError, match="no unused numbers"):
        compile_template("{{ id() }}")(Scope(user=2**25, clock=lambda: 0))


def test_random_values_repeat_with_seed_and_user_and_not_without() -> None:
    compiled = compile_template("{{ uuid() }} {{ random_text(40) }} {{ random_int(0, 1000000000) }}")

    def drawn(user: int, seed: int) -> str:
        return compiled.text(Scope(user=user, seed=seed, clock=lambda: 0))

    assert drawn(1, 7) == drawn(1, 7)
    assert len({drawn(1, 7), drawn(2, 7), drawn(1, 8)}) == 3


def test_a_uuid_has_the_shape_of_version_4() -> None:
    user = scope()
    for _ in range(100):
        found = uuid.UUID(compile_template("{{ uuid() }}").text(user))
        assert (found.version, found.variant) == (4, uuid.RFC_4122)


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**63))
def test_random_int_stays_between_its_ends(least: int, span: int) -> None:
    assert least <= value(f"{{{{ random_int(a, {least + span}) }}}}", a=least) <= least + span


def test_random_int_and_choice_reach_everything() -> None:
    user = scope(options=["a", "b", "c"])
    dice, choice = compile_template("{{ random_int(1, 6) }}"), compile_template("{{ choice(options) }}")
    assert {dice(user) for _ in range(200)} == {1, 2, 3, 4, 5, 6}
    assert {choice(user) for _ in range(200)} == {"a", "b", "c"}
    assert user.draws == 400


def test_random_text_is_letters_and_digits() -> None:
    assert re.fullmatch("[A-Za-z0-9]{1048576}", value("{{ random_text(1048576) }}"))
    assert len(value("{{ random_bytes(1048576) }}")) == 2**20


def test_overlapping_turns_have_variables_of_their_own_and_one_count() -> None:
    user = scope(n=1)
    compiled = compile_template("{{ id() }} {{ uuid() }}")
    turn = user.fork()
    turn.variables["n"] = 2
    turn.extra["sent"] = None
    assert (user.variables["n"], user.extra["sent"]) == (1, {"id": 9})
    assert len({compiled(user), compiled(turn), compiled(user), compiled(turn)}) == 4
    assert (user.ids, user.draws) == (turn.ids, turn.draws) == (4, 8)


def test_no_variable_can_take_a_name_that_means_something_else() -> None:
    functions = {name for name, function in FUNCTIONS.items() if not function.is_pure}  # `hash` may be a variable too
    assert {*functions, *SPECIAL_NAMES, "user", "iteration"} <= RESERVED


# -- JSON values ------------------------------------------------------------------------------------------------------


def test_a_value_without_expressions_is_constant_and_shared() -> None:
    tree: JsonValue = {"a": [1, {"b": None}], "c": "text"}
    compiled = compile_value(tree)
    assert compiled.constant
    assert compiled(scope()) is compiled(scope()) is tree


def test_expressions_inside_a_value_keep_their_types_and_the_order_of_keys() -> None:
    compiled = compile_value({"id": "{{ n }}", "fixed": [1, 2], "in": ["<{{ n }}>", {"row": "{{ row }}"}]})
    found = compiled(scope(n=3, row={"x": None}))
    assert found == {"id": 3, "fixed": [1, 2], "in": ["<3>", {"row": {"x": None}}]}
    assert list(found) == ["id", "fixed", "in"]
    assert (compiled.constant, set(compiled.names)) == (False, {"n", "row"})


def test_evaluating_changes_no_earlier_value() -> None:
    compiled, user = compile_value({"a": "{{ n }}", "b": ["{{ n }}"]}), scope(n=1)
    first = compiled(user)
    user.variables["n"] = 2
    assert (first, compiled(user)) == ({"a": 1, "b": [1]}, {"a": 2, "b": [2]})


def test_keys_may_be_templates() -> None:
    compiled = compile_value({"a{{ n }}": 1, "{{ n }}": {"b": 2}})
    assert compiled(scope(n=3)) == {"a3": 1, "3": {"b": 2}}
    with pytest.raises(EvaluationError, match="two keys of one object became the same text"):
        compile_value({"{{ n }}": 1, "3": 2})(scope(n=3))


def test_an_error_inside_a_value_has_its_path() -> None:
    with pytest.raises(TemplateError) as caught:
        compile_value({"a": [0, {"b": "x {{ y"}]})
    assert (caught.value.path, caught.value.offset) == (("a", 1, "b"), 2)
    with pytest.raises(TemplateError) as caught:
        compile_value({"{{ }}": 1})
    assert caught.value.path == ("{{ }}",)


def test_a_payload_is_encoded_compactly_and_a_constant_one_once() -> None:
    payload = compile_json({"op": "join", "é": [1, 2.5, None, True]})
    assert payload.constant
    assert payload.text(scope()) == '{"op":"join","é":[1,2.5,null,true]}'
    assert payload.both(scope()) is payload.both(scope())


def test_a_templated_payload_gives_its_value_and_text() -> None:
    payload = compile_json({"op": "say", "id": "{{ n }}", "text": 'a "{{ name }}"', "blob": "{{ random_bytes(0) }}"})
    tree, text = payload.both(scope(n=3, name="bob"))
    assert tree == {"op": "say", "id": 3, "text": 'a "bob"', "blob": b""}
    assert text == r'{"op":"say","id":3,"text":"a \"bob\"","blob":""}'
    assert (payload.constant, set(payload.names)) == (False, {"n", "name"})


def test_what_json_cannot_carry_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="cannot be written as JSON"):
        compile_json({"a": "{{ x }}"}).text(scope(x=object()))


def test_half_of_a_surrogate_pair_is_written_as_javascript_writes_it() -> None:
    value = {"\ud83d": ["\udc00é", 'a"b', b"\xff"]}
    assert compile_json({"a": "{{ x }}"}).text(scope(x=value)) == r'{"a":{"\ud83d":["\udc00é","a\"b","/w=="]}}'
    assert compile_json("\ud800").text(scope()) == r'"\ud800"'
