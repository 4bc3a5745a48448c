"""Conditions and captures: what holds of which message, what is said where it does not, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import JsonValue

from loadws.scenario.matching.jsonpath import MISSING
from loadws.scenario.matching.matching import MatchError, compile_captures, compile_conditions
from loadws.scenario.matching.message import Message
from loadws.scenario.template.template import EvaluationError, Scope
from loadws.scenario.template.values import SHOWN, freeze, same, show

ROOM = Message('{"id": 7, "ok": false, "name": "bob", "n": 1.5, "list": [1, {"x": null}], "o": {"a": 1}}', 0)
HELLO = Message("hello world 42", 0)
BYTES = Message(bytes.fromhex("cafe00ff"), 0)


def scope(**variables: Any) -> Scope:
    return Scope(variables, clock=lambda: 0, extra={"sent": {"id": 7}})


def why(conditions: dict[str, JsonValue], message: Message, **variables: Any) -> str | None:
    """The sentence; and the predicate is checked to say the same."""
    compiled, user = compile_conditions(conditions), scope(**variables)
    sentence = compiled.why(message, user)
    assert compiled.bind(user)(message) is (sentence is None)
    return sentence


# -- conditions -------------------------------------------------------------------------------------------------------

HOLDING: list[tuple[Message, dict[str, JsonValue]]] = [
    # equality, as JSON has it
    (ROOM, {"$.id": 7}),
    (ROOM, {"$.id": 7.0}),
    (ROOM, {"$.ok": False}),
    (ROOM, {"$.name": "bob"}),
    (ROOM, {"$.list[1].x": None}),
    (ROOM, {"$.list": [1.0, {"x": None}]}),
    (ROOM, {"$.o": {"equals": {"a": 1}}}),
    (ROOM, {"$": {"type": "object"}}),
    # templates
    (ROOM, {"$.id": "{{ sent.id }}"}),
    (ROOM, {"$.id": {"in": [1, "{{ sent.id }}"]}}),
    (ROOM, {"$.name": {"regex": "^{{ start }}"}}),
    (ROOM, {"$.o": {"equals": {"{{ key }}": 1}}}),
    # matchers
    (ROOM, {"$.name": {"regex": "o"}}),
    (ROOM, {"$.name": {"in": ["eve", "bob"]}}),
    (ROOM, {"$.id": {"gt": 6, "lt": 8}}),
    (ROOM, {"$.n": {"ge": 1.5, "le": 1.5}}),
    (ROOM, {"$.name": {"gt": "alice"}}),
    (ROOM, {"$.list[1].x": {"exists": True}}),
    (ROOM, {"$.none": {"exists": False}}),
    # types
    (ROOM, {"$.id": {"type": "integer"}}),
    (ROOM, {"$.id": {"type": "number"}}),
    (ROOM, {"$.n": {"type": "number"}}),
    (ROOM, {"$.ok": {"type": "boolean"}}),
    (ROOM, {"$.list[1].x": {"type": "null"}}),
    (ROOM, {"$.list": {"type": "array"}}),
    (Message("1.0", 0), {"$": {"type": "integer"}}),  # as in JSON Schema
    # all must hold
    (ROOM, {"$.id": 7, "$.ok": False}),
    (ROOM, {"$.id": 7, "$.ok": False, "$.name": "bob"}),
    # text
    (HELLO, {"text": "hello world 42"}),
    (HELLO, {"text": "hello world {{ n }}"}),
    (Message("42", 0), {"text": "{{ n }}"}),  # text is text, whatever the type of n
    (HELLO, {"text": {"regex": r"\d+$", "in": ["hello world 42"]}}),
    (HELLO, {"regex": r"wor.d \d"}),
    (HELLO, {"regex": "{{ n }}"}),
    (HELLO, {"regex": {"pattern": r"(\d+)", "equals": "{{ n }}"}}),  # the part that a pattern takes
    (HELLO, {"regex": {"pattern": r"(\w+) (\w+)", "group": 2, "in": ["world"], "regex": "^w"}}),
    (HELLO, {"regex": {"pattern": "nothing", "exists": False}}),
    (HELLO, {"$.id": {"exists": False}}),  # no JSON has no places
    # bytes
    (BYTES, {"bytes": {"hex": "cafe"}}),
    (BYTES, {"bytes": {"at": 1, "hex": "fe 00"}}),
    (BYTES, {"bytes": {"at": -2, "base64": "AP8="}}),
    (BYTES, {"bytes": {"at": 0, "hex": "{{ start_hex }}", "length": 4}}),
    (BYTES, {"bytes": {"length": {"gt": 3, "lt": 5}}}),
    (Message("é!".encode(), 0), {"bytes": {"text": "é"}}),
    (Message(b'{"a": 1}', 0), {"$.a": 1}),  # JSON may come as a binary message
]
VARIABLES = {"start": "b", "key": "a", "n": 42, "start_hex": "ca"}


@pytest.mark.parametrize(("message", "conditions"), HOLDING)
def test_what_holds(message: Message, conditions: dict[str, JsonValue]) -> None:
    assert why(conditions, message, **VARIABLES) is None


@pytest.mark.parametrize(
    ("message", "conditions", "sentence"),
    [
        (ROOM, {"$.ok": True}, "$.ok is false, expected true"),
        (ROOM, {"$.ok": 0}, "$.ok is false, expected 0"),  # false is not 0
        (Message("[1]", 0), {"$[0]": True}, "$[0] is 1, expected true"),
        (ROOM, {"$.id": "7"}, '$.id is 7, expected "7"'),
        (ROOM, {"$.none": 1}, "$.none is not there, expected 1"),
        (ROOM, {"$.none": None}, "$.none is not there, expected null"),  # missing is not null
        (ROOM, {"$.id": "{{ n }}"}, "$.id is 7, expected 42"),
        (ROOM, {"$.o": {"equals": {"a": True}}}, '$.o is {"a":1}, expected {"a":true}'),
        (ROOM, {"$.list": [1]}, '$.list is [1,{"x":null}], expected [1]'),
        # the first that does not hold
        (ROOM, {"$.id": 7, "$.ok": True, "$.name": "eve"}, "$.ok is false, expected true"),
        (ROOM, {"$.id": {"gt": 3, "lt": 6}}, "$.id is 7, expected less than 6"),
        (ROOM, {"$.id": {"ge": 8}}, "$.id is 7, expected at least 8"),
        (ROOM, {"$.id": {"le": 6}}, "$.id is 7, expected at most 6"),
        (ROOM, {"$.name": {"gt": 5}}, '$.name is "bob", expected more than 5'),  # a text is not more than a number
        (ROOM, {"$.ok": {"lt": 5}}, "$.ok is false, expected less than 5"),
        (ROOM, {"$.name": {"regex": "^e"}}, '$.name is "bob", expected a match of /^e/'),
        (ROOM, {"$.id": {"regex": "7"}}, "$.id is 7, expected a match of /7/"),  # a number is no text
        (ROOM, {"$.id": {"in": [1, "{{ n }}"]}}, "$.id is 7, expected one of [1,42]"),
        (ROOM, {"$.id": {"exists": False}}, "$.id is 7, expected nothing there"),
        (ROOM, {"$.none": {"exists": True}}, "$.none is not there, expected something there"),
        (ROOM, {"$.n": {"type": "integer"}}, "$.n is 1.5, expected type integer"),
        (ROOM, {"$.ok": {"type": "number"}}, "$.ok is false, expected type number"),
        (
            HELLO,
            {"$.a": 1},
            "$.a is not there (the message is not JSON: a value is expected at byte 0 of 'hello world 42'), expected 1",
        ),
        (
            HELLO,
            {"$": 1},
            "$ is not there (the message is text and not JSON; compare it as it is: text: …), expected 1",
        ),
        (HELLO, {"text": "bye"}, 'text is "hello world 42", expected "bye"'),
        (HELLO, {"regex": "bye"}, 'text is "hello world 42", expected a match of /bye/'),
        (BYTES, {"text": "bye"}, 'text is not there (the message is binary), expected "bye"'),
        (BYTES, {"regex": "bye"}, "text is not there (the message is binary), expected a match of /bye/"),
        (BYTES, {"bytes": {"hex": "cafd"}}, "bytes is ca fe 00 ff, expected ca fd at 0"),
        (BYTES, {"bytes": {"at": 3, "hex": "ff00"}}, "bytes is ca fe 00 ff, expected ff 00 at 3"),
        (BYTES, {"bytes": {"at": -1, "hex": "ff00"}}, "bytes is ca fe 00 ff, expected ff 00 at -1"),
        (BYTES, {"bytes": {"at": -9, "hex": "ca"}}, "bytes is ca fe 00 ff, expected ca at -9"),
        (BYTES, {"bytes": {"length": 3}}, "the length of bytes is 4, expected 3"),
        (HELLO, {"bytes": {"hex": "ca"}}, "bytes is not there (the message is text), expected ca at 0"),
    ],
)
def test_what_does_not_hold_and_the_sentence_for_it(
    message: Message, conditions: dict[str, JsonValue], sentence: str
) -> None:
    assert sentence == why(conditions, message, **VARIABLES)


@pytest.mark.parametrize("payload", [json.dumps("x" * 5000), json.dumps(["x"] * 5000), "x" * 5000, b"x" * 5000])
def test_a_sentence_shows_no_more_than_so_much_of_a_value(payload: str | bytes) -> None:
    conditions: list[dict[str, JsonValue]] = [{"$": 1}, {"text": "a"}, {"bytes": {"text": "a"}}]
    for condition in conditions:
        sentence = why(condition, Message(payload, 0))
        assert sentence is not None
        assert len(sentence) < SHOWN + 60


# -- binding ----------------------------------------------------------------------------------------------------------


def test_conditions_without_templates_are_bound_once() -> None:
    compiled = compile_conditions({"$.id": 7, "text": {"regex": "b"}})
    assert compiled.bind(scope()) is compiled.bind(scope())
    assert compiled.names == frozenset()


def test_templates_are_evaluated_when_bound_and_not_again() -> None:
    compiled, user = compile_conditions({"$.id": "{{ n }}"}), scope(n=7)
    predicate = compiled.bind(user)
    user.variables["n"] = 8
    assert (predicate(ROOM), compiled.bind(user)(ROOM)) == (True, False)


def test_what_conditions_read() -> None:
    compiled = compile_conditions({"$.id": "{{ a.b }}", "text": "{{ c }}", "bytes": {"hex": "{{ d }}", "length": 3}})
    assert (set(compiled.names), set(compiled.attributes)) == ({"a", "c", "d"}, {("a", "b")})


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"$.a": "{{ missing }}"}, "'missing' is not set"),
        ({"$.a": {"regex": "{{ bad }}"}}, "not a regular expression: missing ), unterminated subpattern at position 0"),
        ({"$.a": {"regex": "{{ n }}"}}, "regex is text, not integer"),
        ({"$.a": {"lt": "{{ none }}"}}, "lt takes a number or a text, not null"),
        ({"$.a": {"in": "{{ n }}"}}, "in takes a list, not integer"),
        ({"$.a": {"exists": "{{ n }}"}}, "exists is true or false, not integer"),
        ({"$.a": {"type": "{{ bad }}"}}, "type is one of string, number, integer, boolean, null, array, object"),
        ({"bytes": {"hex": "{{ bad }}"}}, "this is not hex"),
        ({"bytes": {"base64": "{{ bad }}"}}, "this is not base64"),
    ],
)
def test_what_cannot_be_bound_says_why(conditions: dict[str, JsonValue], message: str) -> None:
    compiled = compile_conditions(conditions)
    with pytest.raises(EvaluationError) as caught:
        compiled.bind(scope(bad="(", n=1))
    assert message == str(caught.value)
    with pytest.raises(EvaluationError):
        compiled.why(Message('{"a": "x"}', 0), scope(bad="(", n=1))


# -- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conditions", "key", "has_rest"),
    [
        ({"$.id": 7}, 7, False),
        ({"$.id": "{{ sent.id }}"}, 7, False),
        ({"$.id": {"equals": [1]}}, ("array", 1), False),
        ({"$.ok": False, "$.id": "{{ sent.id }}"}, 7, True),  # a template tells requests apart, a constant does not
        ({"$.id": {"equals": 7, "gt": 6}}, 7, True),
        ({"$.id": {"gt": 6}}, None, True),  # no equality
        ({"text": "{{ start }}"}, "b", False),
        ({"text": {"equals": "x"}}, "x", False),
        ({"regex": {"pattern": "id=(.)", "equals": "{{ sent.id }}"}}, "7", False),  # a part of a text is text
        ({"regex": {"pattern": "id=(.)", "in": ["7"]}}, None, True),
        ({"regex": "id={{ sent.id }}"}, None, True),  # a pattern that differs each time
        ({"bytes": {"at": 2, "hex": "{{ start_hex }}"}}, b"\xca", False),
        ({"bytes": {"at": 2, "hex": "ca", "length": 9}}, b"\xca", True),
        ({"bytes": {"length": 9}}, None, True),
    ],
)
def test_the_key_is_an_equality_of_one_place(conditions: dict[str, JsonValue], key: object, has_rest: bool) -> None:
    wanted = compile_conditions(conditions).want(scope(**VARIABLES))
    assert (wanted.key, wanted.extract is not None, wanted.rest is not None) == (key, key is not None, has_rest)


def test_conditions_of_one_place_share_its_extractor() -> None:
    def extract(conditions: dict[str, JsonValue]) -> object:
        return compile_conditions(conditions).want(scope()).extract

    assert extract({"$.id": 1}) is extract({"$.id": 2, "$.ok": {"exists": True}})
    assert extract({"text": "a"}) is extract({"text": "b"})
    assert extract({"bytes": {"at": 1, "hex": "ca"}}) is extract({"bytes": {"at": 1, "text": "b"}})
    assert extract({"bytes": {"at": 1, "hex": "cafe"}}) is not extract({"bytes": {"at": 1, "hex": "ca"}})


def test_a_message_without_the_place_has_no_key() -> None:
    extract = compile_conditions({"$.id": "{{ sent.id }}"}).want(scope()).extract
    assert extract is not None
    assert extract(ROOM) == 7
    assert extract(Message('{"no": 8}', 0)) is MISSING
    assert extract(HELLO) is MISSING


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, 0.5, -0.0]) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=6,
)


def canonical(value: Any) -> Any:
    """The same for the same JSON values, in Python's own equality: words are tuples, which no JSON value is."""
    if isinstance(value, dict):
        return {key: canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        return [canonical(item) for item in value]
    return ("word", str(value)) if value is None or isinstance(value, bool) else value


@pytest.mark.slow
@given(JSON, JSON)
@example(1, True)
@example([0], [False])
@example(["array", 1], ["array", 1.0])
def test_keys_are_equal_exactly_where_the_condition_holds(expected: Any, actual: Any) -> None:
    compiled = compile_conditions({"$.x": {"equals": expected}})
    message = Message(json.dumps({"x": actual}), 0)
    holds = canonical(expected) == canonical(actual)
    assert holds == compiled.bind(scope())(message)
    assert holds == compiled.want(scope()).holds(message)
    assert holds == (freeze(expected) == freeze(actual)) == same(expected, actual)
    assert holds == compile_conditions({"$.x": {"in": [expected]}}).bind(scope())(message)


def test_values_nested_too_deeply_to_compare_are_not_the_same() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    assert not same(deep, [deep])
    with pytest.raises(EvaluationError, match="nested too deeply"):
        freeze(deep)
    assert show(deep) == "array"


@pytest.mark.slow
@given(JSON)
def test_a_message_satisfies_its_own_value_and_type(actual: Any) -> None:
    message = Message(json.dumps([actual]), 0)
    assert why({"$[0]": {"equals": actual, "exists": True}}, message) is None
    kinds = [
        kind
        for kind in ("string", "number", "boolean", "null", "array", "object")
        if why({"$[0]": {"type": kind}}, message) is None
    ]
    assert len(kinds) == 1


# -- refusals ---------------------------------------------------------------------------------------------------------

MATCHER_WORDS = "equals, regex, in, lt, le, gt, ge, exists, type"


@pytest.mark.parametrize(
    ("conditions", "path", "offset", "in_key", "message", "advice"),
    [
        ({}, (), None, False, "here a condition is missing", ""),
        ({"$.a..b": 1}, ("$.a..b",), 3, True, ".. finds many places; write the path to one",
         "a path is written like $.a.b[0] or $['a b']"),
        ({"txt": "x"}, ("txt",), None, True, "unknown condition 'txt'", "did you mean 'text'?"),
        ({"id": 7}, ("id",), None, True, "unknown condition 'id'",
         "a condition is a JSONPath ($.a.b), text, regex or bytes"),
        ({"$.a": "x {{ y"}, ("$.a",), 2, False, "this {{ is not closed by }}", ""),
        ({"$.a": {"equals": {"b": ["{{ }}"]}}}, ("$.a", "equals", "b", 0), 0, False,
         "there is nothing between {{ and }}", ""),
        # mappings without matchers, or with unknown ones
        ({"$.a": {"b": 1}}, ("$.a",), None, False, "this mapping has no matcher in it",
         f"to compare with an object write equals: {{...}}; matchers are {MATCHER_WORDS}"),
        ({"$.a": {}}, ("$.a",), None, False, "this mapping has no matcher in it",
         f"to compare with an object write equals: {{...}}; matchers are {MATCHER_WORDS}"),
        ({"$.a": {"gt": 1, "zzz": 2}}, ("$.a", "zzz"), None, True, "unknown matcher 'zzz'",
         f"matchers are {MATCHER_WORDS}"),
        ({"$.a": {"gt": 1, "regexp": "2"}}, ("$.a", "regexp"), None, True, "unknown matcher 'regexp'",
         "did you mean 'regex'?"),
        ({"$.a": {"exists": False, "equals": 2}}, ("$.a", "exists"), None, False,
         "exists: false stands alone: nothing else can hold of what is not there", ""),
        # operands
        ({"$.a": {"regex": "("}}, ("$.a", "regex"), None, False,
         "not a regular expression: missing ), unterminated subpattern at position 0", ""),
        ({"$.a": {"regex": 5}}, ("$.a", "regex"), None, False, "regex is text, not integer", ""),
        ({"$.a": {"in": "abc"}}, ("$.a", "in"), None, False, "in takes a list, not string", ""),
        ({"$.a": {"lt": True}}, ("$.a", "lt"), None, False, "lt takes a number or a text, not boolean", ""),
        ({"$.a": {"exists": 1}}, ("$.a", "exists"), None, False, "exists is true or false, not integer", ""),
        ({"$.a": {"type": "text"}}, ("$.a", "type"), None, False,
         "type is one of string, number, integer, boolean, null, array, object", ""),
        ({"$.a": {"type": ["null"]}}, ("$.a", "type"), None, False,
         "type is one of string, number, integer, boolean, null, array, object", ""),
        # text
        ({"text": 5}, ("text",), None, False, "text is text, and this is 5", "put it in quotes"),
        ({"text": {"lt": "x"}}, ("text", "lt"), None, True, "the matcher 'lt' does not fit here",
         "matchers are equals, regex, in, exists"),
        ({"regex": "["}, ("regex",), None, False,
         "not a regular expression: unterminated character set at position 0", ""),
        ({"regex": None}, ("regex",), None, False, "regex is text, and this is null", "put it in quotes"),
        # bytes
        ({"bytes": "cafe"}, ("bytes",), None, False, "bytes is a mapping", "write bytes: {at: 0, hex: cafe}"),
        ({"bytes": {"at": 1}}, ("bytes",), None, False,
         "bytes takes one of hex, base64 and text, or a length, or both", ""),
        ({"bytes": {"hex": "ca", "text": "x"}}, ("bytes",), None, False,
         "bytes takes one of hex, base64 and text, or a length, or both", ""),
        ({"bytes": {"hex": "xy"}}, ("bytes", "hex"), None, False, "this is not hex", ""),
        ({"bytes": {"base64": "x"}}, ("bytes", "base64"), None, False, "this is not base64", ""),
        ({"bytes": {"hex": 10}}, ("bytes", "hex"), None, False, "hex is text, and this is 10", "put it in quotes"),
        ({"bytes": {"at": "0", "hex": "ca"}}, ("bytes", "at"), None, False,
         "at is an offset in bytes; a negative one counts from the end", ""),
        ({"bytes": {"offset": 0}}, ("bytes", "offset"), None, True, "unknown key 'offset'",
         "keys are at, hex, base64, text, length"),
        ({"bytes": {"length": {"regex": "x"}}}, ("bytes", "length", "regex"), None, True,
         "the matcher 'regex' does not fit here", "matchers are equals, in, lt, le, gt, ge"),
    ],
)  # fmt: skip
def test_what_is_refused_and_where(
    conditions: dict[str, JsonValue], path: tuple[str | int, ...], offset: int | None, in_key: bool, message: str,
    advice: str,
) -> None:  # fmt: skip
    with pytest.raises(MatchError) as caught:
        compile_conditions(conditions)
    error = caught.value
    assert (path, offset, in_key) == (error.path, error.offset, error.in_key)
    assert (message, advice) == (str(error), error.advice)


KEYS = st.sampled_from(["$.a", "$", "$[0]", "text", "regex", "bytes", "$..", "x"]) | st.text()
WORDS = st.sampled_from([*MATCHER_WORDS.split(", "), "at", "hex", "base64", "text", "length"]) | st.text()
VALUES: st.SearchStrategy[Any] = st.recursive(
    JSON | st.sampled_from(["{{ n }}", "{{ x", "(", "string", "ca"]),
    lambda inner: st.dictionaries(WORDS, inner, max_size=3),
)


@pytest.mark.slow
@given(st.dictionaries(KEYS, VALUES, max_size=3))
def test_any_mapping_compiles_or_is_refused_on_a_path_inside_it(mapping: dict[str, JsonValue]) -> None:
    try:
        compiled = compile_conditions(mapping)
    except MatchError as error:
        found: Any = mapping
        for key in error.path:
            found = found[key]
        return
    for message in (ROOM, HELLO, BYTES):
        try:
            assert compiled.bind(scope(n=1))(message) is (compiled.why(message, scope(n=1)) is None)
        except EvaluationError:
            continue


# -- captures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "capture", "expected"),
    [
        (ROOM, "$.id", 7),
        (ROOM, "$.list[1].x", None),  # null is something
        (ROOM, "$", ROOM.json),
        (HELLO, "text", "hello world 42"),
        (HELLO, {"regex": r"\d+"}, "42"),  # no group: the whole match
        (HELLO, {"regex": r"(\w+) (\w+)"}, "hello"),  # the first group
        (HELLO, {"regex": r"(\w+) (\w+)", "group": 2}, "world"),
        (HELLO, {"regex": r"(\w+) (\w+)", "group": 0}, "hello world"),
        (HELLO, {"regex": r"(?P<n>\d+)", "group": "n"}, "42"),
        (BYTES, {"bytes": {}}, "cafe00ff"),
        (BYTES, {"bytes": {"at": 1, "length": 2}}, "fe00"),
        (BYTES, {"bytes": {"at": -1}}, "ff"),
        (BYTES, {"bytes": {"at": 0, "length": 2, "as": "uint"}}, 0xCAFE),
        (BYTES, {"bytes": {"at": 0, "length": 2, "as": "uint", "order": "little"}}, 0xFECA),
        (BYTES, {"bytes": {"at": -1, "length": 1, "as": "int"}}, -1),
        (BYTES, {"bytes": {"at": 0, "length": 3, "as": "base64"}}, "yv4A"),
        (Message("é!".encode(), 0), {"bytes": {"length": 2, "as": "text"}}, "é"),
    ],
)
def test_a_capture_takes(message: Message, capture: JsonValue, expected: Any) -> None:
    captures = compile_captures({"x": capture})
    variables: dict[str, Any] = {"x": "old", "y": "other"}
    assert captures.take(message, variables) is None
    assert variables == {"x": expected, "y": "other"}
    assert (captures.sets, captures.handshake_only) == (("x",), ())


