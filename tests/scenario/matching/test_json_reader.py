"""JSON as JavaScript reads it. What ``JSON.parse`` does with the texts below was seen in V8 (node 20)."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.scenario.json_reader import MOST_LEVELS, NotJson, read_elements, read_json

#: Each is what ``JSON.parse`` makes of it, as Python has it.
TAKEN: list[tuple[str, Any]] = [
    ('{"id":7,"name":"cut \\ud83d"}', {"id": 7, "name": "cut \ud83d"}),
    ('"\\ude00\\ud83d"', "\ude00\ud83d"),
    ('"\\ud83d\\ude00"', "\U0001f600"),
    ('{"\\ud83d":1}', {"\ud83d": 1}),
    ("1e999", math.inf),
    ("-1e999", -math.inf),
    ("[1e400, 5e-324, 1e-400]", [math.inf, 5e-324, 0]),
    ("1" * 5000, math.inf),
    ("-" + "1" * 5000, -math.inf),
    ('{"a":1,"a":2}', {"a": 2}),
    ('{"a":"\\ud83d","a":2}', {"a": 2}),
    ('"\x7f\u2028\u2029"', "\x7f\u2028\u2029"),
    ('"\\u0000\\/\\b"', "\x00/\b"),
    (" \t\r\n[ ] ", []),
    ("-0", 0),
    ("1E+2", 100),
    ("123456789012345678901234567890", 123456789012345678901234567890),
]
#: Each, where it is noticed in bytes, and why.
REFUSED: list[tuple[str, int, str]] = [
    ("", 0, "it is empty"),
    ("  ", 2, "it ends too early"),
    ('{"a":', 5, "it ends too early"),
    ("hello", 0, "a value is expected"),
    ("undefined", 0, "a value is expected"),
    ("\ufeff{}", 0, "a byte order mark is no part of JSON"),
    ("\u00a01", 0, "a value is expected"),
    ("NaN", 0, "NaN is not a number in JSON"),
    ('["NaN",Infinity]', 7, "Infinity is not a number in JSON"),
    ('{"-Infinity":-Infinity}', 13, "-Infinity is not a number in JSON"),
    ("[1,]", 3, "a value is expected"),
    ('{"a":1,}', 7, 'a name in double quotes or "}" is expected'),
    ("{'a':1}", 1, 'a name in double quotes or "}" is expected'),
    ('{"a" 1}', 5, "a colon is expected"),
    ("[1 2]", 3, "a comma or the end of the list is expected"),
    ("{} x", 3, "something follows after the value"),
    ("01", 1, "something follows after the value"),
    ("+1", 0, "a value is expected"),
    (".5", 0, "a value is expected"),
    ("1.", 1, "something follows after the value"),
    ('["\u00fc\x01"]', 4, "a string holds a control character"),
    ('"\t"', 1, "a string holds a control character"),
    ('["\u00fc", "abc]', 7, "the string that begins here has no end"),
    ('["a\\x"]', 3, "an escape is none that JSON has"),
    ('["\\u12"]', 3, "an escape is not \\u and four hexadecimal digits"),
    ('{"name":"\\ud83d", nope}', 18, 'a name in double quotes or "}" is expected'),  # after what only msgspec refuses
]


@pytest.mark.parametrize(("text", "value"), TAKEN)
def test_what_javascript_takes_is_taken(text: str, value: Any) -> None:
    assert read_json(text) == value
    assert read_json(text.encode("utf-8")) == value


@pytest.mark.parametrize(("text", "offset", "reason"), REFUSED)
def test_what_javascript_refuses_is_refused_with_the_reason_and_the_place(text: str, offset: int, reason: str) -> None:
    with pytest.raises(NotJson) as refused:
        read_json(text)
    assert (refused.value.offset, refused.value.reason) == (offset, reason)


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}),  # a byte order mark, as TextDecoder takes it away
        (b'{"a":"\xe9"}', {"a": "\ufffd"}),  # Latin-1, as TextDecoder reads it
    ],
)
def test_bytes_are_read_as_a_text_decoder_reads_them(payload: bytes, value: Any) -> None:
    assert read_json(payload) == value


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        (b"\x00\x01\xff", "it is not UTF-8 at byte 2"),
        (b"\xef\xbb\xbf\xff", "it is not UTF-8 at byte 3"),
        (b"\xef\xbb\xbf[1 2]", "a comma or the end of the list is expected at byte 6 of '[1 2]'"),
        ("x" * 100, f"a value is expected at byte 0 of '{'x' * 40}'…"),
        ("[" + "1," * 50 + "x]", f"a value is expected at byte 101 of …'{'1,' * 10}x]'"),
    ],
)
def test_the_sentence_shows_what_stands_there(payload: str | bytes, sentence: str) -> None:
    with pytest.raises(NotJson) as refused:
        read_json(payload)
    assert str(refused.value) == sentence


def _nested(levels: int) -> str:
    return '[{"a": ' * (levels // 2) + "7" + ' } , "x"]' * (levels // 2)


@pytest.mark.slow
def test_nesting_is_bounded_by_a_limit_and_not_by_the_stack() -> None:
    value = read_json('{"id": 7, "deep": ' + _nested(20_000) + "}")
    assert value["id"] == 7
    depth, inner = 0, value["deep"]
    while isinstance(inner, list):
        inner = inner[0]["a"]
        depth += 2
    assert (depth, inner) == (20_000, 7)
    with pytest.raises(NotJson, match="nested deeper than 100,000 levels at byte 100,000"):
        read_json("[" * (MOST_LEVELS + 1))


@pytest.mark.parametrize(
    ("text", "offset", "reason"), [row for row in REFUSED if row[0].strip() and row[0][0] != "\ufeff"]
)
def test_a_mistake_in_the_depth_is_noticed_as_one_at_the_top_is(text: str, offset: int, reason: str) -> None:
    before = "[" * 5_000
    with pytest.raises(NotJson) as refused:
        read_json(before + text)
    if reason == "it ends too early" or (text[0] in "{[" and "follows" not in reason):
        assert (refused.value.offset, refused.value.reason) == (offset + 5_000, reason)
    else:
        assert refused.value.offset >= 5_000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.characters(exclude_categories=())),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet=st.characters(exclude_categories=())), inner),
    max_leaves=20,
)  # fmt: skip


@pytest.mark.slow
@given(JSON, st.booleans())
def test_what_a_writer_writes_is_read_the_same_at_the_top_and_in_the_depth(value: Any, indented: bool) -> None:
    text = json.dumps(value, indent=1 if indented else None)
    deep = read_json("[" * 3_000 + text + "]" * 3_000)
    for _ in range(3_000):
        (deep,) = deep
    assert read_json(text) == deep == json.loads(text)


@pytest.mark.slow
@given(st.lists(JSON))
def test_elements_are_as_they_are_written(values: list[Any]) -> None:
    written = [json.dumps(value).encode() for value in values]
    assert read_elements(b" [" + b" ,\n".join(written) + b" ] ") == written


@given(st.text(alphabet='[]{},:"\\ud1eE+-. \n') | st.binary())
def test_nothing_but_not_json_is_raised(payload: str | bytes) -> None:
    try:
        read_json(payload)
    except NotJson as error:
        assert 0 <= error.offset <= len(payload if isinstance(payload, bytes) else payload.encode())
