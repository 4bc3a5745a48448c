"""``--mode stomp``: a broker of STOMP 1.2. What is sent to a destination goes to all that have subscribed to it.

The passcode ``wrong`` and subscriptions to ``/private`` are refused. The destination ``/topic/tick`` ticks. Heart-beats go
both ways each second. A frame is a WebSocket message of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from loadws.target.speaking.talk import Payload, Talk

_ESCAPES = str.maketrans({"\\": "\\\\", "\r": "\\r", "\n": "\\n", ":": "\\c"})
_ESCAPED = {"\\": "\\", "r": "\r", "n": "\n", "c": ":"}


class Sent(msgspec.Struct, frozen=True):
    """A message on its way to the subscribers."""

    destination: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(slots=True, eq=False)
class Stomp(Talk):
    """A broker's side of one connection."""

    _is_connected: bool = False
    _subscriptions: dict[str, tuple[str, str]] = field(default_factory=dict)  # id -> destination, ack
    _unacknowledged: set[str] = field(default_factory=set)
    _last_id: int = 0
    _sent: list[Sent] = field(default_factory=list)
    heartbeat_s: float | None = 1.0

    def answers(self, message: str) -> Sequence[Payload]:
        """Answer a frame of text."""
        return self.heard(message.encode())

    def heard(self, message: Payload) -> Sequence[Payload]:
        """Answer a frame; a line end is a heart-beat."""
        content = message.encode() if isinstance(message, str) else message
        if not content.strip(b"\r\n"):
            return ()
        head, _, body = content.partition(b"\n\n")
        command, *lines = head.decode("utf-8", "replace").split("\n")
        pairs = (line.partition(":") for line in lines)
        headers = {_unescaped(name): _unescaped(value) for name, _, value in pairs}
        body = body[: int(headers["content-length"])] if "content-length" in headers else body.rstrip(b"\n\0")
        answer = self._refusal(command, headers) or self._answer(command, headers, body)
        if answer is not None:
            return (answer,)
        receipt = headers.get("receipt")
        return () if receipt is None else (frame("RECEIPT", {"receipt-id": receipt}),)

    def _refusal(self, command: str, headers: Mapping[str, str]) -> bytes | None:
        """Return what a frame is refused with, which ends the connection; None where it is right."""
        why = None
        if self._is_connected == (command in ("CONNECT", "STOMP")):
            why = "not the time for this frame"
        elif headers.get("passcode") == "wrong":
            why = "bad passcode"
        elif headers.get("destination") == "/private":
            why = "not allowed"
        elif command in ("ACK", "NACK") and headers.get("id") not in self._unacknowledged:
            why = "nothing waits for this acknowledgement"
        if why is None:
            return None
        self.is_over = True
        more = {"receipt-id": headers["receipt"]} if "receipt" in headers else {}
        return frame("ERROR", {"message": why, **more})

    def _answer(self, command: str, headers: Mapping[str, str], body: bytes) -> bytes | None:
        match command:
            case "CONNECT" | "STOMP":
                self._is_connected = True
                return frame("CONNECTED", {"version": "1.2", "heart-beat": "1000,1000"})
            case "SUBSCRIBE":
                self._subscriptions[headers.get("id", "")] = (
                    headers.get("destination", ""),
                    headers.get("ack", "auto"),
                )
            case "UNSUBSCRIBE":
                self._subscriptions.pop(headers.get("id", ""), None)
            case "SEND":
                own = ("destination", "receipt", "content-length")
                more = {name: value for name, value in headers.items() if name not in own}
                self._sent.append(Sent(headers.get("destination", ""), body, more))
            case "ACK" | "NACK":
                self._unacknowledged.discard(headers["id"])
            case "DISCONNECT":
                self._is_connected = False
                self.is_over = True
            case _:
                self.is_over = True
                return frame("ERROR", {"message": "unknown command"})
        return None

    def take_published(self) -> Sequence[Sent]:
        """Return what the client has sent since the last call."""
        sent, self._sent = self._sent, []
        return sent

    def relayed(self, published: object) -> Sequence[Payload]:
        """Return a frame for each subscription of this client to the destination of a message."""
        assert isinstance(published, Sent)
        wanted = [(key, ack) for key, (to, ack) in self._subscriptions.items() if to == published.destination]
        return [self._message(key, ack, published) for key, ack in wanted]

    def _message(self, subscription: str, ack: str, sent: Sent) -> bytes:
        self._last_id += 1
        number = f"m:{self._last_id}"
        more = {} if ack == "auto" else {"ack": number}
        self._unacknowledged.update(more.values())
        own = {"subscription": subscription, "message-id": number, "destination": sent.destination, **more}
        return frame("MESSAGE", {**own, **sent.headers, "content-length": str(len(sent.body))}, sent.body)

    def tick(self, number: int) -> Sequence[Payload]:
        """Send the number of the tick."""
        return self.relayed(Sent("/topic/tick", b'{"number":%d}' % number, {}))

    def heartbeat(self) -> Sequence[Payload]:
        """Return a heart-beat, once the client is connected."""
        return ("\n",) if self._is_connected else ()


def frame(command: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """Return a frame."""
    write = str if command == "CONNECTED" else _escaped
    lines = "".join(f"{write(name)}:{write(value)}\n" for name, value in headers.items())
    return f"{command}\n{lines}\n".encode() + body + b"\0"


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPED.get(found[1], ""), text)