@pytest.mark.parametrize(
    ("message", "capture", "sentence"),
    [
        (ROOM, "$.none", "x: $.none is not there"),
        (
            HELLO,
            "$.none",
            "x: $.none is not there (the message is not JSON: a value is expected at byte 0 of 'hello world 42')",
        ),
        (HELLO, "$", "x: $ is not there (the message is text and not JSON; compare it as it is: text: …)"),
        (BYTES, "text", "x: text is not there (the message is binary)"),
        (HELLO, {"regex": "id=(.)"}, "x: regex id=(.) is not found in the text"),
        (HELLO, {"regex": "hello(!)?"}, "x: regex hello(!)? is not found in the text"),  # found, but not its group
        (BYTES, {"regex": "x"}, "x: regex x is not there (the message is binary)"),
        (BYTES, {"bytes": {"at": 3, "length": 2}}, "x: bytes at 3 is not there (the message has 4 bytes)"),
        (BYTES, {"bytes": {"at": -5}}, "x: bytes at -5 is not there (the message has 4 bytes)"),
        (BYTES, {"bytes": {"as": "text"}}, "x: bytes at 0 is not UTF-8"),
        (HELLO, {"bytes": {"at": 0}}, "x: bytes at 0 is not there (the message is text)"),
        (ROOM, {"header": "X-Room"}, "x: header X-Room is not there"),
        (ROOM, {"status": True}, "x: status is not there"),
    ],
)
def test_a_capture_that_finds_nothing_says_so_and_sets_nothing(
    message: Message, capture: JsonValue, sentence: str
) -> None:
    variables: dict[str, Any] = {"x": "old"}
    found: JsonValue = "text" if isinstance(message.payload, str) else {"bytes": {}}
    assert sentence == compile_captures({"found": found, "x": capture}).take(message, variables)
    assert variables == {"x": "old"}


