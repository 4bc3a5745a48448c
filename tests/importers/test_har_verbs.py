"""Sockets of a protocol that loadws speaks: their messages become its verbs, which do what the page did."""

from __future__ import annotations

import functools
import json
from io import StringIO
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from loadws.importers.notes import Imported
from loadws.target.speaking.servers import TALKS
from tests.engine.drive import Outcome, drive
from tests.engine.protocols.speaking import speaks
from tests.importers.har_files import (
    RECEIVED,
    SENT,
    exchange,
    flow_of,
    header,
    imported,
    loaded,
    message,
    notes_of,
    socket,
)
from tests.importers.test_har_protocols import FLOWS, recorded
from tests.kit.plain import MS

SOCKET_IO = "ws://127.0.0.1:8766/socket.io/?EIO=4&transport=websocket"


def run(scenario: Imported, protocol: str) -> Outcome:
    """Run what was imported against the target's server of the protocol, in virtual time."""
    loaded(scenario)
    document = YAML(typ="safe", pure=True).load(StringIO(scenario.text))
    kept = {key: document[key] for key in ("connection", "flow", "users", "on", "load") if key in document}
    return drive(kept, speaks(TALKS[protocol], delay_ns=MS, ticks=0))


def connection(scenario: Imported) -> str:
    """The line that names the protocol."""
    return next(line for line in scenario.text.splitlines() if line.startswith("connection:"))


@pytest.mark.slow
@pytest.mark.parametrize("protocol", FLOWS)
def test_what_was_sent_is_sent_again(protocol: str) -> None:
    """The verbs of an import send what the recording has, so that an import of their own recording says the same."""
    found = imported(recorded(protocol, FLOWS[protocol][0]))
    outcome = run(found, protocol)
    assert outcome.errors == {}
    document = YAML(typ="safe", pure=True).load(StringIO(found.text))
    again = imported(recorded(protocol, [step for step in document["flow"] if _is_of(step, protocol)]))
    assert connection(again) == connection(found)
    assert [_verbs(flow_of(again))] == [_verbs(flow_of(found))]


def _is_of(step: Any, protocol: str) -> bool:
    return isinstance(step, dict) and not step.keys() & {"connect", "wait_for"}


def _verbs(flow: str) -> list[str]:
    steps = [line.strip() for line in flow.splitlines()]
    return [step for step in steps if step.startswith("- ") and not step.startswith(("- think", "- connect", "- wait"))]


# -- Socket.IO, as browsers speak it


def test_a_session_that_moved_from_requests_to_a_websocket_is_opened_on_the_websocket() -> None:
    session = "http://127.0.0.1:8766/socket.io/?EIO=4&transport=polling&t=abc&sid=s1"
    auth = {"token": "hunter2-hunter2-hunter2"}
    found = imported(
        exchange("POST", session, "40/chat," + json.dumps(auth), "ok", mime="text/plain"),
        exchange("GET", session, None, '40/chat,{"sid":"s2"}\x1e42/chat,["welcome"]'),
        exchange("GET", session, None, "6"),
        exchange("POST", "http://127.0.0.1:8766/socket.io/?EIO=4&sid=other", "42[1]", "ok"),
        socket(
            message(SENT, 0, "2probe"),
            message(RECEIVED, 0, "3probe"),
            message(SENT, 0, "5"),
            message(RECEIVED, 1, "2"),
            message(SENT, 1, "3"),
            message(SENT, 2, '42/chat,["join","lobby"]'),
            message(SENT, 3, '42/chat,7["add",1,2]'),
            message(RECEIVED, 3.1, "43/chat,7[3]"),
            message(SENT, 3.2, "41/chat,"),
            url=f"{SOCKET_IO}&sid=s1&room=a",
        ),
    )
    assert connection(found) == (
        'connection: {protocol: {name: socket.io, namespace: /chat, auth: {token: "{{ token }}"}}}'
    )
    assert flow_of(found) == (
        """\
  - connect: {path: "/socket.io/?room=a"}
  - wait_for: {event: welcome}
  - think: 7s
  - emit: {name: join, event: join, args: [lobby]}
  - think: 1s
  - emit: {name: add, event: add, args: [1, 2], ack: {}}
  - close
"""
    )
    assert not [note for note in found.notes if note.is_loss]
    assert "hunter2" not in found.text


def test_binary_arguments_are_bytes() -> None:
    found = imported(
        socket(
            message(SENT, 0, "40"),
            message(SENT, 0, '451-1["blob",{"_placeholder":true,"num":0}]'),
            message(SENT, 0, b"\x01\x02"),
            message(RECEIVED, 0.1, '461-1[{"_placeholder":true,"num":0}]'),
            message(RECEIVED, 0.1, b"\x01"),
            url=SOCKET_IO,
        )
    )
    assert """emit: {name: blob, event: blob, args: ["{{ 'AQI=' | frombase64 }}"], ack: {}}""" in flow_of(found)


