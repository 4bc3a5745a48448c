"""One client of the fast echo: a synchronous state machine, bytes in and bytes out, which the reactor drives.

A small message in one frame, all of it in one read and nothing waiting to be written, is handled by the first lines of
``received``: without its mask, the frame is the answer itself. All other messages go through the decoder.

A client that does not read its answers is not read either, once ``MOST_WAITING_BYTES`` wait for it: so no more than
that, and the answers to one read, ever wait.
"""

from __future__ import annotations

import socket
from collections import deque
from enum import Enum, auto
from typing import Protocol

from loadws.target.counts import Counts, add
from loadws.target.limits import MAX_MESSAGE_SIZE, READ_SIZE, REFUSAL_BODY
from loadws.target.unmask import Unmasker
from loadws.target.upgrade import NoUpgrade, Upgrade
from loadws.transport.codec.frames import BINARY, CLOSE, PING, PONG, TEXT, Decoder, Event, ProtocolViolation, read_close
from loadws.transport.codec.masking import MASKED, MOST_IN_ONE_BYTE, plain_frame, unmasked

MOST_WAITING_BYTES = 1 << 20
_MASKED_HEAD = 6  # a small frame's bytes before its payload
_FIN = 0x80
_NOT_A_MESSAGE = -1
_NO_CODE = 1005


class State(Enum):
    UPGRADING = auto()
    OPEN = auto()
    #: Our close frame is sent, and the peer's is awaited.
    CLOSING = auto()
    #: The last bytes are being written.
    LEAVING = auto()
    #: All is written. Bytes that still come are read and dropped: a close with unread bytes would discard our last ones.
    LINGERING = auto()
    ENDED = auto()


class Host(Protocol):
    """The server, as its clients see it."""

    counts: Counts

    def refused_with(self) -> int | None:
        """Return the status of the next upgrade, or None where it is accepted."""

    def opened(self, client: FastClient) -> None: ...
    def must_end_soon(self, client: FastClient) -> None:
        """End the client within ``CLOSE_WITHIN_S``."""

    def want_writable(self, client: FastClient, wanted: bool) -> None: ...
    def want_readable(self, client: FastClient, wanted: bool) -> None: ...
    def ended(self, client: FastClient) -> None:
        """Forget the client and close its socket."""


