"""Connections that unpack their messages: every receiver of messages receives values."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from msgspec.structs import replace

from loadws.terms.failures import KINDS
from loadws.transport.base import Payload
from tests.engine.drive import Outcome, drive
from tests.kit.behaviour import Behaviour, Say, echo, pushes
from tests.kit.plain import MS

ONCE = {"load": [{"users": 1, "iterations": 1}]}
THREE = '{"id": 1}\n{"id": 2}\n{"id": 3}'


def run(unpack: Any, flow: list[Any], behaviour: Behaviour, **more: Any) -> Outcome:
    return drive({**ONCE, "connection": {"unpack": unpack}, "flow": flow, **more}, behaviour)


def answering(payload: Payload) -> Behaviour:
    return Behaviour(on_message=lambda _, number: (Say(payload, MS),))


def test_a_message_counts_once_and_its_values_beside_it() -> None:
    flow = [{"request": {"send": "go", "reply": {"where": {"$.id": 3}}}}]
    outcome = run("lines", flow, answering(THREE))
    messages = outcome.ledger.messages
    assert (messages.received, messages.values, messages.answered, messages.unclaimed) == (1, 3, 1, 2)
    assert outcome.ledger.bytes.received == len(THREE)
    assert outcome.count("values_received") == 3
    assert outcome.errors == {}


def test_each_value_goes_to_the_first_that_it_is_for() -> None:
    """A handler, a request with where, a wait_for, a request without where: in the order of a whole message."""
    on = {"message": [{"where": {"$.id": 1}, "do": [{"log": "handler {{ message.id }}"}]}]}
    flow: list[Any] = [
        {"parallel": [
            [{"request": {"name": "two", "send": "a", "reply": {"where": {"$.id": 2}, "capture": {"two": "$.id"}}}}],
            [{"wait_for": {"where": {"$.id": 3}, "capture": {"three": "$.id"}}}],
            [{"request": {"name": "next", "send": "b", "reply": {"capture": {"four": "text"}}}}],
        ]},
        {"log": "{{ two }} {{ three }} {{ four }}"},
    ]  # fmt: skip
    said = '{"id": 1}\n{"id": 2}\n{"id": 3}\nfour'
    behaviour = Behaviour(on_message=lambda payload, _: (Say(said, MS),) if payload == "b" else ())
    outcome = run("lines", flow, behaviour, on=on)
    assert [line.text for line in outcome.logs] == ["handler 1", "2 3 four"]
    assert outcome.ledger.messages.unclaimed == 0


def test_values_are_kept_for_a_later_wait_for() -> None:
    flow = [{"think": "100ms"}, {"wait_for": {"where": {"$.id": 2}}}, {"wait_for": {"where": {"$.id": 1}}}]
    outcome = run("lines", flow, pushes([THREE]))
    assert outcome.errors == {}


def test_a_streamed_answer_ends_in_the_middle_of_a_message() -> None:
    flow = [{"request": {"send": "go", "reply": {"until": {"$.id": 2}}}}]
    outcome = run("lines", flow, answering(THREE))
    assert outcome.ledger.messages.unclaimed == 1
    assert outcome.errors == {}


def test_what_cannot_be_unpacked_is_an_error_and_no_answer() -> None:
    flow = [{"request": {"send": "go", "reply": {"within": "1s"}}}]
    outcome = run("gunzip", flow, answering(b"\x00\x01"))
    assert outcome.errors == {"unpack.gunzip": 1, "timeout": 1}
    assert "begins with 00 01" in outcome.samples[0].detail
    assert outcome.ledger.messages.received == 1
    assert outcome.ledger.messages.values == 0


def test_a_bomb_is_an_error_and_the_connection_goes_on() -> None:
    bomb, good = gzip.compress(bytes(2 << 20), mtime=0), gzip.compress(b"good", mtime=0)
    behaviour = Behaviour(on_message=lambda _, number: (Say(bomb, MS), Say(good, 2 * MS)))
    outcome = run("gunzip", [{"request": {"send": "go", "reply": {"check": {"text": "good"}}}}], behaviour)
    assert outcome.errors == {"unpack.too_large": 1}
    assert outcome.ledger.messages.answered == 1


def test_a_connection_says_otherwise_and_keeps_it_over_a_reconnect() -> None:
    """The ways of a connect are those of every connection that opens in its place."""
    flow = [
        {"connect": {"as": "plain", "unpack": []}},
        {"request": {"send": "a\nb", "on": "plain", "reply": {"check": {"text": "a\nb"}}}},
        "connect",
        {"reconnect": {}},
        {"request": {"send": "a\nb", "reply": {"check": {"text": "a"}}}},
    ]
    assert run("lines", flow, echo()).errors == {}


def test_a_delivery_is_found_in_a_value() -> None:
    publish = {"publish": {"probe": "talk", "send": "hello\n{{ probe }}"}}
    flow = [{"think": "1ms"}, publish, {"think": "3s"}]
    deliver = {"probe": "talk", "id": "text", "within": "1s"}
    on = {"message": [{"where": {"regex": "^.{40}$"}, "deliver": deliver}]}
    outcome = run("lines", flow, echo(), on=on)
    assert outcome.errors == {}
    assert outcome.values("delivery", probe="talk").count == 1
    assert outcome.ledger.messages.unclaimed == 1  # the value "hello"


def test_a_trace_shows_the_values() -> None:
    flow = [{"request": {"send": "go", "reply": {"where": {"$.id": 2}}}}]
    outcome = drive({**ONCE, "connection": {"unpack": "lines"}, "flow": flow}, answering(THREE), trace=True)
    said = "\n".join(outcome.said)
    assert 'holds "{\\"id\\": 1}"' in said
    assert "not by request request: $.id is 1, expected 2" in said
    assert "taken by request request" in said


@pytest.mark.parametrize("behaviour", [echo(), replace(echo(), on_open=lambda _: (Say('{"id": 0}'),))])
@pytest.mark.parametrize("where", [{"$.id": "{{ sent.id }}"}, None])
def test_a_message_that_is_one_value_is_received_as_without_unpack(behaviour: Behaviour, where: Any) -> None:
    """The two ways into a conversation agree: that of the hot path, and that of values."""
    reply = {} if where is None else {"where": where}
    flow = [{"repeat": 3, "do": [{"request": {"send": {"json": {"id": "{{ id() }}"}}, "reply": reply}}]}]
    on = {"message": [{"where": {"$.id": 2}, "do": [{"count": "two"}]}]}
    document = {**ONCE, "flow": flow, "on": on}
    plain = drive(document, behaviour).ledger.messages
    unpacked = drive({**document, "connection": {"unpack": "lines"}}, behaviour).ledger.messages
    assert unpacked.values == unpacked.received
    unpacked.values = 0
    assert unpacked == plain


def test_every_kind_has_advice() -> None:
    kinds = [kind for kind in KINDS if kind.startswith("unpack")]
    assert len(kinds) >= 7
    assert all(KINDS[kind].advice for kind in kinds)
