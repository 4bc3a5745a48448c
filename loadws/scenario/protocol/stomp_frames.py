"""STOMP 1.2 (https://stomp.github.io/stomp-specification-1.2.html) as records of a protocol file. No I/O.

What a server sends, all but the heartbeat with its ``headers``:

- ``connected``, with ``heart_beat``: the seconds between what the server ``sends``, and between what it ``wants``; 0: never.
- ``message``: ``destination``, ``subscription``, ``body`` (bytes), and ``ack``, which its acknowledgement names, if it wants
  one.
- ``receipt``: ``id``. ``error``: ``said``, and ``id`` where it answers a frame that asked for a receipt.
- ``heartbeat``: a line end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from loadws.scenario.protocol.not_packets import Unreadable
from loadws.scenario.template.values import EvaluationError, show

#: How long command and headers of a frame may be, in bytes.
LONGEST_HEAD = 64 * 1024
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "c": ":", "\\": "\\"}
_ESCAPES = str.maketrans({"\n": "\\n", "\r": "\\r", ":": "\\c", "\\": "\\\\"})
_LENGTH = re.compile(r"\d{1,15}")


# -- reading ----------------------------------------------------------------------------------------------------------


class Reader:
    """The frames of one connection. One of them may span WebSocket messages, and a message may hold several.

    ``most`` is the size of the largest body that is read, in bytes.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._rest = bytearray()
        self._head: _Head | None = None  # of the frame at the beginning of the rest
        self._seen = 0  # how much of the rest holds no end of that frame

    def __call__(self, payload: str | bytes) -> Iterator[tuple[Any, int]]:
        """Yield each record that a WebSocket message completes, with its size in bytes.

        Raises:
            Unreadable: The bytes are no frames that a server sends.
        """
        content = payload.encode("utf-8", "surrogatepass") if isinstance(payload, str) else payload
        if not self._rest:
            heartbeats = len(content) - len(content.lstrip(b"\r\n"))
            for _ in range(content.count(b"\n", 0, heartbeats)):
                yield {"type": "heartbeat"}, 1
            content = content[heartbeats:]
        self._rest += content
        while self._rest and (end := self._end()) is not None:
            assert self._head is not None
            yield self._head.record(bytes(self._rest[self._head.body : end])), end + 1
            del self._rest[: end + 1]
            self._head, self._seen = None, 0
            del self._rest[: len(self._rest) - len(self._rest.lstrip(b"\r\n"))]

    def _end(self) -> int | None:
        """Return where the NUL is that ends the first frame; None where it has not come yet.

        Raises:
            Unreadable: It is none, or longer than is read.
        """
        if self._head is None:
            self._head = self._read_head()
            if self._head is None:
                return None
            self._seen = self._head.body
        length = self._head.length
        if length is None:
            end = self._rest.find(b"\0", self._seen)
            self._seen = len(self._rest)
            size = (self._seen if end < 0 else end) - self._head.body
        else:
            size, end = length, self._head.body + length
        if size > self._most:
            raise Unreadable(f"a frame with a body of {size:,} bytes came, and {self._most:,} are accepted")
        if end < 0 or end >= len(self._rest):
            return None
        if self._rest[end]:
            raise Unreadable("a frame goes on behind the end that its content-length says")
        return end

    def _read_head(self) -> _Head | None:
        blank = _BLANK_LINE.search(self._rest, self._seen)
        if blank is None:
            if len(self._rest) > LONGEST_HEAD:
                raise Unreadable(f"a frame came with more than {LONGEST_HEAD:,} bytes of headers")
            self._seen = max(0, len(self._rest) - 3)
            return None
        try:
            command, *lines = re.split("\r?\n", self._rest[: blank.start()].decode())
        except UnicodeDecodeError:
            raise Unreadable("the headers of a frame are not UTF-8") from None
        return _Head(command, lines, blank.end())


class _Head:
    """Command and headers of a frame. ``body`` is where its body begins, ``length`` what its content-length says."""

    __slots__ = ("body", "command", "headers", "length")

    def __init__(self, command: str, lines: list[str], body: int) -> None:
        if command not in _RECORDS:
            raise Unreadable(f"a frame {show(command)} came, which no server sends")
        self.command = command
        self.body = body
        self.headers: dict[str, str] = {}
        read = str if command == "CONNECTED" else _unescaped
        for line in lines:
            key, colon, value = line.partition(":")
            if not colon:
                raise Unreadable(f"a frame {command} has a header without a colon: {show(line)}")
            self.headers.setdefault(read(key), read(value))
        said = self.headers.get("content-length")
        if said is not None and not _LENGTH.fullmatch(said):
            raise Unreadable(f"a frame {command} has the content-length {show(said)}")
        self.length = None if said is None else int(said)

    def record(self, body: bytes) -> dict[str, Any]:
        """Return the record of the frame with this body."""
        return {**_RECORDS[self.command](self.headers, body), "headers": self.headers}


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_unescape, text) if "\\" in text else text


