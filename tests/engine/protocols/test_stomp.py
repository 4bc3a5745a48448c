"""STOMP by its protocol file and its codec, in virtual time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from loadws.target.speaking.stomp import Stomp, frame
from loadws.transport.base import Payload
from tests.engine.drive import Outcome, drive
from tests.engine.protocols.speaking import speaks
from tests.kit.behaviour import Action, Behaviour, Leave, Say
from tests.kit.plain import MS, S


def run(*steps: Any, protocol: Any = "stomp", behaviour: Behaviour | None = None, **more: Any) -> Outcome:
    document = {"load": [{"users": 1, "iterations": 1}], "connection": {"protocol": protocol}, **more}
    return drive({**document, "flow": ["connect", *steps]}, behaviour or speaks(Stomp, delay_ns=10 * MS))


def commands(outcome: Outcome) -> list[str]:
    """Return the commands of the frames that a client has sent; a heart-beat is an empty one."""
    texts = (payload if isinstance(payload, str) else payload.decode() for payload in outcome.seen.payloads)
    return [text.partition("\n")[0] for text in texts]


def test_a_connection_is_open_at_connected_and_ends_with_disconnect() -> None:
    outcome = run("close", protocol={"name": "stomp", "login": "u{{ user.index }}", "passcode": "p", "heartbeat": "5s"})
    assert outcome.errors == {}
    assert commands(outcome) == ["CONNECT", "DISCONNECT"]
    assert outcome.seen.payloads[0] == (
        "CONNECT\naccept-version:1.2\nhost:/\nlogin:u0\npasscode:p\nheart-beat:5000,5000\n\n\0"
    )
    assert outcome.values("protocol_time").total == 10 * MS


def test_a_refusal_is_one_error_even_where_the_server_closes() -> None:
    def refuse(payload: Payload, number: int) -> Sequence[Action]:
        return (Say(frame("ERROR", {"message": "bad passcode"})), Leave(1000))

    assert run({"count": "never"}, behaviour=Behaviour(on_message=refuse)).errors == {"protocol.refused": 1}


def test_a_message_is_one_way_and_with_confirmed_timed_to_its_receipt() -> None:
    outcome = run(
        {"name": "sure", "send_to": {"destination": "/a", "send": {"json": {"n": 1}}, "confirmed": {"within": "1s"}}},
        {"send_to": {"destination": "/a", "send": {"binary": {"hex": "00ff"}}, "headers": {"n": "{{ user.index }}"}}},
    )
    assert outcome.errors == {}
    assert outcome.values("response_time", step="sure").total == 10 * MS
    assert (outcome.ledger.messages.answered, outcome.ledger.messages.one_way) == (1, 1)
    assert outcome.seen.payloads[2] == b"SEND\nn:0\ndestination:/a\ncontent-length:2\n\n\0\xff\0"


def test_messages_of_a_subscription_are_matched_checked_and_captured() -> None:
    outcome = run(
        {"name": "orders", "subscribe": {"destination": "/queue/a", "confirmed": {}}},
        {"send_to": {"destination": "/queue/a", "send": {"json": {"n": 1}}, "headers": {"priority": 4}}},
        {
            "wait_for": {
                "where": {"subscription": "orders", "event": "/queue/a", "envelope": {"$.headers.priority": "4"}},
                "check": {"$.n": 1},
                "capture": {"n": "$.n", "number": {"envelope": "$.headers['message-id']"}},
            }
        },
        {"log": "{{ number }} {{ n }}"},
        {"unsubscribe": "orders"},
        {"send_to": {"destination": "/queue/a", "send": "late"}},
        {"expect_none": {"for": "1s"}},
    )
    assert outcome.errors == {}
    assert [line.text for line in outcome.logs] == ["m:1 1"]
    assert outcome.values("response_time", step="orders").total == 10 * MS
    assert "ACK" not in commands(outcome)


@pytest.mark.parametrize("mode", ["client", "client-individual"])
def test_messages_are_acknowledged_as_soon_as_they_come(mode: str) -> None:
    outcome = run(
        {"subscribe": {"name": "a", "destination": "/a", "acknowledge": mode}},
        {"repeat": 3, "do": [{"send_to": {"destination": "/a", "send": "x", "confirmed": {}}}]},
        {"think": "1s"},
    )
    assert outcome.errors == {}
    assert commands(outcome).count("ACK") == 3
    assert outcome.ledger.messages.control_sent == 1 + 3 + 1  # CONNECT, ACK, DISCONNECT


@pytest.mark.parametrize("nack", [False, True])
def test_messages_are_acknowledged_by_a_step(nack: bool) -> None:
    answer = {"answer_call": {"id": "{{ ack }}", **({"nack": True} if nack else {})}}
    outcome = run(
        {"subscribe": {"name": "a", "destination": "/a", "acknowledge": "client-individual", "by_hand": True}},
        {"send_to": {"destination": "/a", "send": "x"}},
        {"wait_for": {"where": {"subscription": "a"}, "capture": {"ack": {"envelope": "$.ack"}}}},
        answer,
        {"think": "1s"},
    )
    assert outcome.errors == {}
    assert commands(outcome) == ["CONNECT", "SUBSCRIBE", "SEND", "NACK" if nack else "ACK", "DISCONNECT"]


def test_an_error_that_answers_a_frame_fails_its_step() -> None:
    private = {"subscribe": {"name": "a", "destination": "/private", "confirmed": {}}}
    assert run(private).errors == {"protocol.error": 1}


def test_subscriptions_without_confirmed_ask_for_no_receipt() -> None:
    outcome = run({"subscribe": {"name": "a", "destination": "/a"}}, {"unsubscribe": "a"}, {"think": "1s"})
    assert outcome.errors == {}
    assert (outcome.ledger.messages.one_way, outcome.ledger.messages.received) == (2, 0)


def test_an_error_that_answers_nothing_is_one_of_the_server() -> None:
    outcome = run({"answer_call": {"id": "nothing"}}, {"think": "1s"})
    assert outcome.errors == {"protocol.server_error": 1}


def test_a_subscription_waits_for_its_first_message() -> None:
    outcome = run({"name": "t", "subscribe": {"destination": "/topic/tick", "first": {"check": {"$.number": 0}}}})
    assert outcome.errors == {}
    assert outcome.values("first_message_time", step="t").total == 30 * MS


# -- heart-beats ------------------------------------------------------------------------------------------------------


def connects(heart_beat: str, *beats_ns: int) -> Behaviour:
    """Return a server that agrees on heart-beats, and sends its own at these times after CONNECTED."""

    def on_message(payload: Payload, number: int) -> Sequence[Action]:
        connected = frame("CONNECTED", {"version": "1.2", "heart-beat": heart_beat})
        return [Say(connected), *(Say("\n", at_ns) for at_ns in beats_ns)] if number == 1 else ()

    return Behaviour(on_message=on_message)


@pytest.mark.parametrize(
    ("ours", "agreed", "expected"),
    [
        # the longer time of both counts
        ("1s", "0,1000", 9),
        ("1s", "0,3000", 3),
        ("3s", "0,1000", 3),
        # a server that wants none
        ("1s", "0,0", 0),
    ],
    ids=range(4),
)
def test_our_heart_beats_go_out_as_agreed(ours: str, agreed: str, expected: int) -> None:
    outcome = run({"think": "9500ms"}, protocol={"name": "stomp", "heartbeat": ours}, behaviour=connects(agreed))
    assert outcome.errors == {}
    assert commands(outcome).count("") == outcome.ledger.messages.heartbeats_sent == expected


@pytest.mark.parametrize(
    ("agreed", "beats", "errors"),
    [
        # each in time
        ("1000,0", range(1, 10), {}),
        # none after the third second: twice the time later the connection is lost
        ("1000,0", range(1, 4), {"lost.heartbeat_timeout": 1}),
        # none ever
        ("1000,0", (), {"lost.heartbeat_timeout": 1}),
        # a server that has promised none, or fewer
        ("0,0", (), {}),
        ("9000,0", (), {}),
    ],
    ids=range(5),
)
def test_the_servers_heart_beats_are_watched(agreed: str, beats: Sequence[int], errors: dict[str, int]) -> None:
    peer = connects(agreed, *(at * S for at in beats))
    outcome = run({"think": "9500ms"}, protocol={"name": "stomp", "heartbeat": "1s"}, behaviour=peer)
    assert outcome.errors == errors
    assert outcome.ledger.messages.received == 0


def test_a_message_is_a_sign_of_life_too() -> None:
    steps = {"every": "1500ms", "for": "9s", "do": [{"send_to": {"destination": "/a", "send": "x", "confirmed": {}}}]}
    outcome = run(steps, protocol={"name": "stomp", "heartbeat": "1s"})
    assert outcome.errors == {}
    assert outcome.ledger.messages.heartbeats_received == 0


def test_what_is_no_stomp_loses_the_connection() -> None:
    peer = replace(speaks(Stomp), on_open=lambda _: [Say("HTTP/1.1 200 OK\n\n", 5 * S)])
    assert run({"think": "9s"}, behaviour=peer).errors == {"lost.malformed": 1}
