"""One message becomes values: every way by itself, ways one after another, and what cannot be read."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from loadws.scenario.matching.message import Message
from loadws.scenario.model.unpacking import Unpack as Ways
from loadws.scenario.unpacking.unpack import MOST_VALUES, Unpack, UnpackError, compile_unpack

#: The same bytes whenever they are made: parameters name tests, and all workers must agree on the names.
gzipped = partial(gzip.compress, mtime=0)
LIMIT = 1 << 20
WAYS: TypeAdapter[Any] = TypeAdapter(Ways)


def compiled(ways: Any, base: Path = Path(), limit: int = LIMIT) -> Unpack:
    unpack = compile_unpack(WAYS.validate_python(ways), base, limit)
    assert unpack is not None
    return unpack


def payloads(ways: Any, payload: str | bytes, base: Path = Path()) -> list[str | bytes]:
    return [value.payload for value in compiled(ways, base)(payload, 7)]


def raw_deflate(content: bytes, flush: int = zlib.Z_FINISH) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(content) + compressor.flush(flush)


@pytest.mark.parametrize(
    ("ways", "payload", "expected"),
    [
        # Compression: text is text again, what is no UTF-8 stays bytes, and text was never compressed.
        ("gunzip", gzipped(b'{"a": 1}'), ['{"a": 1}']),
        ("gunzip", gzipped(b"one ") + gzipped(b"two"), ["one two"]),
        ("gunzip", gzipped(b"\xff\x00"), [b"\xff\x00"]),
        ("gunzip", "ping", ["ping"]),
        ("inflate", zlib.compress(b"hello"), ["hello"]),
        ("inflate", raw_deflate(b"hello"), ["hello"]),
        ("inflate", raw_deflate(b"hello", zlib.Z_SYNC_FLUSH), ["hello"]),
        ("base64", "aGVsbG8=", ["hello"]),
        ("base64", "__4", [b"\xff\xfe"]),  # the other alphabet, without padding
        ("base64", '{"op": "pong"}', ['{"op": "pong"}']),
        ("base64", b"aGVsbG8=", [b"aGVsbG8="]),
        ([{"json": "$.data"}, "base64", "gunzip"],
         json.dumps({"data": base64.b64encode(gzipped(b'{"a": 1}')).decode()}), ['{"a": 1}']),
        # Parts of a text, and of bytes.
        ("lines", "one\r\ntwo\n\nthree", ["one", "two", "three"]),
        ("lines", b"one\ntwo\n", [b"one", b"two"]),
        ({"split": "\x1e"}, '{"id": 1}\x1e{"id": 2}\x1e', ['{"id": 1}', '{"id": 2}']),
        ({"split": "\x1e"}, b"\xff\x1e\xfe\x1e", [b"\xff", b"\xfe"]),
        ({"split": "\x1e"}, "", []),
        # Parts of JSON; what is not there leaves the message as it is.
        ("elements", '[{"id": 1}, "two", 3]', ['{"id":1}', "two", "3"]),
        ({"elements": "$.items"}, '{"items": [1, 2]}', ["1", "2"]),
        ({"elements": "$.items"}, '{"items": []}', []),
        ({"elements": "$.items"}, '{"items": 1}', ['{"items": 1}']),
        ({"elements": "$.items"}, '{"op": "pong"}', ['{"op": "pong"}']),
        ("elements", "pong", ["pong"]),
        ({"json": "$[1]"}, '[7, {"a": [1]}]', ['{"a":[1]}']),
        ({"json": "$.data"}, '{"data": "{\\"price\\": 7}"}', ['{"price": 7}']),
        ({"json": "$.data"}, '{"data": null}', ["null"]),
        ({"json": "$.data"}, '{"op": "pong"}', ['{"op": "pong"}']),
        # One after another: each reads every value of the one before.
        (["gunzip", "lines"], gzipped(b"one\ntwo"), ["one", "two"]),
        (["lines", {"elements": "$.items"}, {"json": "$.d"}], '{"items":[{"d":"1"},{"d":"2"}]}\n{"d":3}', ["1", "2", "3"]),
        ([{"json": "$.data"}, "inflate"], b'{"data": 5}', ["5"]),
    ],
)  # fmt: skip
def test_a_message_is_read(ways: Any, payload: str | bytes, expected: list[str | bytes]) -> None:
    assert payloads(ways, payload) == expected


def test_values_have_the_stamp_of_their_message_and_are_parsed_once() -> None:
    found = compiled("elements")('[{"id": 1}]', 7)
    assert [(value.received_ns, value.json) for value in found] == [(7, {"id": 1})]


@pytest.mark.parametrize(
    ("ways", "payload", "kind", "says"),
    [
        ("gunzip", b"\x00\x01\x02", "unpack.gunzip", "the message begins with 00 01 02"),
        ("gunzip", b"", "unpack.gunzip", "cut short: 0 bytes"),
        ("gunzip", gzipped(b"hello")[:-4], "unpack.gunzip", "cut short: 21 bytes"),
        ("inflate", b"\xff\xff\xff", "unpack.inflate", "the message begins with ff ff ff"),
        ("inflate", raw_deflate(b"hello" * 99)[:-2], "unpack.inflate", "cut short"),
        ("gunzip", gzipped(bytes(LIMIT + 1)), "unpack.too_large", "max_message_size (1 MiB)"),
        ("inflate", zlib.compress(bytes(LIMIT + 1)), "unpack.too_large", "max_message_size (1 MiB)"),
        ("gunzip", gzipped(bytes(LIMIT // 2 + 1)) * 2, "unpack.too_large", "max_message_size (1 MiB)"),
        ("lines", "x\n" * (MOST_VALUES + 1), "unpack.too_many", "more than 16,384 values"),
        ("elements", "[" + "1," * MOST_VALUES + "1]", "unpack.too_many", "more than 16,384 values"),
    ],
)
def test_what_cannot_be_read_has_a_kind(ways: Any, payload: str | bytes, kind: str, says: str) -> None:
    with pytest.raises(UnpackError) as caught:
        payloads(ways, payload)
    assert caught.value.kind == kind
    assert says in str(caught.value)


def test_a_bomb_of_bombs_is_bounded_by_what_is_left() -> None:
    """The bound is of all ways and values of a message together, and no more than it is ever decompressed."""
    half = gzipped(bytes(LIMIT * 2 // 3))
    with pytest.raises(UnpackError, match="max_message_size"):
        compiled([{"split": "|"}, "gunzip"])(half + b"|" + half, 0)
    with pytest.raises(UnpackError, match="max_message_size"):
        compiled(["gunzip", "gunzip"])(gzipped(gzipped(bytes(LIMIT * 2))), 0)


FUNCTIONS = """
import json

