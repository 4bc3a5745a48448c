"""MQTT by its protocol file and its codec, in virtual time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from loadws.scenario.build import load_text
from loadws.scenario.yaml.explain import ScenarioError
from loadws.target.speaking.mqtt import Kind, Mqtt, packet
from loadws.transport.base import Payload
from tests.engine.drive import Outcome, drive
from tests.engine.protocols.speaking import speaks
from tests.kit.behaviour import Action, Behaviour, Leave, Say
from tests.kit.plain import MS, S


def run(*steps: Any, protocol: Any = "mqtt", behaviour: Behaviour | None = None, **more: Any) -> Outcome:
    document = {"load": [{"users": 1, "iterations": 1}], "connection": {"protocol": protocol}, **more}
    return drive({**document, "flow": ["connect", *steps]}, behaviour or speaks(Mqtt, delay_ns=10 * MS))


def kinds(outcome: Outcome) -> list[Kind]:
    """Return the types of the packets that a client has sent, each in a frame of its own."""
    return [Kind(payload[0] >> 4) for payload in outcome.seen.payloads if isinstance(payload, bytes)]


def test_a_connection_is_open_at_connack_and_ends_with_disconnect() -> None:
    outcome = run("close")
    assert outcome.errors == {}
    assert kinds(outcome) == [Kind.CONNECT, Kind.DISCONNECT]
    assert outcome.values("protocol_time").total == 10 * MS
    messages = outcome.ledger.messages
    assert (messages.control_sent, messages.control_received, messages.sent, messages.received) == (2, 1, 0, 0)


def test_a_session_that_ends_by_itself_says_disconnect_once() -> None:
    assert kinds(run({"think": "1ms"})) == [Kind.CONNECT, Kind.DISCONNECT]


def test_the_client_says_who_it_is() -> None:
    protocol = {"name": "mqtt", "client_id": "u{{ user.index }}", "username": "a", "password": "b", "heartbeat": "7s"}
    outcome = run({"think": "1ms"}, protocol=protocol)
    assert outcome.seen.payloads[0] == b"\x10\x14\0\4MQTT\4\xc2\0\x07\0\2u0\0\1a\0\1b"


@pytest.mark.parametrize(
    ("option", "kind"),
    [
        ({"client_id": "refused"}, "protocol.refused.identifier_rejected"),
        ({"username": "a", "password": "wrong"}, "protocol.refused.bad_user_name_or_password"),
    ],
    ids=["id", "password"],
)
def test_a_refusal_is_an_error_with_its_word(option: dict[str, str], kind: str) -> None:
    assert run({"count": "never"}, protocol={"name": "mqtt", **option}).errors == {kind: 1}


def test_a_server_that_refuses_and_closes_at_once_is_one_error() -> None:
    def refuse(payload: Payload, number: int) -> Sequence[Action]:
        return (Say(packet(Kind.CONNACK, b"\0\5")), Leave(1000))

    assert run({"count": "never"}, behaviour=Behaviour(on_message=refuse)).errors == {
        "protocol.refused.not_authorized": 1
    }


def test_qos_1_is_timed_to_its_acknowledgement_and_qos_0_is_one_way() -> None:
    outcome = run(
        {"name": "sure", "publish_topic": {"topic": "t", "send": {"json": {"n": 1}}, "qos": 1}},
        {"publish_topic": {"topic": "t", "send": "x", "retain": True}},
    )
    assert outcome.errors == {}
    assert outcome.values("response_time", step="sure").total == 10 * MS
    messages = outcome.ledger.messages
    assert (messages.sent, messages.answered, messages.one_way) == (2, 1, 1)
    assert list(outcome.seen.payloads)[1:3] == [b'\x32\x0c\0\1t\0\1{"n":1}', b"\x31\x04\0\1tx"]


@pytest.mark.parametrize(
    ("send", "payload"),
    [
        ("text", b"text"),
        ({"json": {"u": "{{ user.index }}"}}, b'{"u":0}'),
        ({"binary": {"hex": "00ff"}}, b"\0\xff"),
        ({"msgpack": [1]}, b"\x91\1"),
    ],
    ids=["text", "json", "binary", "msgpack"],
)
def test_a_message_has_any_form_of_the_language(send: Any, payload: bytes) -> None:
    outcome = run({"publish_topic": {"topic": "t", "send": send}})
    assert outcome.seen.payloads[1] == packet(Kind.PUBLISH, b"\0\1t" + payload)


def test_messages_belong_to_the_subscription_whose_filter_they_meet() -> None:
    outcome = run(
        {"name": "rooms", "subscribe": {"topic": "rooms/+/temperature", "qos": 1}},
        {"publish_topic": {"topic": "rooms/7/temperature", "send": {"json": {"celsius": 21}}, "qos": 1}},
        {
            "wait_for": {
                "where": {"subscription": "rooms", "event": "rooms/7/temperature"},
                "check": {"$.celsius": 21, "bytes": {"text": '{"celsius":21}'}, "envelope": {"$.qos": 1}},
                "capture": {"topic": {"envelope": "$.topic"}, "celsius": "$.celsius"},
            }
        },
        {"log": "{{ topic }}: {{ celsius }}"},
        {"unsubscribe": "rooms"},
        {"publish_topic": {"topic": "rooms/7/temperature", "send": "late", "qos": 1}},
        {"expect_none": {"for": "1s"}},
    )
    assert outcome.errors == {}
    assert [line.text for line in outcome.logs] == ["rooms/7/temperature: 21"]
    assert Kind.PUBACK in kinds(outcome)  # the server's QoS 1 is acknowledged
    assert outcome.values("response_time", step="rooms").total == 10 * MS
    assert outcome.ledger.messages.received == 5  # SUBACK, 2 PUBACK, UNSUBACK, and the message


def test_bytes_that_are_no_text_are_matched_as_bytes() -> None:
    outcome = run(
        {"subscribe": {"name": "all", "topic": "#"}},
        {"publish_topic": {"topic": "raw", "send": {"binary": {"hex": "00ff10"}}}},
        {
            "wait_for": {
                "where": {"bytes": {"at": 1, "hex": "ff"}, "text": {"exists": False}},
                "capture": {"last": {"bytes": {"at": 2, "length": 1, "as": "uint"}}},
            }
        },
        {"log": "{{ last }}"},
    )
    assert outcome.errors == {}
    assert [line.text for line in outcome.logs] == ["16"]


def test_a_subscription_that_is_not_granted_fails_the_step() -> None:
    outcome = run({"subscribe": {"name": "secret", "topic": "private", "first": {}}})
    assert outcome.errors == {"protocol.error.0x80": 1}


def test_a_subscription_waits_for_its_first_message() -> None:
    outcome = run(
        {"name": "ticks", "subscribe": {"topic": "tick", "first": {"check": {"$.number": 0}, "within": "1s"}}}
    )
    assert outcome.errors == {}
    assert outcome.values("first_message_time", step="ticks").total == 30 * MS


def test_a_handler_publishes_in_answer() -> None:
    answer = {"publish_topic": {"topic": "answers/{{ from }}", "send": "{{ message.n + 1 }}"}}
    outcome = run(
        {"subscribe": {"name": "questions", "topic": "questions/#"}},
        {"subscribe": {"name": "answers", "topic": "answers/#"}},
        {"publish_topic": {"topic": "questions/x", "send": {"json": {"n": 4}}}},
        {"wait_for": {"where": {"event": "answers/questions/x"}, "check": {"text": "5"}}},
        on={
            "message": [
                {"where": {"subscription": "questions"}, "capture": {"from": {"envelope": "$.topic"}}, "do": [answer]}
            ]
        },
    )
    assert outcome.errors == {}


def test_pings_go_out_on_time_whatever_else_flows_and_are_no_messages() -> None:
    outcome = run(
        {"every": "300ms", "for": "3900ms", "do": [{"publish_topic": {"topic": "t", "send": "x", "qos": 1}}]},
        protocol={"name": "mqtt", "heartbeat": "1s"},
    )
    assert outcome.errors == {}
    messages = outcome.ledger.messages
    assert kinds(outcome).count(Kind.PINGREQ) == messages.heartbeats_sent == 3
    assert messages.heartbeats_received == 3
    assert messages.sent == messages.answered == messages.received == 13
    assert outcome.values("ping_time", step="heartbeat").count == 3


@pytest.mark.slow
def test_a_ping_without_an_answer_loses_the_connection() -> None:
    def deaf(payload: Payload, number: int) -> Sequence[Action]:
        return (Say(packet(Kind.CONNACK, b"\0\0")),) if number == 1 else ()

    outcome = run({"think": "100s"}, behaviour=Behaviour(on_message=deaf))
    assert outcome.errors == {"lost.heartbeat_timeout": 1}


def test_packets_span_frames_and_a_frame_holds_several() -> None:
    """The server's bytes come in pieces that know nothing of packets."""
    server, chance = Mqtt(), random.Random(5)

    def on_message(payload: Payload, number: int) -> Sequence[Action]:
        said = [*server.heard(payload), *(one for each in server.take_published() for one in server.relayed(each))]
        stream, pieces = b"".join(one for one in said if isinstance(one, bytes)), []
        while stream:
            size = chance.randint(1, 9)
            pieces.append(Say(stream[:size]))
            stream = stream[size:]
        return pieces

    publish = {"publish_topic": {"topic": "t/{{ n }}", "send": {"json": {"n": "{{ n }}"}}, "qos": 1}}
    outcome = run(
        {"subscribe": {"name": "all", "topic": "t/#", "qos": 1}},
        {
            "repeat": 20,
            "do": [
                {"set": {"n": "{{ id() }}"}},
                publish,
                {"wait_for": {"where": {"subscription": "all", "$.n": "{{ n }}"}}},
            ],
        },
        behaviour=Behaviour(on_message=on_message),
    )
    assert outcome.errors == {}
    assert kinds(outcome).count(Kind.PUBACK) == 20


