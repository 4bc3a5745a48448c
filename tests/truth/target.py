"""A WebSocket target that keeps its own account: when each message came, and when its answer left.

Run as ``python -m tests.truth.target BEHAVIOUR`` (JSON). Prints its port; ends when its stdin does, and prints its account.
It shares no code with what it judges: one epoll loop, and just enough of RFC 6455 for short text messages. The kernel's
stamp says when a message came, where there is one, so that the account is right however late the target reads. Answers leave
at their time to some 10 µs, because the loop spins through the last two milliseconds before one is due.
"""

from __future__ import annotations

import base64
import hashlib
import heapq
import random
import select
import socket
import struct
import sys
import time
from itertools import count

import msgspec

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_SPIN_NS = 2_000_000
_CLOSE = 8
_SO_TIMESTAMPING, _SOFTWARE_STAMPS = 37, 1 << 3 | 1 << 4  # asm-generic/socket.h, linux/net_tstamp.h


#: CLOCK_REALTIME less CLOCK_MONOTONIC, and never more than that: no message seems to come before it was sent.
_OFFSET_NS = max(time.time_ns() - time.monotonic_ns() for _ in range(1_000))


class Behaviour(msgspec.Struct, frozen=True):
    """What the target does. Spans are in nanoseconds; a stall begins this long after the first message, and the delayed
    answers leave at its end.
    """

    delay_ns: int = 0
    jitter_ns: int = 0  # up to this much more, evenly spread
    stall_after_ns: int = 0
    stall_ns: int = 0
    drop_every: int = 0  # 100: every hundredth answer of all is never sent
    swaps: bool = False  # of two messages on a connection the second is answered first; the last, if alone, never


class Account(msgspec.Struct, frozen=True):
    """The target's account. ``held_ns`` has, for each answer, how long after its message it left."""

    received: int
    answered: int
    dropped: int
    held_ns: list[int]


class Target:
    """All connections together."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.held_ns: list[int] = []
        self.received = self.dropped = self._asked = 0
        self._chance = random.Random(1)
        self._due: list[tuple[int, int, int, Connection, bytes]] = []
        self._order = count()
        self._first_ns = 0

    def came(self, connection: Connection, payload: bytes, at_ns: int) -> None:
        self._first_ns = self._first_ns or at_ns
        self._asked += 1
        if self.behaviour.drop_every and self._asked % self.behaviour.drop_every == 0:
            self.dropped += 1
        else:
            heapq.heappush(self._due, (self._due_ns(at_ns), next(self._order), at_ns, connection, payload))

    def answer_due(self) -> float:
        """Send what is due, and return for how many seconds the loop may sleep; -1 is until something comes."""
        while self._due:
            left_ns = self._due[0][0] - time.monotonic_ns()
            if left_ns > 0:
                return max(0, left_ns - _SPIN_NS) / 1e9
            _, _, came_ns, connection, payload = heapq.heappop(self._due)
            self.held_ns.append(time.monotonic_ns() - came_ns)
            connection.write(bytes((0x81, len(payload))) + payload)
        return -1

    def account(self) -> Account:
        return Account(self.received, len(self.held_ns), self.dropped, self.held_ns)

    def _due_ns(self, at_ns: int) -> int:
        behaviour = self.behaviour
        due_ns = at_ns + behaviour.delay_ns + round(self._chance.random() * behaviour.jitter_ns)
        begins_ns = self._first_ns + behaviour.stall_after_ns
        ends_ns = begins_ns + behaviour.stall_ns
        return ends_ns if begins_ns <= due_ns < ends_ns else due_ns


class Connection:
    def __init__(self, target: Target, tcp: socket.socket) -> None:
        tcp.setblocking(False)
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tcp.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPING, _SOFTWARE_STAMPS)
        self.tcp = tcp
        self._target = target
        self._unread = b""
        self._is_open = False
        self._second_first: tuple[bytes, int] | None = None

    def read(self) -> bool:
        """Read; return False at the connection's end."""
        try:
            data, ancillary, _, _ = self.tcp.recvmsg(65536, 256)
        except OSError:
            return False
        at_ns = _came_ns(ancillary)
        self._unread += data
        if not self._is_open:
            self._upgrade()
        while self._is_open and (frame := self._frame()) is not None:
            opcode, payload = frame
            if opcode == _CLOSE:
                self.write(bytes((0x80 | _CLOSE, len(payload))) + payload)
                return False
            self._message(payload, at_ns)
        return bool(data)

    def write(self, data: bytes) -> None:
        """Write data that is small enough for the kernel to take; ignore a peer that is gone."""
        if self.tcp.fileno() >= 0:
            try:
                self.tcp.send(data)
            except OSError:
                return

    def _upgrade(self) -> None:
        head, whole, rest = self._unread.partition(b"\r\n\r\n")
        if not whole:
            return
        names = (line.partition(b":") for line in head.split(b"\r\n"))
        key = next(value.strip() for name, _, value in names if name.lower() == b"sec-websocket-key")
        accept = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
        answer = (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        )
        self.write(answer + accept + b"\r\n\r\n")
        self._unread, self._is_open = rest, True

    def _frame(self) -> tuple[int, bytes] | None:
        """Return the next whole frame: masked, and of at most 125 bytes."""
        if len(self._unread) < 2 or len(self._unread) < (whole := 6 + (self._unread[1] & 0x7F)):
            return None
        frame, self._unread = self._unread[:whole], self._unread[whole:]
        mask = frame[2:6]
        return frame[0] & 15, bytes(byte ^ mask[place % 4] for place, byte in enumerate(frame[6:]))

    def _message(self, payload: bytes, at_ns: int) -> None:
        self._target.received += 1
        if not self._target.behaviour.swaps:
            self._target.came(self, payload, at_ns)
        elif self._second_first is None:
            self._second_first = (payload, at_ns)
        else:
            (first, first_ns), self._second_first = self._second_first, None
            self._target.came(self, payload, at_ns)
            self._target.came(self, first, first_ns)


def _came_ns(ancillary: list[tuple[int, int, bytes]]) -> int:
    """Return when data came, on CLOCK_MONOTONIC; now, where the kernel gives no stamp."""
    now_ns = time.monotonic_ns()
    for _, kind, data in ancillary:
        if kind == _SO_TIMESTAMPING:
            seconds, ns = struct.unpack_from("@2l", data)
            return min(now_ns, int(seconds) * 10**9 + int(ns) - _OFFSET_NS)
    return now_ns


def serve(behaviour: Behaviour) -> Account:
    target = Target(behaviour)
    connections: dict[int, Connection] = {}
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening, select.epoll() as ready:
        print(listening.getsockname()[1], flush=True)
        ready.register(listening, select.EPOLLIN)
        ready.register(sys.stdin, select.EPOLLIN)
        while True:
            for number, _ in ready.poll(target.answer_due()):
                if number == sys.stdin.fileno():
                    return target.account()
                if number == listening.fileno():
                    connection = Connection(target, listening.accept()[0])
                    connections[connection.tcp.fileno()] = connection
                    ready.register(connection.tcp, select.EPOLLIN)
                elif not connections[number].read():
                    ready.unregister(number)
                    connections.pop(number).tcp.close()


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(serve(msgspec.json.decode(sys.argv[1], type=Behaviour))))