def records(payload):
    return [json.loads(part) for part in payload.split(b"|")]

def one(payload):
    return {"is": payload}

def none(payload):
    return None

def many(payload):
    while True:
        yield payload

def fails(payload):
    return json.loads(payload)["missing"]

def exits(payload):
    raise SystemExit(0)

async def waits(payload): ...

def two(payload, more): ...

def returns_a_set(payload):
    return {1, 2}

def returns_an_object(payload):
    return object()

def returns_objects(payload):
    return [payload, object()]

def returns_a_number(payload):
    return 5

def returns_a_view(payload):
    return memoryview(payload)
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "frames.py").write_text(FUNCTIONS)
    return tmp_path


def test_a_function_gives_values(base: Path) -> None:
    assert payloads({"function": "frames:records"}, b'{"a":1}|"b"', base) == ['{"a":1}', "b"]
    assert payloads({"function": "frames:one"}, "x", base) == ['{"is":"x"}']
    assert payloads({"function": "frames:none"}, "x", base) == []


def test_a_function_that_fails_is_an_error_at_its_line(base: Path) -> None:
    with pytest.raises(UnpackError, match=r"frames:fails: KeyError: 'missing' \(frames.py:18\)") as caught:
        payloads({"function": "frames:fails"}, "{}", base)
    assert caught.value.kind == "unpack.crashed"
    with pytest.raises(UnpackError, match=r"frames:exits: SystemExit: 0"):
        payloads({"function": "frames:exits"}, "{}", base)


def test_a_function_may_return_one_value(base: Path) -> None:
    assert payloads({"function": "frames:returns_a_number"}, "x", base) == ["5"]
    assert payloads({"function": "frames:returns_a_view"}, b"x", base) == [b"x"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("returns_a_set", "frames:returns_a_set returned an object of type set; return a list of values"),
        ("returns_an_object", "frames:returns_an_object returned an object of type object; return a list of values"),
        (
            "returns_objects",
            "frames:returns_objects returned a value that is no message: object cannot be written as JSON",
        ),
    ],
)
def test_what_a_function_returns_that_is_no_value_is_told_with_what_to_return(
    base: Path, name: str, message: str
) -> None:
    with pytest.raises(UnpackError) as caught:
        payloads({"function": f"frames:{name}"}, "x", base)
    assert caught.value.kind == "unpack.failed"
    assert str(caught.value).startswith(message)
    assert str(caught.value).endswith("text, bytes, or what JSON can have), one value, or None for none")


def test_a_function_without_end_is_bounded(base: Path) -> None:
    with pytest.raises(UnpackError, match="more than"):
        payloads({"function": "frames:many"}, "x", base)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.slow
@given(st.lists(JSON, max_size=20))
def test_elements_are_the_array(items: list[Any]) -> None:
    """Whatever an array holds, in whatever form: its elements are the values, in their order."""
    text = json.dumps(items, ensure_ascii=True)
    for ways, payload in (("elements", text), (["gunzip", "elements"], gzipped(text.encode()))):
        found = compiled(ways)(payload, 0)
        assert [
            value.payload if isinstance(item, str) else value.json for value, item in zip(found, items, strict=True)
        ] == items


@given(st.binary(max_size=200) | st.text(max_size=200), st.lists(st.sampled_from(
    ["gunzip", "inflate", "base64", "lines", "elements", {"split": "a"}, {"json": "$.a"}, {"elements": "$[0]"}]
), min_size=1, max_size=4))  # fmt: skip
def test_no_message_does_anything_else(payload: str | bytes, ways: list[Any]) -> None:
    try:
        found = compiled(ways)(payload, 0)
    except UnpackError as error:
        assert error.kind.startswith("unpack.")
    else:
        assert all(isinstance(value, Message) for value in found)
