"""A message is parsed once, only if asked, and never raises."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loadws.scenario.matching.message import NOT_JSON, Message


@pytest.mark.parametrize("payload", ['{"a": [1, 2.5, null, true]}', b'{"a": [1, 2.5, null, true]}'])
def test_a_payload_is_parsed_from_text_and_from_bytes(payload: str | bytes) -> None:
    assert Message(payload, 5).json == {"a": [1, 2.5, None, True]}


def test_text_is_none_for_a_binary_message() -> None:
    assert (Message("x", 5).text, Message(b"x", 5).text) == ("x", None)
    assert Message("x", 5).received_ns == 5


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "hello",
        "{",
        "[1] 2",
        b"\xff\xfe",  # no UTF-8
        "\ud800",  # no text that can be encoded
        "[" * 100_000,  # never closed
        "NaN",
    ],
)
def test_what_is_no_json_is_said_so(payload: str | bytes) -> None:
    assert Message(payload, 0).json is NOT_JSON


def test_null_is_json() -> None:
    assert Message("null", 0).json is None


@pytest.mark.parametrize("payload", ['{"a": 1}', "no json"])
def test_it_is_parsed_once_and_only_when_asked(payload: str) -> None:
    with mock.patch("msgspec.json.decode", wraps=msgspec.json.decode) as decode:
        message = Message(payload, 0)
        assert decode.call_count == 0
        assert message.json is message.json
        assert decode.call_count == 1


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.slow
@given(JSON)
def test_json_is_what_python_s_own_parser_reads(value: Any) -> None:
    text = json.dumps(value)
    assert json.loads(text) == Message(text, 0).json == Message(text.encode(), 0).json


@given(st.text() | st.binary())
@example(b"\xef\xbb\xbf{}")
def test_no_payload_raises(payload: str | bytes) -> None:
    assert Message(payload, 0).json is not ...
