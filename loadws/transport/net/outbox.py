"""Messages that wait to be written, in order and bounded. Of too many waiting pongs only the newest are kept.

This does no I/O: it stores and counts, and the transport writes.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import msgspec

from loadws.transport.base import NotOpen, Outgoing, Payload

MOST_MESSAGES = 1_000
MOST_BYTES = 1 << 20
#: How many pongs may wait. A peer that pings and does not read costs no more than this.
MOST_PONGS = 100


class WaitingMessage(msgspec.Struct, frozen=True):
    payload: Payload
    out: Outgoing
    size: int


class WaitingPing(msgspec.Struct, frozen=True):
    payload: bytes
    size: int = 0


class WaitingPong(msgspec.Struct, frozen=True):
    payload: bytes


Waiting = WaitingMessage | WaitingPing | WaitingPong


@dataclass(slots=True)
class Outbox:
    _queue: deque[WaitingMessage | WaitingPing] = field(default_factory=deque)
    _bytes: int = 0
    _pongs: list[WaitingPong] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self._pongs or self._queue)

    def put(self, item: WaitingMessage | WaitingPing) -> None:
        """Add an item.

        Raises:
            NotOpen: The outbox is full; its kind is ``backlog``.
        """
        if len(self._queue) >= MOST_MESSAGES or self._bytes + item.size > MOST_BYTES:
            raise NotOpen(f"{len(self._queue)} messages of {self._bytes} bytes wait already", "backlog")
        self._queue.append(item)
        self._bytes += item.size

    def put_pong(self, payload: bytes) -> None:
        """Add a pong. Where too many wait, drop the oldest: a later pong answers its ping, too (RFC 6455, 5.5.3)."""
        self._pongs.append(WaitingPong(payload))
        del self._pongs[:-MOST_PONGS]

    def take(self) -> Waiting:
        """Return the next item to write; pongs go first."""
        if self._pongs:
            return self._pongs.pop(0)
        item = self._queue.popleft()
        self._bytes -= item.size
        return item

    def clear(self) -> None:
        self._queue.clear()
        self._bytes = 0
        self._pongs.clear()
