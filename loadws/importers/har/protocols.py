"""Which protocol the messages follow, told from the subprotocol and the first messages; and which of them are heartbeats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from loadws.importers.har.recording import Frame, Socket, header
from loadws.importers.leaves import is_kind_name

_BEATS = frozenset("ping pong heartbeat heart_beat keepalive keep_alive ka hb pusher:ping pusher:pong".split())
_TEXT_BEATS = frozenset(["ping", "pong", "heartbeat", "keepalive", "h", "hb", "\n", "\r\n", "{}", '{"type":6}\x1e'])
_ENGINE_BEATS = frozenset(["2", "3"])


def _is_object_with(*keys: str) -> Callable[[Any], bool]:
    return lambda tree: isinstance(tree, dict) and all(key in tree for key in keys)


def _is_phoenix(tree: Any) -> bool:
    is_array = isinstance(tree, list) and len(tree) == 5 and isinstance(tree[2], str) and isinstance(tree[3], str)
    return is_array or _is_object_with("topic", "event", "payload", "ref")(tree)


def _is_ocpp(tree: Any) -> bool:
    return isinstance(tree, list) and len(tree) in (3, 4, 5) and tree[0] in (2, 3, 4) and isinstance(tree[1], str)


_BY_JSON: tuple[tuple[str, Callable[[Any], bool]], ...] = (
    ("JSON-RPC 2.0", lambda tree: isinstance(tree, dict) and tree.get("jsonrpc") == "2.0"),
    ("graphql-transport-ws", lambda tree: isinstance(tree, dict) and tree.get("type") == "connection_init"),
    ("Phoenix channels", _is_phoenix),
    ("Action Cable", _is_object_with("command", "identifier")),
    ("Pusher", lambda tree: isinstance(tree, dict) and str(tree.get("event", "")).startswith("pusher:")),
    ("OCPP-J", _is_ocpp),
    ("Centrifugo", _is_object_with("connect", "id")),
)
_BY_SUBPROTOCOL = {
    "graphql-transport-ws": "graphql-transport-ws", "graphql-ws": "graphql-ws", "actioncable-v1-json": "Action Cable",
    "mqtt": "MQTT", "mqttv3.1": "MQTT", "v10.stomp": "STOMP", "v11.stomp": "STOMP", "v12.stomp": "STOMP",
    "ocpp1.6": "OCPP-J", "ocpp2.0.1": "OCPP-J", "wamp.2.json": "WAMP",
}  # fmt: skip
#: The names of these protocols in a scenario: connection.protocol. OCPP-J has one for each version.
_IN_SCENARIOS = {
    "JSON-RPC 2.0": "json-rpc", "graphql-transport-ws": "graphql-transport-ws", "graphql-ws": "graphql-ws",
    "Phoenix channels": "phoenix", "Action Cable": "action-cable", "Pusher": "pusher", "Centrifugo": "centrifugo",
    "Socket.IO": "socket.io", "SignalR": "signalr", "MQTT": "mqtt", "STOMP": "stomp", "OCPP-J": "ocpp1.6",
}  # fmt: skip


def name_in_scenarios(socket: Socket) -> str | None:
    """Return the name by which a scenario lets connections speak the socket's protocol; None where loadws has it not."""
    chosen = header(socket.handshake.answer_headers, "sec-websocket-protocol").strip().lower()
    protocol = protocol_of(socket)
    return chosen if chosen == "ocpp2.0.1" else _IN_SCENARIOS.get(protocol or "")


def protocol_of(socket: Socket) -> str | None:
    """Return the protocol's name, or None where it is none that is known here."""
    chosen = header(socket.handshake.answer_headers, "sec-websocket-protocol").strip().lower()
    if chosen in _BY_SUBPROTOCOL:
        return _BY_SUBPROTOCOL[chosen]
    if "/socket.io/" in socket.handshake.url or "EIO=" in socket.handshake.url:
        return "Socket.IO"
    first = socket.frames[:4]
    if any(isinstance(frame.payload, str) and frame.payload.endswith("\x1e") for frame in first):
        return "SignalR"
    for name, fits in _BY_JSON:
        if any(fits(frame.json) for frame in first if frame.json is not None):
            return name
    return None


def is_heartbeat(frame: Frame, protocol: str | None) -> bool:
    """Return whether a message only shows that its sender is there."""
    payload = frame.payload
    if not isinstance(payload, str):
        return False
    if protocol == "Socket.IO" and payload in _ENGINE_BEATS:
        return True
    return payload.lower() in _TEXT_BEATS or (frame.json is not None and _is_json_beat(frame.json))


def _is_json_beat(tree: Any) -> bool:
    if isinstance(tree, list):  # Phoenix: [join_ref, ref, "phoenix", "heartbeat", {}], and its reply
        return len(tree) == 5 and tree[2] == "phoenix"
    if tree.get("topic") == "phoenix":
        return True
    kinds = [value for key, value in tree.items() if is_kind_name(key)]
    return len(tree) <= 4 and any(isinstance(kind, str) and kind.lower() in _BEATS for kind in kinds)
