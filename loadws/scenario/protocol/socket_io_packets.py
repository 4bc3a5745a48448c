"""Socket.IO 4 on Engine.IO 4: frames become records of a protocol file, and records frames, by python-socketio's packets.

A record is ``{"type": word, …}``. Of Engine.IO: ``open`` and ``ping``, with ``data``. Of Socket.IO: ``connect``,
``connect_error`` and ``disconnect`` with ``data``, ``event`` with ``event`` and ``args``, ``ack`` with ``args``; all with
``namespace``, the last two with ``id`` where there is one. Binary arguments are bytes, which JSON shows as base64, and are
frames of their own behind that of their packet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engineio import packet as engine
from socketio import packet as socket

from loadws.scenario.json_reader import NotJson, read_json
from loadws.scenario.template.values import EvaluationError

_ENGINE = {engine.OPEN: "open", engine.PING: "ping", engine.PONG: "pong", engine.CLOSE: "close", engine.NOOP: "noop"}
_SOCKET = {
    socket.CONNECT: "connect",
    socket.DISCONNECT: "disconnect",
    socket.EVENT: "event",
    socket.BINARY_EVENT: "event",
    socket.ACK: "ack",
    socket.BINARY_ACK: "ack",
    socket.CONNECT_ERROR: "connect_error",
}
_TYPES = {"connect": socket.CONNECT, "disconnect": socket.DISCONNECT, "event": socket.EVENT, "ack": socket.ACK}


class _Json:
    """How packets read JSON: as any message is read here."""

    @staticmethod
    def loads(text: str) -> Any:
        """Return the JSON of a text."""
        return read_json(text)


class _Packet(socket.Packet):  # type: ignore[misc]  # the library has no types
    json = _Json


class Reader:
    """The frames of one connection, read in their order: a packet may wait for its binary attachments.

    ``resume`` has the ``pid`` that the server gave and the ``offset`` of the last event: a connection in the place of this
    one sends them, so that the server goes on there. It is None where the server gave none.
    """

    def __init__(self) -> None:
        self._waiting: Any = None
        self.resume: dict[str, str] | None = None

    def __call__(self, payload: str | bytes) -> Iterator[tuple[Any, int]]:
        """Yield the record that a frame completes, with its size; nothing where attachments are still to come.

        Raises:
            NotJson: The frame is no packet.
        """
        try:
            record = self._attached(payload) if isinstance(payload, bytes) else self._read(payload)
        except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
            raise NotJson(f"no packet of Socket.IO: {error}", 0, "") from None
        if record is not None:
            self._note(record)
            yield record, len(payload)

    def _note(self, record: Mapping[str, Any]) -> None:
        """Remember where the server's events are. With recovery their last argument is the offset."""
        data, args = record.get("data"), record.get("args")
        if record["type"] == "connect" and isinstance(data, dict) and isinstance(data.get("pid"), str):
            self.resume = {"pid": data["pid"]}
        elif self.resume is not None and record["type"] == "event" and args and isinstance(args[-1], str):
            self.resume["offset"] = args[-1]

    def _read(self, text: str) -> Any:
        kind = int(text[0])
        if kind != engine.MESSAGE:
            data = text[1:]
            return {"type": _ENGINE[kind], "data": read_json(data) if data.startswith("{") else data}
        packet = _Packet(encoded_packet=text[1:])
        if packet.attachment_count:
            self._waiting = packet
            return None
        return _record(packet)

    def _attached(self, attachment: bytes) -> Any:
        if self._waiting is None or not self._waiting.add_attachment(attachment):
            return None
        packet, self._waiting = self._waiting, None
        return _record(packet)


def _record(packet: Any) -> dict[str, Any]:
    kind = _SOCKET[packet.packet_type]
    record: dict[str, Any] = {"type": kind, "namespace": packet.namespace or "/"}
    if packet.id is not None:
        record["id"] = packet.id
    if kind == "event":
        record["event"], *record["args"] = packet.data
    elif kind == "ack":
        record["args"] = packet.data
    elif packet.data is not None:
        record["data"] = packet.data
    return record


def framed(record: Any) -> str | bytes:
    """Return the frame of a record.

    Raises:
        EvaluationError: It is none that a client sends, or has binary data, which has frames of its own.
    """
    only, *attached = frames_of(record)
    if attached:
        raise EvaluationError("a packet with binary data is several frames")
    return only


def frames_of(record: Any) -> tuple[str | bytes, ...]:
    """Return the frames of a record: one, and one for each piece of binary data in it.

    Raises:
        EvaluationError: It is none that a client sends.
    """
    kind = record.get("type")
    if kind == "pong":
        return (f"{engine.PONG}",)
    if kind not in _TYPES:
        raise EvaluationError(f"a client of Socket.IO sends no {kind!r}")
    data = record.get("data")
    if record.get("resume"):
        data = {**(data if isinstance(data, dict) else {}), **record["resume"]}
    if kind in ("event", "ack"):
        data = [*([record["event"]] if kind == "event" else []), *_arguments(record.get("args"))]
    try:
        packet = socket.Packet(_TYPES[kind], data=data, namespace=record.get("namespace"), id=record.get("id"))
        encoded = packet.encode()
    except ValueError:
        raise EvaluationError("binary data goes with an event or an acknowledgement only") from None
    text, *attached = [encoded] if isinstance(encoded, str) else encoded
    return (f"{engine.MESSAGE}{text}", *attached)


def _arguments(args: Any) -> list[Any]:
    return args if isinstance(args, list) else [] if args is None else [args]