def test_a_handshake_has_a_status_headers_and_a_body() -> None:
    captures = compile_captures(
        {"code": {"status": True}, "cookie": {"header": "Set-Cookie"}, "why": "$.why", "id": {"regex": r'"id": (\d+)'}}
    )
    variables: dict[str, Any] = {}
    headers = {"set-cookie": "a=b"}
    assert captures.take_handshake(401, headers, b'{"why": "no", "id": 5}', variables) is None
    assert variables == {"code": 401, "cookie": "a=b", "why": "no", "id": "5"}
    assert captures.handshake_only == ("code", "cookie")


def test_a_handshake_without_them_says_so() -> None:
    variables: dict[str, Any] = {}
    assert (
        compile_captures({"x": {"header": "X-A"}}).take_handshake(101, {}, b"", variables)
        == "x: header X-A is not there"
    )
    assert (
        compile_captures({"x": "$.a"}).take_handshake(503, {}, b"busy", variables)
        == "x: $.a is not there (the body is not JSON: a value is expected at byte 0 of 'busy')"
    )
    assert (
        compile_captures({"x": "text"}).take_handshake(503, {}, b"\xff", variables)
        == "x: text is not there (the body is binary)"
    )
    assert variables == {}


NOTHING = (
    "write a JSONPath ($.a.b), text, {regex: ...}, {bytes: ...}, of a protocol {envelope: $.a}, "
    "or, of a handshake, {header: ...} or {status: true}"
)