class FastClient:
    """An ``Endpoint`` of the reactor."""

    read_size = READ_SIZE
    __slots__ = ("_closed_by_us", "_counts", "_decoder", "_host", "_outcome", "_unmasker", "_upgrade", "_waiting",
                 "_waiting_bytes", "state", "tcp")  # fmt: skip

    def __init__(self, tcp: socket.socket, host: Host) -> None:
        self.tcp = tcp
        self.state = State.UPGRADING
        self._host = host
        self._counts = host.counts
        self._upgrade: Upgrade | None = Upgrade()
        self._unmasker = Unmasker()
        self._decoder = Decoder(MAX_MESSAGE_SIZE)
        self._waiting: deque[tuple[bytes, int]] = (
            deque()
        )  # what is left of a frame, and its payload's size if a message
        self._waiting_bytes = 0
        self._closed_by_us = False
        self._outcome: str | None = None  # the close code that the peer sent or got, or the status it was refused with

    # -- called by the reactor ----------------------------------------------------------------------------------------

    def received(self, data: bytes, at_ns: int) -> None:
        size = len(data) - _MASKED_HEAD
        if (
            0 <= size <= MOST_IN_ONE_BYTE
            and data[1] == MASKED | size
            and self.state is State.OPEN
            and not self._waiting
            and self._unmasker.is_between_frames
        ):
            frame = data[:1] + bytes((size,)) + unmasked(data[2:_MASKED_HEAD], data[_MASKED_HEAD:])
            if self._decoder.only_message(frame) is not None:
                return self._echo(frame, size)
        return self._receive(data)

    def broke(self, error: OSError) -> None:
        self._end()

    def writable(self) -> None:
        if self.state is not State.ENDED:
            self._write()

    def cut_off(self) -> None:
        self._end()

    # -- called by the server -----------------------------------------------------------------------------------------

    def close(self, code: int) -> None:
        """Begin the close handshake, where the peer has not."""
        if self.state is State.OPEN:
            self._closed_by_us = True
            self.state = State.CLOSING
            self._host.must_end_soon(self)
            self._put(plain_frame(_FIN | CLOSE, code.to_bytes(2)))
            self._write()

    # -- bytes in -------------------------------------------------------------------------------------------------------

    def _receive(self, data: bytes) -> None:
        match self.state:
            case State.UPGRADING:
                self._take_request(data)
            case State.OPEN | State.CLOSING if data:
                self._take_frames(data)
            case State.LEAVING | State.LINGERING if data:
                pass
            case State.ENDED:
                pass
            case _:
                self._end()

    def _take_request(self, data: bytes) -> None:
        assert self._upgrade is not None
        try:
            if not data or not self._upgrade.receive(data):
                return None if data else self._end()
        except NoUpgrade as refusal:
            return self._leave(refusal.answer)
        status = self._host.refused_with()
        if status is not None:
            self._outcome = str(status)
            return self._leave(self._upgrade.refuse(status, REFUSAL_BODY))
        return self._open(self._upgrade)

    def _open(self, upgrade: Upgrade) -> None:
        self._put(upgrade.accept())
        self.state, self._upgrade = State.OPEN, None
        self._host.opened(self)
        self._write()
        if upgrade.rest and self.state is State.OPEN:
            self._take_frames(upgrade.rest)

    def _take_frames(self, data: bytes) -> None:
        plain = self._unmasker.feed(data)
        violation = self._unmasker.violation
        try:
            events = self._decoder.feed(plain)
        except ProtocolViolation as found:
            events, violation = found.events, found
        for event in events:
            self._take(event)
        if violation is not None and self.state in (State.OPEN, State.CLOSING):
            self._outcome = str(violation.code)
            self._leave(plain_frame(_FIN | CLOSE, violation.code.to_bytes(2) + violation.detail.encode()))
        elif self.state is not State.ENDED:
            self._write()

    def _take(self, event: Event) -> None:
        match event:
            case (opcode, payload) if opcode in (TEXT, BINARY):
                self._answer(opcode, payload if isinstance(payload, bytes) else payload.encode())
            case (opcode, bytes(payload)) if opcode == PING and self.state is State.OPEN:
                self._put(plain_frame(_FIN | PONG, payload))
            case (opcode, bytes(payload)) if opcode == CLOSE:
                self._take_close(payload)

    def _answer(self, opcode: int, payload: bytes) -> None:
        counts, size = self._counts, len(payload)
        counts.messages_received += 1
        counts.bytes_received += size
        if self.state is State.OPEN:
            self._put(plain_frame(_FIN | opcode, payload), size)
        else:  # nothing follows a close frame
            counts.unsent += 1

    def _take_close(self, payload: bytes) -> None:
        if self._closed_by_us:
            return self._end()
        code, _ = read_close(payload)
        self._outcome = str(code or _NO_CODE)
        return self._leave(plain_frame(_FIN | CLOSE, payload))

    # -- bytes out ------------------------------------------------------------------------------------------------------

    def _echo(self, frame: bytes, size: int) -> None:
        counts = self._counts
        counts.messages_received += 1
        counts.bytes_received += size
        try:
            sent = self.tcp.send(frame)
        except BlockingIOError:
            sent = 0
        except OSError:
            counts.unsent += 1
            return self._end()
        if sent == len(frame):
            counts.messages_sent += 1
            counts.bytes_sent += size
            return None
        self._put(frame[sent:], size)
        return self._host.want_writable(self, True)

    def _put(self, frame: bytes, size: int = _NOT_A_MESSAGE) -> None:
        self._waiting.append((frame, size))
        self._waiting_bytes += len(frame)

    def _leave(self, last: bytes) -> None:
        """Send the last bytes; TCP ends when they are written."""
        self.state = State.LEAVING
        self._host.must_end_soon(self)
        self._put(last)
        self._write()

    def _write(self) -> None:
        """Write as much as the kernel takes; the reactor reports when it takes more."""
        while self._waiting:
            try:
                sent = self.tcp.send(b"".join(frame for frame, _ in self._waiting))
            except BlockingIOError:
                break
            except OSError:
                return self._end()
            self._written(sent)
        self._host.want_writable(self, bool(self._waiting))
        if self.state in (State.OPEN, State.CLOSING):
            self._host.want_readable(self, self._waiting_bytes < MOST_WAITING_BYTES)
        elif self.state is State.LEAVING and not self._waiting:
            self._linger()
        return None

    def _written(self, sent: int) -> None:
        self._waiting_bytes -= sent
        while self._waiting and sent >= len(self._waiting[0][0]):
            frame, size = self._waiting.popleft()
            sent -= len(frame)
            if size != _NOT_A_MESSAGE:
                self._counts.messages_sent += 1
                self._counts.bytes_sent += size
        if sent:
            frame, size = self._waiting[0]
            self._waiting[0] = frame[sent:], size

    # -- the end --------------------------------------------------------------------------------------------------------

    def _linger(self) -> None:
        """Wait until the peer ends TCP too, or the time is over."""
        self.state = State.LINGERING
        self._host.want_readable(self, True)
        try:
            self.tcp.shutdown(socket.SHUT_WR)
        except OSError:
            self._end()

    def _end(self) -> None:
        if self.state is State.ENDED:
            return
        was_open = self._upgrade is None
        self.state = State.ENDED
        counts = self._counts
        counts.unsent += sum(size != _NOT_A_MESSAGE for _, size in self._waiting)
        self._waiting.clear()
        if not was_open:
            self._count_refused()
        else:
            counts.upgraded += 1
            self._count_close()
        self._host.ended(self)

    def _count_refused(self) -> None:
        if self._outcome is None:
            self._counts.broken += 1
        else:
            add(self._counts.refused, self._outcome)

    def _count_close(self) -> None:
        """Count the close. A peer that broke the protocol is counted with the code that it was sent."""
        if self._closed_by_us:
            self._counts.closed_by_us += 1
        elif self._outcome is not None:
            add(self._counts.closed_by_peer, self._outcome)
        else:
            self._counts.lost += 1