@pytest.mark.parametrize("broken", ["text", b"\x34\x05\0\1a\0\1"], ids=["text", "qos 2"])
def test_bytes_that_are_no_mqtt_lose_the_connection(broken: Payload) -> None:
    peer = replace(speaks(Mqtt), on_open=lambda _: [Say(broken, 5 * S)])
    assert run({"think": "10s"}, behaviour=peer).errors == {"lost.malformed": 1}


def test_an_argument_that_mqtt_cannot_say_fails_the_step() -> None:
    outcome = run({"publish_topic": {"topic": "a/{{ '#' }}", "send": "x"}})
    assert outcome.errors == {"template": 1}


def told(step: str, protocol: str = "mqtt") -> str:
    head = f"target: ws://127.0.0.1:1\nconnection: {{protocol: {protocol}}}\nload: [{{users: 1, for: 1s}}]\n"
    text = f"{head}flow:\n  - connect\n  - {step}\n"
    with pytest.raises(ScenarioError) as raised:
        load_text(text, Path("s.yaml"), env={})
    return str(raised.value.problems[0])


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        # QoS 2
        (
            "publish_topic: {topic: a, send: x, qos: 2}",
            "QoS 2 is not spoken; write 0 (at most once) or 1 (at least once)",
        ),
        ("subscribe: {name: a, topic: a, qos: 2}", "MQTT 3.1.1 has 'qos' as 0 or 1, and this is 2"),
        # a confirmation that never comes
        (
            "publish_topic: {topic: a, send: x, confirmed: {}}",
            "nothing confirms a message of QoS 0: add qos: 1, or leave out confirmed",
        ),
        # no topic, no message
        ("publish_topic: {send: x}", "missing key 'topic'"),
        ("publish_topic: {topic: a}", "missing key 'send'"),
        # what no packet can say
        ("publish_topic: {topic: a/#, send: x}", "topic names one topic, without + and #"),
        ("subscribe: {name: a, topic: a/#/b}", "topic is a filter as sensors/+/state or sensors/#"),
        # another protocol's verb
        ("send_to: {destination: a, send: x}", "MQTT 3.1.1 has no 'send_to'"),
    ],
    ids=range(8),
)
def test_what_is_wrong_is_told_before_the_run(step: str, expected: str) -> None:
    assert expected in told(step)


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ("{name: mqtt, password: x}", "a password needs a username"),
        ("{name: mqtt, clean_session: false}", "clean_session: false needs a client_id"),
        ("{name: mqtt, will: {topic: a/+}}", "will.topic names one topic, without + and #"),
        ("{name: mqtt, keep_alive: 5}", "the protocol 'mqtt' has no option 'keep_alive'"),
    ],
    ids=range(4),
)
def test_a_wrong_option_is_told_before_the_run(protocol: str, expected: str) -> None:
    assert expected in told("close", protocol)
