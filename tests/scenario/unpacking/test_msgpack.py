"""MessagePack: held to an implementation of others, both ways."""

from __future__ import annotations

import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.scenario.template.values import EvaluationError
from loadws.scenario.unpacking.msgpack import NotMsgpack, read_msgpack, write_msgpack
from tests.engine.drive import drive
from tests.kit.behaviour import Behaviour, Say, echo
from tests.kit.plain import MS

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@pytest.mark.slow
@given(VALUES)
def test_what_is_written_is_read(value: Any) -> None:
    assert read_msgpack(write_msgpack(value)) == value


@given(VALUES)
def test_another_implementation_agrees(value: Any) -> None:
    """The package msgpack, where it is installed (Dask brings it)."""
    other = pytest.importorskip("msgpack")
    assert other.unpackb(write_msgpack(value), strict_map_key=False) == value
    assert read_msgpack(other.packb(value)) == value


@given(st.binary(max_size=100))
def test_any_bytes_are_a_value_or_an_error(payload: bytes) -> None:
    try:
        read_msgpack(payload)
    except NotMsgpack as error:
        assert "begins with" in str(error)


def test_what_json_has_not() -> None:
    moment = datetime.datetime(2026, 1, 31, 8, tzinfo=datetime.UTC)
    packed = {"at": moment, 7: "seven", b"\xca\xfe": 1, True: 2, "ext": msgspec.msgpack.Ext(5, b"xy"), "raw": b"\x00"}
    assert read_msgpack(msgspec.msgpack.encode(packed)) == {
        "at": "2026-01-31T08:00:00.000Z",
        "7": "seven",
        "cafe": 1,
        "true": 2,
        "ext": {"type": 5, "data": b"xy"},
        "raw": b"\x00",
    }


@pytest.mark.parametrize("payload", [b"", b"\xc1", b"\x01\x02", b"\x92\x01", b"\xa1\xff", b"\x91" * 5000])
def test_what_is_no_single_value_is_an_error(payload: bytes) -> None:
    with pytest.raises(NotMsgpack):
        read_msgpack(payload)


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, [2**80]])
def test_a_number_that_it_has_not_is_not_rounded(value: Any) -> None:
    with pytest.raises(EvaluationError, match="cannot be written as MessagePack"):
        write_msgpack(value)


def test_it_is_matched_captured_and_sent() -> None:
    flow: list[Any] = [
        {"request": {
            "send": {"msgpack": {"id": "{{ id() }}", "blob": "{{ 'cafe' | fromhex }}", "big": 2**53 + 1}},
            "reply": {
                "where": {"$.id": "{{ sent.id }}"},
                "check": {"$.big": {"equals": 2**53 + 1, "type": "integer"}, "$.blob": "{{ 'cafe' | fromhex }}"},
                "capture": {"blob": "$.blob", "all": "text"},
            },
        }},
        {"log": "{{ blob | hex }} {{ message.big }}"},
    ]  # fmt: skip
    document = {"load": [{"users": 1, "iterations": 1}], "connection": {"unpack": "msgpack"}, "flow": flow}
    outcome = drive(document, echo())
    assert outcome.errors == {}
    assert outcome.logs[0].text == f"cafe {2**53 + 1}"
    [payload] = outcome.seen.payloads
    assert isinstance(payload, bytes)
    assert msgspec.msgpack.decode(payload)["blob"] == b"\xca\xfe"


def test_text_on_the_same_connection_is_left_alone_and_what_is_wrong_is_an_error() -> None:
    behaviour = Behaviour(on_open=lambda _: [Say("ping"), Say(b"\xc1", MS), Say(b"\x07", 2 * MS)])
    document = {"load": [{"users": 1, "iterations": 1}], "connection": {"unpack": ["msgpack"]}}
    flow = [{"wait_for": {"where": {"text": "ping"}}}, {"wait_for": {"where": {"$": 7}}}]
    outcome = drive({**document, "flow": flow}, behaviour)
    assert outcome.errors == {"unpack.msgpack": 1}


def test_a_number_beyond_it_fails_the_step() -> None:
    flow = [{"set": {"n": '{"n": 18446744073709551616}'}}, {"send": {"msgpack": "{{ n | fromjson }}"}}]
    outcome = drive({"load": [{"users": 1, "iterations": 1}], "flow": flow}, echo())
    assert outcome.errors == {"template": 1}
