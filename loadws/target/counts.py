"""What the target says: where it serves, and its counts, to be compared with the ledger of the run that called it."""

from __future__ import annotations

import msgspec


class Announcement(msgspec.Struct, frozen=True):
    """The first line of ``json``. ``ca`` is a file to trust, with TLS."""

    url: str
    ca: str | None = None


class Counts(msgspec.Struct):
    """accepted (TCP) = upgraded + refused + logins + broken;
    upgraded = closed_by_us + closed_by_peer + lost, once it has ended.

    ``refused`` is by status and ``closed_by_peer`` by close code (1005: a close without one). ``broken`` ended before their
    upgrade. Bytes are payload bytes. An answer was sent, ``dropped`` on purpose, ``overflowed`` (a broadcast's reader that
    was too slow) or ``unsent`` (its connection ended first).
    ``duplicated`` were sent twice, and ``reordered`` after a later one of the same sender.
    """

    accepted: int = 0
    upgraded: int = 0
    refused: dict[str, int] = {}
    logins: int = 0
    broken: int = 0
    closed_by_us: int = 0
    closed_by_peer: dict[str, int] = {}
    lost: int = 0
    messages_received: int = 0
    messages_sent: int = 0
    bytes_received: int = 0
    bytes_sent: int = 0
    dropped: int = 0
    duplicated: int = 0
    reordered: int = 0
    overflowed: int = 0
    unsent: int = 0

    def received(self, payload: str | bytes) -> None:
        self.messages_received += 1
        self.bytes_received += size(payload)

    def sent(self, payload: str | bytes) -> None:
        self.messages_sent += 1
        self.bytes_sent += size(payload)


def size(payload: str | bytes) -> int:
    """Return the bytes on the wire. Most text is ASCII, which Python knows without looking, and is not encoded to be
    counted.
    """
    if isinstance(payload, bytes) or payload.isascii():
        return len(payload)
    return len(payload.encode())


def add(counts: dict[str, int], key: object) -> None:
    counts[str(key)] = counts.get(str(key), 0) + 1