def test_a_call_of_the_servers_is_answered_with_its_id() -> None:
    found = imported(
        socket(
            message(SENT, 0, "40"),
            message(RECEIVED, 1, '4217["hello","you"]'),
            message(SENT, 1.05, '4317["hi"]'),
            url=SOCKET_IO,
        )
    )
    assert "wait_for: {where: {event: hello, $.id: {exists: true}}, capture: {id_1: $.id}}" in flow_of(found)
    assert 'answer_call: {id: "{{ id_1 }}", args: [hi]}' in flow_of(found)


def test_another_namespace_stays_as_it_is() -> None:
    """A connection of a scenario has one."""
    found = imported(
        socket(message(SENT, 0, "40"), message(SENT, 1, "40/b,"), message(SENT, 2, '42/b,["x"]'), url=SOCKET_IO)
    )
    assert '- send: "40/b,"' in flow_of(found)
    assert """42/b,[\\"x\\"]""" in flow_of(found)
    assert "2 of those sent stayed as they were" in notes_of(found)[0]


# -- what the clients of these protocols send in browsers

_CLIENTS: dict[str, tuple[list[tuple[str, str]], str, str]] = {
    "phoenix 1.8": (
        [
            (SENT, '["3","3","room:lobby","phx_join",{"who":"me"}]'),
            (RECEIVED, '["3","3","room:lobby","phx_reply",{"status":"ok","response":{}}]'),
            (SENT, '["3","5","room:lobby","add",{"numbers":[1,3]}]'),
            (RECEIVED, '["3","5","room:lobby","phx_reply",{"status":"ok","response":{"result":4}}]'),
            (SENT, '[null,"6","phoenix","heartbeat",{}]'),
            (RECEIVED, '[null,"6","phoenix","phx_reply",{"status":"ok","response":{}}]'),
        ],
        "ws://127.0.0.1:8766/socket/websocket?vsn=2.0.0",
        """\
  - connect: {path: /socket/websocket}
  - subscribe: {name: "room:lobby", topic: "room:lobby", payload: {who: me}}
  - call_method: {name: add, topic: "room:lobby", event: add, payload: {numbers: [1, 3]}}
  - close
""",
    ),
    "centrifuge-js 5": (
        [
            (SENT, '{"connect":{"name":"js"},"id":1}'),
            (RECEIVED, '{"id":1,"connect":{"client":"c1","ping":25,"pong":true}}'),
            (SENT, '{"subscribe":{"channel":"news","flag":1},"id":2}'),
            (RECEIVED, '{"id":2,"subscribe":{}}'),
            (RECEIVED, "{}"),
            (SENT, "{}"),
            (SENT, '{"unsubscribe":{"channel":"news"},"id":3}'),
            (RECEIVED, '{"id":3,"unsubscribe":{}}'),
        ],
        "ws://127.0.0.1:8766/connection/websocket",
        """\
  - connect: {path: /connection/websocket}
  - subscribe: {name: news, channel: news, flag: 1}
  - unsubscribe: news
  - close
""",
    ),
    "signalr 9": (
        [
            (SENT, '{"protocol":"json","version":1}\x1e'),
            (RECEIVED, "{}\x1e"),
            (SENT, '{"arguments":[2,3],"invocationId":"0","target":"add","type":1}\x1e'),
            (RECEIVED, '{"type":3,"invocationId":"0","result":5}\x1e'),
            (SENT, '{"arguments":[1],"target":"seen","type":1}\x1e'),
            (SENT, '{"type":6}\x1e'),
            (SENT, '{"type":7}\x1e'),
        ],
        "ws://127.0.0.1:8766/hub?id=connection-token",
        """\
  - connect: {path: /hub}
  - call_method: {name: add, method: add, arguments: [2, 3]}
  - notify: {method: seen, arguments: [1]}
  - close
""",
    ),
    "pusher-js 8": (
        [
            (RECEIVED, '{"event":"pusher:connection_established","data":"{\\"socket_id\\":\\"1.1\\"}"}'),
            (SENT, '{"event":"pusher:subscribe","data":{"auth":"","channel":"room"}}'),
            (RECEIVED, '{"event":"pusher_internal:subscription_succeeded","channel":"room","data":"{}"}'),
            (SENT, '{"event":"pusher:ping","data":{}}'),
            (RECEIVED, '{"event":"pusher:pong","data":"{}"}'),
            (SENT, '{"event":"pusher:unsubscribe","data":{"channel":"room"}}'),
        ],
        "ws://127.0.0.1:8766/app/key?protocol=7&client=js&version=8.4.0",
        """\
  - connect: {path: /app/key}
  - subscribe: {name: room, channel: room, auth: ""}
  - unsubscribe: room
  - close
""",
    ),
    "graphql-ws 6": (
        [
            (SENT, '{"type":"connection_init"}'),
            (RECEIVED, '{"type":"connection_ack"}'),
            (SENT, '{"id":"9d2c1a","type":"subscribe","payload":{"query":"{ a }","extensions":{"b":1}}}'),
            (RECEIVED, '{"id":"9d2c1a","type":"next","payload":{"data":{"a":1}}}'),
            (RECEIVED, '{"id":"9d2c1a","type":"complete"}'),
        ],
        "ws://127.0.0.1:8766/graphql",
        """\
  - connect: {path: /graphql}
  - call_method: {query: "{ a }", extensions: {b: 1}}
  - close
""",
    ),
}


