"""An open connection of the native transport: a synchronous state machine between its socket and its listener.

Bytes come in by ``received``, from the one task that reads for all (``reactor``), are decrypted and decoded, and leave
as calls of the listener. What is written is encoded, encrypted and offered to the kernel at once, in whatever task asks for
it; only bytes that the kernel does not take have a ``Backlog`` and make a task wait. So an open connection costs no task, no
queue and no buffer, and a message no wait of its own.

Its states: ``open``; ``closing``, our close frame is out or next; ``broken``, writing has failed and what the peer said
before is still read; ``ended``, told, though TCP may linger so that the peer closes it first.

Errors: what the outside can cause ends its own connection. What a listener raises is a defect: it leaves the task in which
it was called as ``ListenerRaised``, the reactor's mostly, and ends the run.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Literal

import trio

from loadws.transport.base import (
    NO_TIMINGS,
    ConnectRequest,
    ConnectTimings,
    End,
    Listener,
    ListenerRaised,
    NotOpen,
    Outgoing,
    Payload,
    Repeated,
    Timer,
    Timers,
    WireBytes,
    close_payload,
)
from loadws.transport.codec.deflate import Deflater, Inflater
from loadws.transport.codec.frames import (
    BINARY,
    CLOSE,
    MOST_CONTROL_BYTES,
    PING,
    PONG,
    TEXT,
    Decoder,
    Prepared,
    ProtocolViolation,
    cut_reason,
    encode,
    encode_fragmented,
    read_close,
)
from loadws.transport.codec.negotiation import Agreement
from loadws.transport.losses import loss_kind
from loadws.transport.native.reactor import Reactor
from loadws.transport.net.backlog import Backlog, Write
from loadws.transport.net.pings import Pings
from loadws.transport.net.read_rate import Pace, SlowSocket
from loadws.transport.net.tcp import LARGE_READ_SIZE, READ_SIZE
from loadws.transport.tls.layers import Session

#: How many frames of one connection are decoded before others have their turn: some milliseconds of work.
FRAMES_AT_ONCE = 1_024
#: How long a connection that has ended waits for the peer to close TCP first: the side that closes first keeps the port for
#: a minute.
LINGER_NS = 1_000_000_000

#: The calls to make at the end of a connection, where no task waits for it: shared, and never filled.
NO_CALLS: list[Callable[[], None]] = []

_NAMES = {TEXT: "text", BINARY: "binary", PING: "ping", PONG: "pong", CLOSE: "close"}

By = Literal["us", "peer", "lost"]
State = Literal["open", "closing", "broken", "ended"]


class NativeConnection:
    __slots__ = (
        "_backlog",
        "_catching_up",
        "_close_deadline",
        "_closers",
        "_decoder",
        "_deflater",
        "_is_paused",
        "_is_plain",
        "_linger",
        "_listener",
        "_now_ns",
        "_our_close",
        "_pings",
        "_reactor",
        "_request",
        "_state",
        "_timers",
        "_tls",
        "_wire",
        "_write_deadline",
        "read_size",
        "response_headers",
        "subprotocol",
        "tcp",
        "timings",
    )

    def __init__(
        self,
        timers: Timers,
        reactor: Reactor,
        request: ConnectRequest,
        listener: Listener,
        connected: socket.socket,
        session: Session | None,
        agreed: Agreement | None,
        wire: WireBytes,
    ) -> None:
        self.tcp = connected
        self.read_size = READ_SIZE
        self.timings = NO_TIMINGS
        self.subprotocol: str | None = None
        self.response_headers: tuple[tuple[str, str], ...] = ()
        self._timers = timers
        self._now_ns = timers.now_ns
        self._reactor = reactor
        self._request = request
        self._listener = listener
        self._tls = session
        self._wire = wire
        self._deflater: Deflater | None = None
        inflater: Inflater | None = None
        if agreed is not None:
            self._deflater = Deflater(agreed.our_window_bits, agreed.our_context_takeover, agreed.level)
            inflater = Inflater(agreed.their_window_bits, agreed.their_context_takeover, request.max_message_size)
        self._decoder = Decoder(request.max_message_size, inflater, FRAMES_AT_ONCE)
        self._catching_up: Timer | None = None
        self._is_paused = False
        self._is_plain = session is None and self._deflater is None and not request.trace
        self._state: State = "open"
        self._our_close: tuple[int, str] = (1000, "")
        self._closers: list[Callable[[], None]] = NO_CALLS
        self._close_deadline: Timer | None = None
        self._backlog: Backlog | None = None
        self._write_deadline: Timer | None = None
        self._linger: Timer | None = None
        self._pings: Pings | None = None

    def open(
        self,
        timings: ConnectTimings,
        subprotocol: str | None,
        headers: tuple[tuple[str, str], ...],
        after: bytes,
        answered_ns: int,
    ) -> None:
        """Start reading. ``after`` is the data that came with the 101."""
        self.timings = timings
        self.subprotocol = subprotocol
        self.response_headers = headers
        self._reactor.add(self)
        tell(partial(self._listener.on_open, self))
        if self._state == "ended":
            return
        every_ns = self._request.ping_every_ns
        if every_ns is not None:
            self._pings = Pings(self._timers, self)
            self._pings.keep_alive(every_ns, self._request.ping_timeout_ns)
        if after:
            self._decode(after, answered_ns)

    # Called by its user.

    def forget_opening(self) -> None:
        self.timings, self.response_headers = NO_TIMINGS, ()

    async def send(self, payload: Payload, out: Outgoing, fragments: int = 1) -> None:
        """Send; wait, and let others have their turn, only where the kernel does not accept all of it."""
        unwritten = self.begin_send(payload, out, fragments)
        if unwritten is not None:
            await unwritten

    def begin_send(self, payload: Payload | Repeated, out: Outgoing, fragments: int = 1) -> Awaitable[None] | None:
        if self._state != "open":
            raise NotOpen
        if isinstance(payload, Repeated):
            if self._is_plain and self._backlog is None and fragments == 1:
                # The hot path of a constant payload: its frame is made ready once, and only masked anew.
                frame = (payload.ready or _make_ready(payload))()
                size = len(frame)
                self._wire.wire_sent += size
                out.sent_ns = self._now_ns()
                try:
                    taken = self.tcp.send(frame)
                except OSError:
                    taken = 0  # and the longer way says why
                if taken == size:
                    out.written_ns = self._now_ns()
                    return None
                return self._write_rest(frame, taken, payload.payload, out)
            payload = payload.payload
        opcode, data = _opcode_and_data(payload)
        if self._backlog is None:
            if self._write(opcode, data, out, fragments):
                return None
            write = self._held_up().current = Write(opcode, data, out, trio.Event())
        else:
            write = Write(opcode, data, out, trio.Event(), fragments)
            self._backlog.put(write, bounded=False)
        return self._until_written(write)

    def send_soon(self, payload: Payload, out: Outgoing, fragments: int = 1) -> None:
        if self._state != "open":
            raise NotOpen
        opcode, data = _opcode_and_data(payload)
        if self._backlog is not None:
            self._backlog.put(Write(opcode, data, out, fragments=fragments))
        elif self._write(opcode, data, out, fragments):
            tell(out.on_written)
        else:
            self._held_up().current = Write(opcode, data, out)

    def ping(self, payload: bytes) -> int:
        if len(payload) > MOST_CONTROL_BYTES:
            raise ValueError(f"a ping carries at most {MOST_CONTROL_BYTES} bytes")
        if self._state != "open":
            raise NotOpen
        if self._pings is None:
            self._pings = Pings(self._timers, self)
        return self._pings.send(payload)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if self._state == "ended":
            await trio.lowlevel.checkpoint()
            return
        over = trio.Event()
        self.begin_close(code, reason, over.set)
        try:
            await over.wait()
        except trio.Cancelled:
            self.stop_closing()
            raise

    def begin_close(self, code: int, reason: str, wake: Callable[[], None]) -> bool:
        if self._state != "ended":
            self._closers = [*self._closers, wake]
        if self._state in ("open", "broken"):
            self._close_handshake(code, reason)
        return True

    def stop_closing(self) -> None:
        self._cut("us", *self._our_close, "cut_off")

    def drop(self) -> None:
        self._cut("us")

    def limit_reading(self, bytes_per_s: float | None) -> None:
        self._read_freely()
        if bytes_per_s is not None and self._state == "open":
            watch = partial(self._reactor.want_readable, self)
            self.tcp = slow = SlowSocket(self.tcp, Pace(bytes_per_s), self._timers, watch)
            slow.begin()

    # Called by the reactor and the timers.

    def received(self, data: bytes, at_ns: int) -> None:
        if not data:
            self._catch_up(at_ns)
            self._read_ended("eof", "the peer closed TCP without a close frame")
        elif self._state != "ended":  # after the end, what still comes is ignored
            if self._tls is None:
                self._decode(data, at_ns)
            else:
                self._decrypt(self._tls, data, at_ns)

    def broke(self, error: OSError) -> None:
        self._catch_up(self._now_ns())
        self._read_ended(loss_kind(error), str(error))

    def writable(self) -> None:
        """Continue writing: the kernel accepts more."""
        backlog = self._backlog
        if backlog is None:
            return
        try:
            taken = self.tcp.send(backlog.rest)
        except BlockingIOError:
            return
        except OSError as error:
            self._write_failed(error)
            return
        backlog.rest = backlog.rest[taken:]
        if not backlog.rest:
            if self._request.trace and backlog.current is not None:
                self._trace("out", backlog.current.opcode, backlog.current.payload, self._now_ns())
            self._write_waiting(backlog)

    def cut_off(self) -> None:
        self._cut("us", kind="cut_off")
        self._close_tcp()

    def ping_timed_out(self) -> None:
        self._cut("lost", kind="ping_timeout", reason="a ping was not answered")

    # Reading.

    def _go_on_reading(self) -> None:
        if self._is_paused:
            self._is_paused = False
            self._reactor.want_readable(self, True)

    def _read_freely(self) -> None:
        self._go_on_reading()
        if isinstance(self.tcp, SlowSocket):
            self.tcp = self.tcp.plain()
            self._reactor.want_readable(self, True)

    def _decrypt(self, tls: Session, data: bytes, at_ns: int) -> None:
        """Hand over the messages that were complete before TLS ended or broke, then fail."""
        if plain := tls.decrypt(data):
            self._decode(plain, at_ns)
        self._say_for_tls(tls)
        if tls.failure is not None or tls.at_eof:
            self._catch_up(at_ns)
        if tls.failure is not None:
            self._read_ended("failed", str(tls.failure))
        elif tls.at_eof:
            self._read_ended("eof", "the peer closed TLS without a close frame")

    def _say_for_tls(self, tls: Session) -> None:
        """Send an alert or another record of TLS itself. Behind a backlog it waits: the next encrypted write carries
        it.
        """
        if self._backlog is None and (own := tls.to_send()):
            with contextlib.suppress(NotOpen):
                self._offer(own, self._now_ns())

    def _decode(self, data: bytes, at_ns: int) -> None:
        """Hand over the complete messages, until one of them ends the connection.

        Frames beyond the limit of one turn wait, and nothing is read meanwhile.

        Raises:
            ListenerRaised: The listener has a defect.
        """
        self._wire.wire_received += len(data)
        on_message = self._listener.on_message
        if not self._request.trace and (only := self._decoder.only_message(data)) is not None:
            try:
                on_message(only, at_ns)
            except Exception as error:
                raise ListenerRaised(f"a listener raised {error!r}") from error
            return
        try:
            events = self._decoder.feed(data)
            violation = None
        except ProtocolViolation as broken:
            events, violation = broken.events, broken
        for opcode, payload in events:
            if self._request.trace:
                self._trace("in", opcode, payload, at_ns)
            if opcode <= BINARY:
                try:
                    on_message(payload, at_ns)
                except Exception as error:
                    raise ListenerRaised(f"a listener raised {error!r}") from error
            else:
                assert isinstance(payload, bytes)
                self._control(opcode, payload, at_ns)
            if self._state == "ended":
                return
        self.read_size = LARGE_READ_SIZE if self._decoder.left > READ_SIZE else READ_SIZE
        if violation is not None:
            self._violated(violation)
        elif self._decoder.is_behind:
            self._fall_behind(at_ns)

    def _fall_behind(self, at_ns: int) -> None:
        if not self._is_paused and not isinstance(self.tcp, SlowSocket):
            self._is_paused = True
            self._reactor.want_readable(self, False)
        if self._catching_up is None:
            self._catching_up = self._timers.call_at(self._now_ns(), partial(self._decode_more, at_ns))

    def _decode_more(self, at_ns: int) -> None:
        """Decode the waiting frames, in the next turn of the loop."""
        self._catching_up = None
        self._decode(b"", at_ns)
        if self._state != "ended" and not self._decoder.is_behind:
            self._go_on_reading()

    def _catch_up(self, at_ns: int) -> None:
        """Hand over all frames that have come: nothing more will come."""
        while self._state != "ended" and self._decoder.is_behind:
            self._decode(b"", at_ns)

    def _control(self, opcode: int, payload: bytes, at_ns: int) -> None:
        if opcode == PING:
            self._answer_ping(payload)
        elif opcode == PONG:
            sent_ns = self._pings.answered(payload) if self._pings is not None else 0
            tell(partial(self._listener.on_pong, payload, sent_ns, at_ns))
        else:
            self._peer_closed(payload, at_ns)

    def _answer_ping(self, payload: bytes) -> None:
        if self._state != "open":
            return
        if self._backlog is not None:
            self._backlog.put_pong(Write(PONG, payload))
        else:
            self._write_control(PONG, payload)

    def _peer_closed(self, payload: bytes, at_ns: int) -> None:
        if self._state == "closing":
            self._end("us", *self._our_close)
            return
        if self._state == "open":
            self._say_last(payload)
        self._end("peer", *read_close(payload), at_ns=at_ns)

    def _violated(self, violation: ProtocolViolation) -> None:
        if self._state == "closing":
            self._end("us", *self._our_close)
        else:
            if self._state == "open":
                self._say_last(_close_payload(violation.code, violation.detail))
            self._end("lost", kind=violation.kind, reason=violation.detail)

    def _read_ended(self, kind: str, detail: str) -> None:
        if self._state == "closing":
            self._cut("us", *self._our_close)
        else:
            self._cut("lost", kind=kind, reason=detail)
        self._close_tcp()

    # Writing.

    def _write_rest(self, frame: bytes, taken: int, payload: Payload, out: Outgoing) -> Awaitable[None] | None:
        """Write the rest of a frame that the kernel did not take whole at once."""
        if self._offer(memoryview(frame)[taken:], out.sent_ns):
            out.written_ns = self._now_ns()
            return None
        write = self._held_up().current = Write(*_opcode_and_data(payload), out, trio.Event())
        return self._until_written(write)

    def _write(self, opcode: int, data: bytes, out: Outgoing | None, fragments: int = 1) -> bool:
        """Write a message; return True if the kernel accepted all of it at once. Else its frame is now current in the
        backlog.

        Raises:
            NotOpen: The write fails.
        """
        is_plain = fragments == 1 and self._deflater is None
        frame = encode(opcode, data) if is_plain else self._frames(opcode, data, fragments)
        self._wire.wire_sent += len(frame)
        if self._tls is not None:
            frame = self._tls.encrypt(frame)
        sent_ns = self._now_ns()
        if out is not None:
            out.sent_ns = sent_ns
        if not self._offer(frame, sent_ns):
            return False
        if out is not None:
            out.written_ns = self._now_ns()
        if self._request.trace:
            self._trace("out", opcode, data, self._now_ns())
        return True

    def _frames(self, opcode: int, data: bytes, fragments: int) -> bytes:
        """Encode a message that is compressed or fragmented. Call this in the order of the wire, which both sides'
        windows follow.
        """
        deflater = self._deflater if opcode <= BINARY else None
        if deflater is not None:
            data = deflater.compress(data)
        return encode_fragmented(opcode, data, fragments, rsv1=deflater is not None)

    def _offer(self, data: bytes | memoryview, at_ns: int) -> bool:
        """Offer bytes to the kernel; return True where it took all of them.

        Raises:
            NotOpen: The write fails.
        """
        try:
            taken = self.tcp.send(data)
        except BlockingIOError:
            taken = 0
        except OSError as error:
            self._write_failed(error)
            raise NotOpen("the write failed") from error
        if taken == len(data):
            return True
        backlog = self._held_up()
        backlog.rest = memoryview(data)[taken:]
        backlog.began_ns = at_ns
        return False

    def _write_control(self, opcode: int, payload: bytes) -> None:
        """Write a control frame without waiting; if it cannot be written, the reader notices."""
        with contextlib.suppress(NotOpen):
            if not self._write(opcode, payload, None):
                self._held_up().current = Write(opcode, payload)

    def write_ping(self, payload: bytes) -> None:
        if self._state != "open":
            raise NotOpen
        if self._backlog is not None:
            self._backlog.put(Write(PING, payload))
            return
        if self._pings is not None:
            self._pings.stamp(payload, self._now_ns())
        if not self._write(PING, payload, None):
            self._held_up().current = Write(PING, payload)

    def _say_last(self, payload: bytes) -> None:
        """Write our close frame, behind a frame that was begun; nothing comes after it."""
        if self._backlog is None:
            self._write_control(CLOSE, payload)
        else:
            self._backlog.clear()
            self._backlog.put(Write(CLOSE, payload), bounded=False)

    def _held_up(self) -> Backlog:
        """Return the backlog, made where there is none: from now on the kernel reports when it accepts more."""
        if self._backlog is None:
            self._backlog = Backlog()
            self._reactor.want_writable(self, True)
            due_ns = self._now_ns() + self._request.write_timeout_ns
            self._write_deadline = self._timers.call_at(due_ns, self._check_write)
        return self._backlog

    def _write_waiting(self, backlog: Backlog) -> None:
        """Write as much of the waiting frames as the kernel accepts."""
        while self._backlog is backlog:
            self._written(backlog.current)
            write = backlog.take()
            if self._backlog is not backlog:  # the receiver of the call ended the connection
                return
            if write is None:
                self._nothing_waits()
                if self._state == "ended":
                    self._say_goodbye()
                return
            try:
                if not self._write_one(write):
                    return
            except NotOpen:
                return

    def _write_one(self, write: Write) -> bool:
        if write.opcode == PING and self._pings is not None:
            self._pings.stamp(write.payload, self._now_ns())
        return self._write(write.opcode, write.payload, write.out, write.fragments)

    def _written(self, write: Write | None) -> None:
        if write is None or write.out is None:
            return
        write.out.written_ns = write.out.written_ns or self._now_ns()
        if write.done is not None:
            write.done.set()
        else:
            tell(write.out.on_written)

    def _nothing_waits(self) -> None:
        self._backlog = None
        self._reactor.want_writable(self, False)
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None

    def _check_write(self) -> None:
        backlog = self._backlog
        if backlog is None:
            return
        due_ns = backlog.began_ns + self._request.write_timeout_ns
        if due_ns <= self._now_ns():
            self._cut("lost", kind="write_timeout", reason="the peer does not take what is written")
        else:
            self._write_deadline = self._timers.call_at(due_ns, self._check_write)

    async def _until_written(self, write: Write) -> None:
        assert write.done is not None
        assert write.out is not None
        try:
            await write.done.wait()
        except trio.Cancelled:
            if self._backlog is not None and not self._backlog.withdraw(write):
                self.drop()
            raise
        if not write.out.written_ns:
            raise NotOpen("the write failed")

    def _write_failed(self, error: OSError) -> None:
        """Stop writing. What the peer said before is still read, its close frame perhaps, for ``LINGER_NS``.

        Where this machine has no memory to write with, nothing is awaited.
        """
        if loss_kind(error) == "no_memory":
            self._cut("lost", kind="no_memory", reason=str(error))
            return
        if self._state == "open":
            self._state = "broken"
        self._give_up_writing()
        if self._linger is None:
            self._linger = self._timers.call_at(self._now_ns() + LINGER_NS, self._reset)

    def _reset(self) -> None:
        self._read_ended("reset", "a write failed")

    def _give_up_writing(self) -> None:
        """Drop everything that waits to be written, and wake the tasks that wait for it."""
        backlog = self._backlog
        if backlog is None:
            return
        self._nothing_waits()
        backlog.clear()
        self._disown(backlog)

    def _disown(self, backlog: Backlog) -> None:
        """Release the frame that was begun, and wake the task that waits for it."""
        write, backlog.current = backlog.current, None
        if write is None:
            return
        if write.done is not None:
            write.done.set()
        elif write.out is not None:
            tell(write.out.on_unfinished)

    # Ending.

    def _close_handshake(self, code: int, reason: str) -> None:
        self._read_freely()
        self._our_close = (code, reason)
        was_open, self._state = self._state == "open", "closing"
        deadline_ns = self._now_ns() + self._request.close_timeout_ns
        self._close_deadline = self._timers.call_at(deadline_ns, self._close_timed_out)
        if was_open:
            self._say_last(_close_payload(code, reason))

    def _close_timed_out(self) -> None:
        self._cut("us", *self._our_close, "close_timeout")

    def _end(
        self, by: By, code: int | None = None, reason: str = "", kind: str | None = None, at_ns: int | None = None
    ) -> None:
        """Report the end, once. The last frames may still be on their way; TCP is closed soon after."""
        if self._state == "ended":
            return
        self._state = "ended"
        if self._backlog is not None:
            self._disown(self._backlog)
        listener = self._listener
        self._let_go()
        if self.tcp.fileno() >= 0:
            self._linger = self._timers.call_at(self._now_ns() + LINGER_NS, self._close_tcp)
        if by != "lost" and kind is None:
            self._say_goodbye()
        for wake in self._closers:
            wake()
        self._closers = NO_CALLS
        end = End(by, self._now_ns() if at_ns is None else at_ns, code, reason, kind)
        tell(partial(listener.on_end, end))

    def _say_goodbye(self) -> None:
        """Send TLS's close alert once the last frame is out. Where the kernel has no room for it, the end of TCP has to
        do.
        """
        if self._tls is not None and self._backlog is None and self.tcp.fileno() >= 0:
            with contextlib.suppress(OSError):
                self.tcp.send(self._tls.goodbye())

    def _cut(self, by: By, code: int | None = None, reason: str = "", kind: str | None = None) -> None:
        """End the connection, and TCP with it. One that has ended in order may linger on."""
        if self._state != "ended":
            self._give_up_writing()
            self._close_tcp()
            self._end(by, code, reason, kind)

    def _let_go(self) -> None:
        """Drop the listener: kept, it and the connection would hold each other, and only the
        collector, which holds up the load, would free them."""
        del self._listener, self._decoder
        self._read_freely()
        for timer in (self._write_deadline, self._linger, self._catching_up, self._close_deadline):
            if timer is not None:
                timer.cancel()
        self._write_deadline = self._linger = self._catching_up = self._close_deadline = None
        if self._pings is not None:
            self._pings.stop()
            self._pings = None

    def _close_tcp(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        self._backlog = None  # a close frame that was still to go
        if self.tcp.fileno() >= 0:
            self._read_freely()
            self._reactor.remove(self)
            self.tcp.close()

    # Reporting.

    def _trace(self, direction: Literal["in", "out"], opcode: int, payload: Payload, at_ns: int) -> None:
        if self._state != "ended":
            data = payload.encode() if isinstance(payload, str) else payload
            tell(partial(self._listener.on_frame, direction, _NAMES[opcode], data, at_ns))


def tell(call: Callable[[], None]) -> None:
    try:
        call()
    except Exception as error:
        raise ListenerRaised(f"a listener raised {error!r}") from error


def _close_payload(code: int, reason: str) -> bytes:
    return close_payload(code, cut_reason(reason))


def _make_ready(payload: Repeated) -> Callable[[], bytes]:
    frame = Prepared(*_opcode_and_data(payload.payload)).frame
    payload.ready = frame
    return frame


def _opcode_and_data(payload: Payload) -> tuple[int, bytes]:
    """Return the opcode and the bytes. Lone surrogates, which no frame can carry, become question marks."""
    return (BINARY, payload) if isinstance(payload, bytes) else (TEXT, payload.encode("utf-8", "replace"))
