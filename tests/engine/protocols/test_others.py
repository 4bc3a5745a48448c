"""Each protocol by its file, against a server from its specification, in virtual time: the same questions to all."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from loadws.scenario.protocol.find_protocol import built_in
from loadws.target.speaking.servers import TALKS
from loadws.target.speaking.talk import Talk
from loadws.transport.base import Payload
from tests.engine.drive import Outcome, drive
from tests.engine.protocols.speaking import speaks
from tests.kit.behaviour import Action, Behaviour, Say, silent
from tests.kit.plain import MS, S


def run(protocol: Any, *steps: Any, behaviour: Behaviour | None = None, **more: Any) -> Outcome:
    name = protocol if isinstance(protocol, str) else protocol["name"]
    document = {"load": [{"users": 1, "iterations": 1}], "connection": {"protocol": protocol}, **more}
    return drive({**document, "flow": ["connect", *steps]}, behaviour or speaks(TALKS[name], delay_ns=10 * MS))


#: One session that may take its time.
LONG: dict[str, Any] = {"load": [{"arrivals": "1/s", "for": "1s", "spacing": "uniform"}], "graceful_stop": "200s"}


def sent(outcome: Outcome) -> list[Any]:
    return [json.loads(str(payload).rstrip("\x1e")) for payload in outcome.seen.payloads]


#: A call of each protocol that is answered, one that is an error with the kind of it, and what subscribes.
CALLS: dict[str, tuple[Any, Any, str]] = {
    "json-rpc": (
        {"method": "add", "params": [2, 3], "reply": {"check": {"$": 5}}},
        {"method": "nothing"},
        "protocol.error.-32601",
    ),
    "graphql-transport-ws": (
        {"query": "{ hello }", "variables": {"a": 1}, "reply": {"check": {"$.data.hello.a": 1}}},
        {"query": "{"},
        "protocol.error",
    ),
    "graphql-ws": (
        {"query": "{ hello }", "reply": {"check": {"$.data.hello": "world"}}},
        {"query": "{ broken }"},
        "protocol.error",
    ),
    "centrifugo": (
        {"command": "rpc", "params": {"method": "add", "data": [2, 3]}, "reply": {"check": {"$.rpc.data": 5}}},
        {"command": "nothing"},
        "protocol.error.104",
    ),
    "signalr": (
        {"method": "add", "arguments": [2, 3], "reply": {"check": {"$": 5}}},
        {"method": "nothing"},
        "protocol.error",
    ),
    "ocpp1.6": (
        {"method": "Heartbeat", "reply": {"check": {"$.currentTime": {"exists": True}}}},
        {"method": "Nothing"},
        "protocol.error.NotImplemented",
    ),
    "ocpp2.0.1": ({"method": "BootNotification"}, {"method": "Nothing"}, "protocol.error.NotImplemented"),
}
SUBSCRIPTIONS: dict[str, tuple[Any, Any, Any]] = {
    "json-rpc": ({"method": "subscribe"}, {"$.number": 0}, {"method": "unsubscribe"}),
    "graphql-transport-ws": ({"query": "subscription { tick }"}, {"$.data.tick": 0}, {}),
    "graphql-ws": ({"query": "subscription { tick }"}, {"$.data.tick": 0}, {}),
    "phoenix": ({"topic": "room:1"}, {"$.number": 0}, {}),
    "action-cable": ({"identifier": {"channel": "Chat", "room": 1}}, {"$.tick": 0}, {}),
    "pusher": ({"channel": "room"}, {"$.number": 0}, {}),
    "centrifugo": ({"channel": "room"}, {"$.tick": 0}, {}),
    "signalr": ({"method": "ticks"}, {"$": 0}, {}),
}
#: Subscriptions that are refused: what is asked for, and the kind of error.
REFUSED: dict[str, tuple[Any, str]] = {
    "graphql-transport-ws": ({"query": "subscription"[:-1]}, "protocol.error"),
    "phoenix": ({"topic": "private"}, "protocol.error"),
    "action-cable": ({"identifier": {"channel": "PrivateChannel"}}, "protocol.error"),
    "pusher": ({"channel": "private-room"}, "protocol.error.401"),
    "centrifugo": ({"channel": "private"}, "protocol.error.103"),
    "signalr": ({"method": "nothing"}, "protocol.error"),
}


def test_no_protocol_is_forgotten() -> None:
    assert sorted(TALKS.keys() - {"voice"}) == list(built_in())  # voice is events and no protocol
    assert sorted({*CALLS, *SUBSCRIPTIONS, "socket.io", "mqtt", "stomp"}) == list(built_in())


@pytest.mark.parametrize("protocol", CALLS)
def test_a_call_is_answered_and_an_error_is_one(protocol: str) -> None:
    answered, wrong, kind = CALLS[protocol]
    outcome = run(protocol, {"call_method": answered}, {"think": "100ms"})
    assert outcome.errors == {}
    messages = outcome.ledger.messages
    assert (messages.answered, messages.late, messages.duplicate) == (1, 0, 0)
    assert outcome.values("response_time").total == 10 * MS

    outcome = run(protocol, {"call_method": wrong}, {"think": "100ms"})
    assert outcome.errors == {kind: 1}
    assert outcome.failed("request") == (1, 1)


@pytest.mark.parametrize("protocol", SUBSCRIPTIONS)
def test_a_subscription_begins_is_delivered_and_ends(protocol: str) -> None:
    subscribe, first, unsubscribe = SUBSCRIPTIONS[protocol]
    outcome = run(
        protocol,
        {"name": "room", "subscribe": {**subscribe, "first": {"check": first, "within": "1s"}}},
        {"wait_for": {"where": {"subscription": "room"}, "count": 2}},
        {"unsubscribe": {"subscription": "room", **unsubscribe}},
        {"expect_none": {"where": {"subscription": "room"}, "for": "1s"}},
    )
    assert outcome.errors == {}
    assert outcome.values("first_message_time", step="room").count == 1
    assert outcome.ledger.messages.unclaimed == 0


@pytest.mark.parametrize("protocol", REFUSED)
def test_a_subscription_that_is_refused_fails_once(protocol: str) -> None:
    subscribe, kind = REFUSED[protocol]
    outcome = run(protocol, {"subscribe": {**subscribe, "first": {"within": "1s"}}})
    assert outcome.errors == {kind: 1}
    assert sum(outcome.failed(tried)[0] for tried in ("request", "wait_for")) == 1


# -- opening ----------------------------------------------------------------------------------------------------------

OPENING = ["action-cable", "centrifugo", "graphql-transport-ws", "graphql-ws", "pusher", "signalr", "socket.io"]


def late(talk: Callable[[], Talk], delay_ns: int) -> Behaviour:
    """A server that says everything later, what it says first too."""
    server = talk()

    def on_message(payload: Payload, number: int) -> Sequence[Action]:
        return [Say(text, delay_ns) for text in server.answers(str(payload))]

    return Behaviour(on_open=lambda _: [Say(text, delay_ns) for text in server.opened()], on_message=on_message)


@pytest.mark.parametrize("protocol", OPENING)
def test_connecting_is_done_when_the_protocol_says_so(protocol: str) -> None:
    outcome = run(protocol, {"think": "1ms"}, behaviour=late(TALKS[protocol], 30 * MS))
    assert outcome.errors == {}
    assert outcome.values("protocol_time").total == 30 * MS
    assert outcome.values("connect_time").total == 30 * MS
    messages = outcome.ledger.messages
    assert (messages.sent, messages.received, messages.control_received) == (0, 0, 2 if protocol == "socket.io" else 1)


@pytest.mark.parametrize("protocol", OPENING)
def test_a_protocol_that_does_not_open_fails_the_connect(protocol: str) -> None:
    outcome = run(protocol, {"count": "never"}, behaviour=silent())
    assert outcome.errors == {"protocol.timeout": 1}
    assert outcome.failed("connect") == (1, 1)
    assert outcome.count("never") == 0
    assert outcome.values("connect_time").count == 0


@pytest.mark.parametrize(
    ("protocol", "says"),
    [
        ("action-cable", '{"type":"disconnect","reason":"unauthorized"}'),
        ("centrifugo", '{"id":1,"error":{"code":109,"message":"token expired"}}'),
        ("graphql-ws", '{"type":"connection_error","payload":{"message":"no"}}'),
        ("pusher", '{"event":"pusher:error","data":{"code":4001,"message":"no app"}}'),
        ("signalr", '{"error":"wrong version"}\x1e'),
        ("socket.io", '44{"message":"not allowed"}'),
    ],
)
def test_a_protocol_that_is_refused_says_why(protocol: str, says: str) -> None:
    outcome = run(protocol, {"count": "never"}, behaviour=Behaviour(on_open=lambda _: [Say(says)]))
    assert outcome.errors == {"protocol.refused": 1}
    assert outcome.failed("connect") == (1, 1)


def test_what_the_server_says_first_can_be_captured() -> None:
    outcome = run({"name": "pusher", "capture": {"socket": "$.socket_id"}}, {"log": "{{ socket }}"})
    assert outcome.errors == {}
    assert [line.text for line in outcome.logs] == ["1.1"]

    outcome = run({"name": "pusher", "capture": {"socket": "$.nothing"}})
    assert outcome.errors == {"capture": 1}


def test_options_of_a_protocol_are_sent_when_it_opens() -> None:
    outcome = run({"name": "centrifugo", "token": "t{{ user.index }}"}, {"think": "1ms"})
    assert sent(outcome)[0] == {"id": 1, "connect": {"token": "t0", "name": "loadws"}}


# -- heartbeats -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("protocol", "every_s", "count"), [("phoenix", 30, 3), ("signalr", 15, 6), ("pusher", 120, 0)])
def test_heartbeats_go_out_on_time_and_are_no_messages(protocol: str, every_s: int, count: int) -> None:
    outcome = run(protocol, {"think": "100s"}, **LONG)
    messages = outcome.ledger.messages
    assert outcome.errors == {}
    assert messages.heartbeats_sent == count == 100 // every_s
    assert (messages.sent, messages.received, messages.unclaimed) == (0, 0, 0)
    if protocol == "phoenix":
        assert messages.heartbeats_received == count
        assert outcome.values("ping_time", step="heartbeat").total == count * 10 * MS


def test_the_time_between_heartbeats_is_the_scenario_s_to_say() -> None:
    outcome = run({"name": "phoenix", "heartbeat": "1s"}, {"think": "5500ms"})
    assert outcome.ledger.messages.heartbeats_sent == 5


def test_heartbeats_go_out_while_a_call_waits_and_messages_flow() -> None:
    calls = {
        "every": "100ms",
        "for": "5s",
        "do": [{"call_method": {"topic": "a", "event": "e"}, "on_failure": "continue"}],
    }
    outcome = run({"name": "phoenix", "heartbeat": "1s"}, calls, **LONG)
    assert outcome.ledger.messages.heartbeats_sent in (4, 5)
    assert outcome.ledger.messages.answered == 50


@pytest.mark.slow
def test_a_heartbeat_without_answer_loses_the_connection() -> None:
    outcome = run("phoenix", {"think": "100s"}, behaviour=silent(), **LONG)
    assert outcome.errors == {"lost.heartbeat_timeout": 1}
    assert outcome.ledger.connections.lost == 1
    assert outcome.ledger.messages.heartbeats_sent == 1  # after 30 s; when the next is due, this one has no answer


@pytest.mark.parametrize(
    ("protocol", "heartbeat", "answer"),
    [
        ("graphql-transport-ws", '{"type":"ping"}', {"type": "pong"}),
        ("graphql-ws", '{"type":"ka"}', None),
        ("action-cable", '{"type":"ping","message":1}', None),
        ("pusher", '{"event":"pusher:ping","data":{}}', {"event": "pusher:pong", "data": {}}),
        ("centrifugo", "{}", {}),
        ("signalr", '{"type":6}\x1e', None),
        ("socket.io", "2", 3),
    ],
)
def test_the_server_s_heartbeats_are_answered_at_once(protocol: str, heartbeat: str, answer: Any) -> None:
    server = speaks(TALKS[protocol])
    peer = Behaviour(on_open=lambda n: [*server.on_open(n), Say(heartbeat, 1 * S)], on_message=server.on_message)
    outcome = run(protocol, {"think": "3s"}, behaviour=peer, **LONG)
    messages = outcome.ledger.messages
    assert outcome.errors == {}
    assert messages.heartbeats_received == (2 if protocol == "graphql-ws" else 1)  # which begins with one
    assert (messages.received, messages.unclaimed) == (0, 0)
    assert messages.heartbeats_sent == (answer is not None)
    assert answer is None or sent(outcome)[-1] == answer


# -- each protocol's own ----------------------------------------------------------------------------------------------


def test_phoenix_calls_an_event_of_a_topic_that_was_joined() -> None:
    outcome = run(
        "phoenix",
        {"subscribe": {"topic": "room:1", "confirmed": {"check": {"$.joined": "room:1"}}}},
        {
            "call_method": {
                "topic": "room:1",
                "event": "add",
                "payload": {"numbers": [1, 2]},
                "reply": {"check": {"$.result": 3}},
            }
        },
        {"wait_for": {"where": {"event": "tick", "$.number": 1}}},
    )
    assert outcome.errors == {}
    assert outcome.seen.urls[0].endswith("?vsn=2.0.0")
    assert sent(outcome)[0][2:] == ["room:1", "phx_join", {}]


def test_action_cable_sends_identifiers_and_data_as_json_in_text() -> None:
    chat = {"channel": "Chat", "room": "{{ user.index }}"}
    outcome = run(
        "action-cable",
        {"name": "chat", "subscribe": {"identifier": chat}},
        {"notify": {"identifier": chat, "data": {"action": "speak", "text": "hi"}}},
        {"wait_for": {"where": {"subscription": "chat", "$.text": "hi"}}},
    )
    assert outcome.errors == {}
    assert sent(outcome)[1] == {
        "command": "message",
        "identifier": '{"channel":"Chat","room":0}',
        "data": '{"action":"speak","text":"hi"}',
    }


def test_pusher_s_data_is_json_in_a_text_and_a_client_event_comes_back() -> None:
    outcome = run(
        "pusher",
        {"name": "room", "subscribe": {"channel": "private-a", "auth": "x"}},
        {"notify": {"channel": "private-a", "event": "client-say", "data": {"n": 1}}},
        {"wait_for": {"where": {"event": "client-say", "$.n": 1}}},
    )
    assert outcome.errors == {}


def test_signalr_answers_an_invocation_of_the_server() -> None:
    answer = {"answer_call": {"id": "{{ message.id }}", "result": "hi {{ message.arguments[0] }}"}}
    outcome = run(
        "signalr",
        {"call_method": {"method": "call_me", "reply": {"check": {"$": "hi loadws"}}}},
        on={"message": [{"where": {"event": "hello"}, "do": [answer]}]},
    )
    assert outcome.errors == {}


def test_several_records_of_a_frame_are_several_messages() -> None:
    records = '{"type":1,"target":"a","arguments":[1]}\x1e{"type":6}\x1e{"type":1,"target":"b","arguments":[2]}\x1e'
    peer = Behaviour(on_open=lambda _: [Say("{}\x1e"), Say(records, 1 * MS)])
    outcome = run("signalr", {"wait_for": {"where": {"event": "b", "$.arguments[0]": 2}}}, behaviour=peer)
    assert outcome.errors == {}
    messages = outcome.ledger.messages
    assert (messages.received, messages.heartbeats_received) == (2, 1)


def test_ocpp_answers_the_calls_of_the_central_system() -> None:
    answer = {"answer_call": {"id": "{{ message.id }}", "result": {"status": "Accepted"}}}
    outcome = run(
        "ocpp1.6",
        {"call_method": {"method": "BootNotification", "params": {"chargePointModel": "m"}}},
        {"think": "10ms"},
        {"call_method": {"method": "DataTransfer", "reply": {"check": {"$.data.status": "Accepted"}}}},
        on={"message": [{"where": {"event": "TriggerMessage"}, "do": [answer]}]},
    )
    assert outcome.errors == {}
    assert sent(outcome)[1] == [3, "server-1", {"status": "Accepted"}]


def test_ocpp_may_answer_with_an_error() -> None:
    answer = {"answer_call": {"id": "{{ message.id }}", "error": "NotSupported", "description": "no"}}
    on = {"message": [{"where": {"event": "TriggerMessage"}, "do": [answer]}]}
    outcome = run("ocpp1.6", {"call_method": {"method": "BootNotification"}}, {"think": "10ms"}, on=on)
    assert sent(outcome)[1] == [4, "server-1", "NotSupported", "no", {}]


def test_ocpp_has_one_call_under_way_and_the_next_one_waits_for_it() -> None:
    def on_message(payload: Payload, number: int) -> Sequence[Action]:
        return [Say(json.dumps([3, json.loads(str(payload))[1], {}]), 100 * MS)]

    calls = [[{"call_method": {"method": "Heartbeat"}}] for _ in range(3)]
    outcome = run("ocpp2.0.1", {"parallel": calls}, behaviour=Behaviour(on_message=on_message))
    assert outcome.errors == {}
    service, response = outcome.values("service_time"), outcome.values("response_time")
    assert (service.least, service.greatest) == (100 * MS, 100 * MS)
    assert (response.least, response.greatest) == (100 * MS, 300 * MS)
    assert outcome.values("send_lag").greatest == 0


def test_a_call_whose_turn_does_not_come_times_out() -> None:
    call = {"call_method": {"method": "Heartbeat", "reply": {"within": "50ms"}}, "on_failure": "continue"}
    outcome = run("ocpp1.6", {"parallel": [[call], [call]]}, behaviour=silent())
    assert outcome.errors == {"timeout": 2}
    assert outcome.ledger.messages.sent in (1, 2)