@pytest.mark.parametrize("client", _CLIENTS)
def test_what_a_client_sends_is_understood(client: str) -> None:
    said, url, flow = _CLIENTS[client]
    found = imported(socket(*(message(kind, number / 100, text) for number, (kind, text) in enumerate(said)), url=url))
    assert flow_of(found) == flow
    assert [note.text for note in found.notes if note.is_loss] == []
    assert "stayed as they were" not in " ".join(notes_of(found))


# -- values


def test_a_value_of_an_answer_is_captured_from_what_it_carries() -> None:
    rpc = {"jsonrpc": "2.0"}
    found = imported(
        socket(
            message(SENT, 0, {**rpc, "id": 1, "method": "open", "params": {"name": "a"}}),
            message(RECEIVED, 0.1, {**rpc, "id": 1, "result": {"roomId": "r-8812-x"}}),
            message(RECEIVED, 0.2, {**rpc, "method": "ready", "params": {"ticket": "t-5512-y"}}),
            message(
                SENT, 0.3, {**rpc, "id": 2, "method": "join", "params": {"roomId": "r-8812-x", "ticket": "t-5512-y"}}
            ),
            message(RECEIVED, 0.4, {**rpc, "id": 2, "error": {"code": -32000, "message": "full"}}),
        )
    )
    flow = flow_of(found)
    assert "params: {name: a}, reply: {capture: {room_id: $.roomId}}" in flow
    assert (
        "wait_for: {where: {event: ready, $.params.ticket: {exists: true}}, capture: {ticket: $.params.ticket}}" in flow
    )
    assert 'params: {roomId: "{{ room_id }}", ticket: "{{ ticket }}"}' in flow
    assert "reply: {error: {$: {exists: true}}}" in flow


def test_what_the_server_greets_with_is_captured_where_the_connection_opens() -> None:
    found = imported(
        socket(
            message(RECEIVED, 0, {"event": "pusher:connection_established", "data": '{"socket_id":"123.456789"}'}),
            message(SENT, 1, {"event": "client-hi", "channel": "private-a", "data": {"socket_id": "123.456789"}}),
        )
    )
    assert connection(found) == "connection: {protocol: {name: pusher, capture: {socket_id: $.socket_id}}}"
    assert 'data: {socket_id: "{{ socket_id }}"}' in flow_of(found)


def test_users_that_open_otherwise_set_that_first() -> None:
    def user(team: str) -> dict[str, Any]:
        return socket(
            message(SENT, 0, {"type": "connection_init", "payload": {"team": team}}),
            message(RECEIVED, 0.1, {"type": "connection_ack"}),
            message(SENT, 1, {"id": "1", "type": "subscribe", "payload": {"query": "{ a }", "extensions": {}}}),
            message(RECEIVED, 1.1, {"id": "1", "type": "next", "payload": {"data": {"a": 1}}}),
        )

    found = imported(user("red"), user("blue"))
    loaded(found)
    assert connection(found) == (
        'connection: {protocol: {name: graphql-transport-ws, payload: "{{ protocol_payload }}"}}'
    )
    assert found.text.count("set: {protocol_payload: {team: ") == 2
    assert "protocol_payload" not in imported(user("red"), user("red")).text


def test_a_subscription_whose_messages_come_by_the_key_of_its_answer() -> None:
    rpc = {"jsonrpc": "2.0"}
    told = {**rpc, "method": "news", "params": {"subscription": "0xab12", "result": 1}}
    found = imported(
        socket(
            message(SENT, 0, {**rpc, "id": 1, "method": "eth_subscribe", "params": ["newHeads"]}),
            message(RECEIVED, 0.1, {**rpc, "id": 1, "result": "0xab12"}),
            message(RECEIVED, 1, told),
            message(RECEIVED, 2, told),
            message(SENT, 3, {**rpc, "id": 2, "method": "eth_unsubscribe", "params": ["0xab12"]}),
            message(RECEIVED, 3.1, {**rpc, "id": 2, "result": True}),
        )
    )
    flow = flow_of(found)
    assert "- subscribe: {name: eth_subscribe, method: eth_subscribe, params: [newHeads]" in flow
    assert "- unsubscribe: {subscription: eth_subscribe, method: eth_unsubscribe}" in flow


