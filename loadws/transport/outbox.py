"""Messages that wait to be written: in order, bounded, and of several waiting pongs only the newest.

Pure: it holds and counts; who writes is the transport.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from loadws.transport.base import NotOpen, Outgoing, Payload

MOST_MESSAGES = 1_000
MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class WaitingMessage:
    payload: Payload
    out: Outgoing
    size: int


@dataclass(frozen=True, slots=True)
class WaitingPing:
    payload: bytes
    size: int = 0


@dataclass(frozen=True, slots=True)
class WaitingPong:
    payload: bytes


Waiting = WaitingMessage | WaitingPing | WaitingPong


@dataclass(slots=True)
class Outbox:
    _queue: deque[WaitingMessage | WaitingPing] = field(default_factory=deque)
    _bytes: int = 0
    _pong: WaitingPong | None = None

    def __bool__(self) -> bool:
        return self._pong is not None or bool(self._queue)

    def put(self, item: WaitingMessage | WaitingPing) -> None:
        """Raises ``NotOpen`` of kind ``backlog`` where it is full."""
        if len(self._queue) >= MOST_MESSAGES or self._bytes + item.size > MOST_BYTES:
            raise NotOpen(f"{len(self._queue)} messages of {self._bytes} bytes wait already", "backlog")
        self._queue.append(item)
        self._bytes += item.size

    def put_pong(self, payload: bytes) -> None:
        """A pong to the newest ping answers the earlier ones too (RFC 6455, 5.5.3)."""
        self._pong = WaitingPong(payload)

    def take(self) -> Waiting:
        """The next to write; a pong goes first."""
        if self._pong is not None:
            pong, self._pong = self._pong, None
            return pong
        item = self._queue.popleft()
        self._bytes -= item.size
        return item

    def clear(self) -> None:
        self._queue.clear()
        self._bytes = 0
        self._pong = None