def _unescape(found: re.Match[str]) -> str:
    meant = _ESCAPED.get(found[1])
    if meant is None:
        raise Unreadable(f"a header has an escape that STOMP does not have: {show(found[0])}")
    return meant


def _connected(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    sends, comma, wants = headers.get("heart-beat", "0,0").partition(",")
    if not comma or not (_LENGTH.fullmatch(sends) and _LENGTH.fullmatch(wants)):
        raise Unreadable(f"a frame CONNECTED has the heart-beat {show(headers['heart-beat'])}")
    return {"type": "connected", "heart_beat": {"sends": int(sends) / 1000, "wants": int(wants) / 1000}}


def _message(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    record = {"type": "message", **_some(headers, "destination", "subscription", "ack")}
    return {**record, "body": body}


def _receipt(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    return {"type": "receipt", "id": headers.get("receipt-id")}


def _error(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    said = headers.get("message") or body.decode("utf-8", "replace").strip() or "an ERROR without a message"
    record = {"type": "error", "said": said}
    return {**record, "id": headers["receipt-id"]} if "receipt-id" in headers else record


def _some(headers: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: headers[name] for name in names if name in headers}


_RECORDS: Mapping[str, Callable[[Mapping[str, str], bytes], dict[str, Any]]] = {
    "CONNECTED": _connected,
    "MESSAGE": _message,
    "RECEIPT": _receipt,
    "ERROR": _error,
}


# -- writing ----------------------------------------------------------------------------------------------------------

#: The commands of a client by the types of records, each with the headers that it has from the record.
_COMMANDS = {
    "connect": ("CONNECT", ("host", "login", "passcode")),
    "send": ("SEND", ("destination", "receipt")),
    "subscribe": ("SUBSCRIBE", ("id", "destination", "ack", "receipt")),
    "unsubscribe": ("UNSUBSCRIBE", ("id", "receipt")),
    "ack": ("ACK", ("id",)),
    "nack": ("NACK", ("id",)),
    "disconnect": ("DISCONNECT", ()),
}


def framed(record: Any) -> str | bytes:
    """Return the frame of a record: bytes where its body is, else text.

    Raises:
        EvaluationError: It is none that a client sends, or a header of it is wrong.
    """
    kind = record.get("type")
    if kind == "heartbeat":
        return "\n"
    if kind not in _COMMANDS:
        raise EvaluationError(f"a client of STOMP sends no {kind!r}")
    command, own = _COMMANDS[kind]
    headers = {name: record[name] for name in own if record.get(name) is not None}
    body = record.get("body", "")
    body = body if isinstance(body, str | bytes) else show(body)
    if kind == "connect":
        beat = int(record.get("heart_beat", 0) * 1000)
        headers = {"accept-version": "1.2", **headers, "heart-beat": f"{beat},{beat}"}
    elif kind == "send":
        headers["content-length"] = len(body) if isinstance(body, bytes) else len(body.encode("utf-8", "replace"))
    more = record.get("headers") or {}
    if not isinstance(more, dict):
        raise EvaluationError(f"headers are a mapping, and this is {show(more)}")
    return _written(command, {**more, **headers}, body)


def _written(command: str, headers: Mapping[str, Any], body: str | bytes) -> str | bytes:
    write = _plain if command == "CONNECT" else _escaped
    lines = "".join(f"{write(name)}:{write(value)}\n" for name, value in headers.items())
    head = f"{command}\n{lines}\n"
    return head.encode() + body + b"\0" if isinstance(body, bytes) else f"{head}{body}\0"


def _escaped(value: Any) -> str:
    if type(value) is bool or not isinstance(value, str | int | float):
        raise EvaluationError(f"a header of STOMP is text or a number, and this is {show(value)}")
    return str(value).translate(_ESCAPES)


def _plain(value: Any) -> str:
    """Return a header of CONNECT, in which nothing is escaped.

    Raises:
        EvaluationError: It has what would have to be.
    """
    text = value if isinstance(value, str) else _escaped(value)
    if "\n" in text or "\r" in text:
        raise EvaluationError(f"a header of CONNECT has no line ends, and this is {show(value)}")
    return text
