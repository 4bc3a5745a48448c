"""JSON paths: every place has one that finds it, and whatever else is written is refused inside its text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loadws.scenario.matching.jsonpath import MISSING, PathError, compile_path, parse_path

DATA: dict[str, Any] = {
    "a": {"b": [10, {"c": None}], "b-c": 1, "_x": 2, "": 3, "0": 4},
    "é": 5,
    "a b": {"'\"": 6},
    "text": "abc",
}

FOUND = {
    "$": DATA,
    "$.a.b[0]": 10,
    "$.a.b[-1].c": None,  # null is something
    "$['a']['b'][1]": {"c": None},
    '$["a b"]["\'\\""]': 6,
    "$['a b']['\\'\"']": 6,  # the same name between single quotes
    "$.a.b-c": 1,
    "$.a._x": 2,
    "$.a['']": 3,
    "$.a['0']": 4,  # a key, not an index
    "$.é": 5,
    "$['\\u00e9']": 5,
}


@pytest.mark.parametrize("path", list(FOUND))
def test_a_path_finds_its_place(path: str) -> None:
    assert FOUND[path] == compile_path(path)(DATA)


@pytest.mark.parametrize(
    "path",
    [
        "$.b",  # no such key
        "$.a.b[2]",  # beyond the end
        "$.a.b[-3]",  # beyond the start
        "$.a[0]",  # an index of an object
        "$.a.b.c",  # a key of a list
        "$.text[0]",  # an index of a text
        "$.text.x",
        "$.a.b[1].c.d",  # a key of null
    ],
)
def test_where_there_is_nothing_it_is_missing(path: str) -> None:
    assert compile_path(path)(DATA) is MISSING


@pytest.mark.parametrize("data", [None, 5, "text", [], object()])
def test_data_without_keys_has_nothing_at_a_key(data: object) -> None:
    assert compile_path("$.a")(data) is MISSING
    assert compile_path("$.a.b")(data) is MISSING


@pytest.mark.parametrize(
    ("path", "offset", "message"),
    [
        ("", 0, "a path begins with $"),
        ("a.b", 0, "a path begins with $"),
        ("$a", 1, "here .name, ['name'] or [0] should follow, not 'a'"),
        ("$.", 1, "here .name, ['name'] or [0] should follow, not '.'"),
        ("$.a.", 3, "here .name, ['name'] or [0] should follow, not '.'"),
        ("$.0", 1, "here .name, ['name'] or [0] should follow, not '.0'"),
        ("$.a b", 3, "here .name, ['name'] or [0] should follow, not ' b'"),
        ("$.a[", 3, "here .name, ['name'] or [0] should follow, not '['"),
        ("$.a[01]", 3, "here .name, ['name'] or [0] should follow, not '[01]'"),
        ("$.a[-0]", 3, "here .name, ['name'] or [0] should follow, not '[-0]'"),
        ("$['a]", 1, "here .name, ['name'] or [0] should follow, not \"['a]\""),
        (r"$['\q']", 1, "the quoted name has an escape that JSON does not know"),
        # several places
        ("$..a", 1, ".. finds many places; write the path to one"),
        ("$.a.*", 3, "* finds many places; write the path to one"),
        ("$.a[*]", 3, "* finds many places; write the path to one"),
        ("$[?(@.x)]", 1, "filters ([?...]) are not supported; write the path to one place"),
        ("$.a[1:2]", 3, "slices ([1:2]) are not supported; write the path to one place"),
        ("$.a[:2]", 3, "slices ([1:2]) are not supported; write the path to one place"),
        ("$['a','b']", 1, "[a, b] finds several places; write the path to one"),
        ("$.a[0,1]", 3, "[a, b] finds several places; write the path to one"),
    ],
)
def test_what_is_refused_and_where(path: str, offset: int, message: str) -> None:
    with pytest.raises(PathError) as caught:
        compile_path(path)
    assert (offset, message) == (caught.value.offset, str(caught.value))


PARTS = st.lists(st.text() | st.integers(-5, 5), max_size=6)


def written(parts: list[str | int]) -> str:
    return "$" + "".join(f"[{json.dumps(part)}]" for part in parts)


@given(PARTS)
def test_a_path_reads_back_as_what_it_was_written_from(parts: list[str | int]) -> None:
    assert tuple(parts) == parse_path(written(parts))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def places(data: Any, parts: list[str | int]) -> list[tuple[list[str | int], Any]]:
    keys = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [(parts, data), *(place for key, value in keys for place in places(value, [*parts, key]))]


@pytest.mark.slow
@given(JSON)
def test_every_place_of_a_document_is_found_by_its_path(data: Any) -> None:
    for parts, expected in places(data, []):
        assert compile_path(written(parts))(data) is expected


@given(st.text() | st.text("$.[]'\"\\*?:,-01ab ").map("$".__add__))
@example("$" + ".a" * 5000)
@example("$[" + "9" * 5000 + "]")
def test_any_text_is_a_path_or_refused_inside_it(text: str) -> None:
    try:
        find = compile_path(text)
    except PathError as error:
        assert 0 <= error.offset <= len(text)
    else:
        find(DATA)


def test_missing_is_false_and_says_its_name() -> None:
    assert not MISSING
    assert repr(MISSING) == "MISSING"
