"""Messages of a protocol of loadws that stay as they are: it is named, and what was sent is told in its verbs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from loadws.scenario.protocol.find_protocol import built_in
from loadws.target.speaking.servers import TALKS
from tests.engine.drive import drive
from tests.engine.protocols.speaking import speaks
from tests.engine.protocols.test_others import CALLS, SUBSCRIPTIONS
from tests.importers.har_files import RECEIVED, SENT, header, imported, message, socket
from tests.kit.plain import MS

#: What is told of each protocol: the flow of its conversation, and the verbs.
FLOWS: dict[str, tuple[list[Any], str]] = {
    "json-rpc": (
        [{"call_method": {"method": "add", "params": [1, 2]}}, {"notify": {"method": "seen"}}],
        "1 x call_method: {method: …, params: …}, 1 x notify: {method: …}",
    ),
    "graphql-transport-ws": (
        [{"call_method": {"query": "{ hello }"}}, {"name": "t", "subscribe": {"query": "subscription { tick }"}},
         {"unsubscribe": "t"}],
        "2 x call_method: {query: …}, 1 x unsubscribe",  # both ask alike
    ),
    "graphql-ws": ([{"call_method": {"query": "{ hello }", "variables": {}}}], "1 x call_method: {query: …, variables: …}"),
    "phoenix": (
        [{"name": "room", "subscribe": {"topic": "r"}},
         {"repeat": 2, "do": [{"call_method": {"topic": "r", "event": "echo", "payload": {"a": 1}}}]},
         {"unsubscribe": "room"}],
        "1 x subscribe: {topic: …, payload: …}, 2 x call_method: {topic: …, event: …, payload: …}, 1 x unsubscribe",
    ),
    "action-cable": (
        [{"name": "room", "subscribe": {"identifier": {"channel": "C"}}},
         {"notify": {"identifier": {"channel": "C"}, "data": {"action": "speak"}}}, {"unsubscribe": "room"}],
        "1 x subscribe: {identifier: …}, 1 x notify: {identifier: …, data: …}, 1 x unsubscribe",
    ),
    "pusher": (
        [{"name": "room", "subscribe": {"channel": "r"}}, {"notify": {"channel": "r", "event": "client-a"}}],
        "1 x subscribe: {channel: …}, 1 x notify: {event: …, channel: …, data: …}",
    ),
    "centrifugo": (
        [{"name": "room", "subscribe": {"channel": "r"}}, {"call_method": {"command": "rpc", "params": {"method": "echo"}}}],
        "1 x subscribe: {channel: …}, 1 x call_method: {command: …, params: …}",
    ),
    "signalr": (
        [{"call_method": {"method": "add", "arguments": [1]}, "on_failure": "continue"}, {"notify": {"method": "seen"}},
         {"name": "t", "subscribe": {"method": "ticks"}}],
        "1 x call_method: {method: …, arguments: …}, 1 x notify: {method: …, arguments: …}, "
        "1 x subscribe: {method: …, arguments: …}",
    ),
    "ocpp1.6": ([{"call_method": {"method": "Heartbeat"}}], "1 x call_method: {method: …, params: …}"),
    "ocpp2.0.1": ([{"call_method": {"method": "Heartbeat"}}], "1 x call_method: {method: …, params: …}"),
    "socket.io": (
        [{"emit": {"event": "join", "args": ["lobby"]}}, {"emit": {"event": "add", "args": [1, 2], "ack": {}}}],
        "2 x emit: {event: …, args: …}",
    ),
}  # fmt: skip
#: What tells these protocols apart from others: where the first messages do not.
HANDSHAKES: dict[str, dict[str, Any]] = {
    "socket.io": {"url": "ws://127.0.0.1:8766/socket.io/?EIO=4&transport=websocket"},
    **{
        name: {"answer_headers": [header("Sec-WebSocket-Protocol", name)]}
        for name in ("ocpp1.6", "ocpp2.0.1", "graphql-ws", "graphql-transport-ws")
    },
}


def recorded(protocol: str, flow: list[Any]) -> dict[str, Any]:
    """Return the socket of a page that does this: what loadws itself sends, and what the server says to that."""
    document = {
        "load": [{"users": 1, "iterations": 1}],
        "connection": {"protocol": protocol},
        "flow": ["connect", *flow, {"think": "40s"}],
    }
    outcome = drive(document, speaks(TALKS[protocol], delay_ns=MS, ticks=0))
    server = TALKS[protocol]()
    messages = [message(RECEIVED, 0.0, text) for text in server.opened()]
    for number, payload in enumerate(outcome.seen.payloads, 1):
        messages.append(message(SENT, number, payload))
        messages += [message(RECEIVED, number + 0.1, text) for text in server.heard(payload)]
    return socket(*messages, **HANDSHAKES.get(protocol, {}))


def test_no_protocol_is_forgotten() -> None:
    assert sorted({*FLOWS, "mqtt", "stomp"}) == list(built_in())
    assert sorted({*CALLS, *SUBSCRIPTIONS, "socket.io"}) == sorted(FLOWS)


@pytest.mark.parametrize("protocol", FLOWS)
def test_what_was_sent_is_told_in_the_verbs_of_the_protocol(protocol: str) -> None:
    flow, verbs = FLOWS[protocol]
    found = imported(recorded(protocol, flow), raw_frames=True)
    (note,) = [note.text for note in found.notes if "the messages are" in note.text]
    assert f"with connection: {{protocol: {protocol}}}" in note
    assert note.endswith(f"and what was sent is {verbs}")
    assert not [note for note in found.notes if "the messages are" in note.text and note.is_loss]
    assert note in found.text.replace("\n# ", " ").replace("  ", " ") or note[:60] in found.text


@pytest.mark.parametrize(("protocol", "subprotocol"), [("mqtt", "mqtt"), ("stomp", "v12.stomp")])
def test_protocols_of_packets_are_named(protocol: str, subprotocol: str) -> None:
    answered = [header("Sec-WebSocket-Protocol", subprotocol)]
    found = imported(socket(message(SENT, 1, b"\x10\x00"), answer_headers=answered))
    (note,) = [note.text for note in found.notes if "the messages are" in note.text]
    assert f"with connection: {{protocol: {protocol}}}" in note
    assert "what was sent" not in note


def test_what_the_protocol_does_not_know_is_counted_as_that() -> None:
    rows = [{"jsonrpc": "2.0", "id": 1, "method": "a"}, {"hello": 1}, "no JSON"]
    found = imported(socket(*(message(SENT, number, row) for number, row in enumerate(rows))), raw_frames=True)
    (note,) = [note.text for note in found.notes if "the messages are" in note.text]
    assert note.endswith("1 x call_method: {method: …}, 1 x messages that its file does not know")


def test_no_value_of_the_recording_is_quoted() -> None:
    secret = "hunter2-hunter2-hunter2"
    call = {"jsonrpc": "2.0", "id": 1, "method": secret, "params": {secret: secret}}
    found = imported(
        socket(message(SENT, 1, call), message(RECEIVED, 2, {"jsonrpc": "2.0", "id": 1, "result": secret})),
        raw_frames=True,
    )
    assert secret not in json.dumps([note.text for note in found.notes])


def test_another_socket_gets_no_advice() -> None:
    found = imported(socket(message(SENT, 1, {"op": "hello"}), message(RECEIVED, 2, {"op": "hello"})))
    assert "protocol" not in " ".join(note.text for note in found.notes)