@pytest.mark.parametrize(
    ("capture", "path", "message", "advice"),
    [
        ("id", (), "this is nothing that can be captured", NOTHING),
        (5, (), "this is nothing that can be captured", NOTHING),
        ({}, (), "this is nothing that can be captured", NOTHING),
        ({"json": "$.a"}, (), "this is nothing that can be captured", NOTHING),
        ("$.a[*]", (), "* finds many places; write the path to one", "a path is written like $.a.b[0] or $['a b']"),
        ({"regex": "x", "flags": "i"}, ("flags",), "unknown key 'flags'", "keys are regex, group"),
        ({"regex": 5}, ("regex",), "regex is text", ""),
        ({"regex": "("}, ("regex",),
         "not a regular expression: missing ), unterminated subpattern at position 0", ""),
        ({"regex": "(x)", "group": 2}, ("group",), "the pattern has no group 2", ""),
        ({"regex": "(x)", "group": -1}, ("group",), "the pattern has no group -1", ""),
        ({"regex": "(x)", "group": "n"}, ("group",), "the pattern has no group 'n'", ""),
        ({"regex": "(x)", "group": True}, ("group",), "the pattern has no group True", ""),
        ({"regex": "(x)", "group": [1]}, ("group",), "the pattern has no group [1]", ""),
        ({"bytes": 4}, ("bytes",), "bytes is a mapping", "write bytes: {at: 0, length: 4, as: hex}"),
        ({"bytes": {"at": 0, "len": 4}}, ("bytes", "len"), "unknown key 'len'", "keys are at, length, as, order"),
        ({"bytes": {"at": 1.5}}, ("bytes", "at"), "at is an offset in bytes; a negative one counts from the end", ""),
        ({"bytes": {"length": 0}}, ("bytes", "length"), "length is a number of bytes, 1 or more", ""),
        ({"bytes": {"as": "float"}}, ("bytes", "as"), "as is one of hex, text, base64, uint, int", ""),
        ({"bytes": {"order": "network"}}, ("bytes", "order"), "order is big or little", ""),
        ({"bytes": {"as": "uint"}}, ("bytes", "as"), "uint takes a length of 1 to 8 bytes", ""),
        ({"bytes": {"as": "int", "length": 9}}, ("bytes", "length"), "int takes a length of 1 to 8 bytes", ""),
        ({"header": ""}, ("header",), "header is the name of a header", ""),
        ({"header": "A", "x": 1}, ("x",), "unknown key 'x'", "keys are header"),
        ({"status": 101}, ("status",), "status is true, where it is to be captured", ""),
    ],
)  # fmt: skip
def test_a_capture_that_is_refused_and_where(
    capture: JsonValue, path: tuple[str | int, ...], message: str, advice: str
) -> None:
    with pytest.raises(MatchError) as caught:
        compile_captures({"ok": "text", "x": capture})
    assert (("x", *path), message, advice) == (caught.value.path, str(caught.value), caught.value.advice)


def test_an_odd_regex_warns_nobody() -> None:
    assert why({"regex": "[[a]"}, HELLO) is not None  # a FutureWarning of Python's