# -- what stays, and what is left out


def test_what_its_file_does_not_know_stays_as_it_is() -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "a"}
    answer = message(RECEIVED, 0.1, {"jsonrpc": "2.0", "id": 1, "result": 1})
    batch = [call, {**call, "id": 2}]
    found = imported(
        socket(
            message(SENT, 0, call),
            answer,
            message(SENT, 1, {"hello": 1}),
            message(SENT, 2, "no JSON"),
            message(SENT, 3, batch),
        )
    )
    flow = flow_of(found)
    assert "call_method: {name: a, method: a}" in flow
    assert "send: {json: {hello: 1}}" in flow
    assert "send: no JSON" in flow
    assert '- {jsonrpc: "2.0", id: 2, method: a}' in flow


def test_a_call_that_nothing_answered_is_left_out() -> None:
    """Its step would wait for an answer, and an answer to the id of the recording would be another's."""
    rows = [{"jsonrpc": "2.0", "id": number, "method": "a"} for number in (1, 2)]
    answered = message(RECEIVED, 0.1, {"jsonrpc": "2.0", "id": 1, "result": 1})
    found = imported(socket(message(SENT, 0, rows[0]), answered, message(SENT, 1, rows[1])))
    assert flow_of(found).count("call_method") == 1
    (lost,) = [note.text for note in found.notes if note.is_loss]
    assert lost == "this message was left out: nothing answered it in the recording, and its step would wait"


def test_another_version_and_several_protocols_stay_as_they_are() -> None:
    join = message(SENT, 0, {"topic": "r", "event": "phx_join", "payload": {}, "ref": "1"})
    found = imported(socket(join, url="ws://127.0.0.1:8766/socket/websocket?vsn=1.0.0"))
    assert "\nconnection:" not in found.text
    call = message(SENT, 0, {"jsonrpc": "2.0", "id": 1, "method": "a"})
    graphql = socket(message(SENT, 0, {"type": "connection_init"}))
    found = imported(socket(call), graphql)
    assert "\nconnection:" not in found.text
    assert any("different protocols" in note for note in notes_of(found))


def test_packets_of_mqtt_and_stomp_stay_as_they_are() -> None:
    found = imported(socket(message(SENT, 1, b"\x10\x00"), answer_headers=[header("Sec-WebSocket-Protocol", "mqtt")]))
    assert "binary: {base64: " in flow_of(found)


def test_frames_stay_as_they_are_where_that_is_asked_for() -> None:
    entry = recorded("json-rpc", FLOWS["json-rpc"][0])
    assert "- request:" in flow_of(imported(entry, raw_frames=True))
    assert "- call_method:" in flow_of(imported(entry))


def test_what_no_variable_can_replace_is_left_out_of_the_opening() -> None:
    secret = "hunter2-hunter2-hunter2"
    found = imported(
        socket(
            message(SENT, 0, "40" + json.dumps({secret: 1, "token": secret})),
            message(SENT, 1, '42["a"]'),
            url=SOCKET_IO,
        )
    )
    loaded(found)
    assert secret not in found.text


# -- whatever was recorded

_SCALARS = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["<key>", "{{ x }}", "${A}"])
)
_JSON = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))


@st.composite
def _distorted(draw: st.DrawFn, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages of a conversation in another order, some lost, repeated, from the other side, cut, or with another value."""
    found = []
    for one in draw(st.lists(st.sampled_from(messages), max_size=12)):
        text = one["data"]
        kind = draw(st.sampled_from(["as it was", "as it was", "other side", "value", "cut"]))
        if kind == "cut":
            text = text[: draw(st.integers(0, len(text)))]
        elif kind == "value" and text[:1] == "{":
            tree = json.loads(text.split("\x1e", maxsplit=1)[0])
            tree[draw(st.sampled_from([*tree, "other"]))] = draw(_JSON)
            text = json.dumps(tree)
        sides = (SENT, RECEIVED) if kind == "other side" else (one["type"],)
        found.append(message(draw(st.sampled_from(sides)), draw(st.floats(0, 200)), text))
    return found


@functools.cache
def _conversation(protocol: str) -> dict[str, Any]:
    return recorded(protocol, FLOWS[protocol][0])


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
@pytest.mark.parametrize("protocol", FLOWS)
@pytest.mark.slow
def test_any_conversation_becomes_a_scenario_that_is_valid(protocol: str, data: st.DataObject) -> None:
    entry = _conversation(protocol)
    texts = [each for each in entry["_webSocketMessages"] if isinstance(each["data"], str)]
    loaded(imported(entry | {"_webSocketMessages": data.draw(_distorted(texts))}))
