"""How a page opened its connection: what loadws does by itself is taken out of the address and of the first frames.

A page of Socket.IO opens its session by HTTP requests and then moves to a WebSocket. What these requests carried belongs
to the conversation; a scenario opens its session on the WebSocket.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from loadws.importers.har.recording import BINARY, TEXT, Exchange, Frame, Socket
from loadws.scenario.protocol.protocol_file import ProtocolFile

#: Parameters of an address that name a version: with another one, the messages are of another form.
_VERSIONS = ("vsn", "protocol", "EIO")
#: Parameters that belong to one session: of an upgrade from HTTP requests, and of a negotiation before.
_OF_SESSION = {"socket.io": ("sid", "t", "b64"), "signalr": ("id",)}
#: The move from HTTP requests to a WebSocket, in packets of Engine.IO.
_MOVING = frozenset(["2probe", "3probe", "5"])
_BETWEEN_PACKETS = "\x1e"


def is_this_version(file: ProtocolFile, socket: Socket) -> bool:
    """Return whether a socket speaks the version of the protocol that its file describes, as far as the address says."""
    said = dict(parse_qsl(urlsplit(socket.handshake.url).query))
    return all(said.get(name, file.query[name]) == file.query[name] for name in _VERSIONS if name in file.query)


def opened_by_loadws(name: str, file: ProtocolFile, socket: Socket, exchanges: Sequence[Exchange]) -> Socket:
    """Return the socket as a scenario opens it, with what HTTP requests of the same session carried before."""
    parts = urlsplit(socket.handshake.url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    left = [(key, value) for key, value in query if key not in file.query and key not in _OF_SESSION.get(name, ())]
    handshake = replace(socket.handshake, url=urlunsplit(parts._replace(query=urlencode(left))))
    frames = list(socket.frames)
    if name == "socket.io":
        session = dict(query).get("sid", "")
        before = [frame for each in exchanges for frame in _polled(each, parts.path, session)] if session else []
        frames = [*before, *(frame for frame in frames if frame.payload not in _MOVING)]
    return replace(socket, handshake=handshake, frames=tuple(sorted(frames, key=lambda frame: frame.at_s)))


def _polled(exchange: Exchange, path: str, session: str) -> Iterator[Frame]:
    """Yield the packets that a request of a session of Socket.IO carried, as frames."""
    parts = urlsplit(exchange.url)
    if parts.path != path or dict(parse_qsl(parts.query)).get("sid") != session:
        return
    is_sent = exchange.method == "POST"
    text = exchange.body if is_sent else exchange.answer
    for packet in (text or "").split(_BETWEEN_PACKETS):
        if packet.startswith("b"):
            try:
                content = base64.b64decode(packet[1:], validate=True)
            except binascii.Error:
                continue
            yield Frame(is_sent, exchange.at_s, BINARY, content, exchange.line)
        elif packet and packet != "6":
            yield Frame(is_sent, exchange.at_s, TEXT, packet, exchange.line)
