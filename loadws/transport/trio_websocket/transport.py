"""The trio-websocket client, adapted to the listener of ``base``.

A connection is one task, trio-websocket's own reader, between a watched byte stream below it and a watched ``wsproto``
connection beside it (``instrumented``). Every event passes there, so a message is handed over with the stamp of the
very read that completed it: the reader does not read again before all events of a read are handled. (With TLS it is the
read of the record's last bytes.)

Three private names of the library are used here, ``_reader_task``, ``_recv_channel`` and ``_send`` of 0.12; the version
is pinned, and a test fails when they change. ``_reader_task``, because the public ways start it in a nursery and wait
for an upgrade that may never come; ``_recv_channel``, because after a local close the library discards what the peer
still sends; ``_send``, because the public ``ping`` waits for its pong.

Defects of the library that are handled here: an answer other than 101 raises out of the reader; a ping that comes after
our close frame, or a second frame of a message that is too large, raises there too; a protocol violation is noted but
not answered; a pong that waits behind a blocked write stops the reading; TCP is left open after a refusal and after the
peer's close; and after our close the library does not wait for the peer to close TCP first, so that this machine would
run out of ephemeral ports.

Errors with a cause outside (the libraries' protocol errors, OSError, ValueError, RuntimeError) end their own connection
with kind ``failed`` and no other. Everything else, and every error of a listener, is a defect: it leaves the connector
and ends the run.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Literal

import h11
import trio
import trio_websocket
from msgspec.structs import replace
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, Request, TextMessage
from wsproto.utilities import ProtocolError

from loadws.transport.background import background
from loadws.transport.base import (
    NO_TIMINGS,
    ConnectFailed,
    Connection,
    Connector,
    ConnectRequest,
    ConnectTimings,
    End,
    HandshakeRefused,
    Listener,
    ListenerRaised,
    NotOpen,
    Outgoing,
    Payload,
    Repeated,
    Timer,
    Timers,
    UncountedWire,
    WireBytes,
    close_payload,
    encodable,
)
from loadws.transport.cookies import Jar
from loadws.transport.net.outbox import Outbox, WaitingMessage, WaitingPing, WaitingPong
from loadws.transport.net.pings import Pings
from loadws.transport.net.read_rate import Pace
from loadws.transport.net.tcp import READ_SIZE, TcpStream
from loadws.transport.opening.attempt import Attempt
from loadws.transport.opening.http_request import host_and_headers
from loadws.transport.opening.route import Shared
from loadws.transport.trio_websocket.instrumented import TOO_LARGE, TOO_MANY_FRAMES, Frame, WatchedProtocol, WatchedWire
from loadws.transport.url import Url

#: How long a connection that has ended waits for the peer to close TCP first: the side that closes first keeps the port for
#: a minute.
LINGER_NS = 1_000_000_000
MOST_PING_BYTES = 125

_OUTSIDE = (ProtocolError, h11.ProtocolError, OSError, ValueError, RuntimeError)
_NO_CODE = 1005
_NOT_UTF8 = 1007
_VIOLATIONS = {
    _NOT_UTF8: "protocol.utf8",
    TOO_LARGE: "protocol.too_large",
    TOO_MANY_FRAMES: "protocol.fragments",
}

By = Literal["us", "peer", "lost"]

# Python prints warnings that are not handled. Here, what the library warns about is reported as a kind and a detail.
logging.getLogger("trio-websocket").addHandler(logging.NullHandler())


class TrioWebSocketTransport:
    """The transport ``--transport trio-websocket``."""

    name = "trio-websocket"

    def open(self, timers: Timers, wire: WireBytes | None = None) -> AbstractAsyncContextManager[Connector]:
        return self._open(timers, wire or UncountedWire())

    @asynccontextmanager
    async def _open(self, timers: Timers, wire: WireBytes) -> AsyncIterator[Connector]:
        async with background() as nursery:
            connector = _Connector(timers, nursery, wire)
            try:
                yield connector
            finally:
                connector.cut_off()


class _Connector:
    def __init__(self, timers: Timers, nursery: trio.Nursery, wire: WireBytes) -> None:
        self.timers = timers
        self.wire = wire
        self.nursery = nursery
        self._shared = Shared(timers)
        self.live: dict[_Connection, None] = {}
        self._attempts: set[Attempt[_Connection]] = set()

    def begin(self, request: ConnectRequest, listener: Listener, jar: Jar | None, wake: Callable[[], None]) -> None:
        """Return None: a connection is opened by a task."""

    async def connect(self, request: ConnectRequest, listener: Listener, jar: Jar | None = None) -> Connection:
        make = partial(_Connection, self, listener)
        attempt = Attempt(request, self._shared, make, jar)
        self._attempts.add(attempt)
        try:
            with attempt.scope:
                await attempt.run()
            return attempt.outcome()
        except BaseException:
            attempt.abandon()
            raise
        finally:
            self._attempts.discard(attempt)

    def cut_off(self) -> None:
        """End at the end of the run: every attempt fails and every connection ends, and each reports that once."""
        for attempt in self._attempts:
            attempt.cut_off()
        for connection in list(self.live):
            connection.cut_off()


class _Connection:
    """A connection and its one state. ``closing``: our close frame is out. ``ended``: reported, though TCP may linger."""

    def __init__(
        self,
        connector: _Connector,
        listener: Listener,
        request: ConnectRequest,
        tcp: TcpStream,
        began_ns: int,
    ) -> None:
        self._connector = connector
        self._timers = connector.timers
        self._request = request
        self._listener = listener
        self._tcp = tcp
        self._state: Literal["upgrading", "open", "closing", "ended"] = "upgrading"
        self._failure: ConnectFailed | HandshakeRefused | None = None
        self._decided = trio.Event()
        self._over: trio.Event | None = None
        self._our_close: tuple[int, str] = (1000, "")
        self._outbox = Outbox()
        self._writer_runs = False
        self._write_began_ns = 0
        self._write_deadline: Timer | None = None
        self._linger: Timer | None = None
        self._pings = Pings(connector.timers, self)
        self.has_opened = False
        self._began_ns = began_ns
        self.timings = NO_TIMINGS
        self.subprotocol: str | None = None
        self.response_headers: tuple[tuple[str, str], ...] = ()

    @property
    def ended(self) -> bool:
        return self._state == "ended"

    # Called by its user.

    def forget_opening(self) -> None:
        self.timings, self.response_headers = NO_TIMINGS, ()

    async def send(self, payload: Payload, out: Outgoing, fragments: int = 1) -> None:
        assert fragments == 1, "the library sends a message whole: see terms.transports"
        self._check_open()
        try:
            await self._send_message(payload, out)
        except trio_websocket.ConnectionClosed:
            raise NotOpen from None
        if not out.written_ns:
            raise NotOpen("the write failed")

    def begin_send(self, payload: Payload | Repeated, out: Outgoing, fragments: int = 1) -> Awaitable[None]:
        return self.send(payload.payload if isinstance(payload, Repeated) else payload, out, fragments)

    def send_soon(self, payload: Payload, out: Outgoing, fragments: int = 1) -> None:
        assert fragments == 1, "the library sends a message whole: see terms.transports"
        self._check_open()
        if isinstance(payload, str):
            payload = encodable(payload)
        self._outbox.put(WaitingMessage(payload, out, _size(payload)))
        self._start_writer()

    def ping(self, payload: bytes) -> int:
        if len(payload) > MOST_PING_BYTES:
            raise ValueError(f"a ping carries at most {MOST_PING_BYTES} bytes")
        self._check_open()
        # It is only queued now, so this is a little early; ``on_pong`` reports the stamp of the write.
        return self._pings.send(payload)

    def begin_close(self, code: int, reason: str, wake: Callable[[], None]) -> bool:
        """Return False: a connection is closed by a task."""
        return False

    def stop_closing(self) -> None:
        """Do nothing: ``close`` does so itself where it is cancelled."""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if self._state == "ended":
            await trio.lowlevel.checkpoint()
            return
        if self._over is None:
            self._over = trio.Event()
        if self._state == "open":
            await self._close_handshake(code, reason, self._over)
        else:
            await self._over.wait()

    def drop(self) -> None:
        self._cut("us")

    def limit_reading(self, bytes_per_s: float | None) -> None:
        self._tcp.keep_pace(None if bytes_per_s is None or self._state != "open" else Pace(bytes_per_s))

    # Called by the connector and its attempt.

    async def upgrade(self, stream: trio.abc.Stream, url: Url, parts: ConnectTimings, scope: trio.CancelScope) -> None:
        """Start the connection's task and wait until it has opened.

        Raises:
            ConnectFailed: No response came.
            HandshakeRefused: The response was no good 101.
        """
        self.timings = parts
        self._protocol = WatchedProtocol(self, self._request.max_message_size)
        is_plain = not url.secure and url.unix_path is None
        self._wire = WatchedWire(
            self, stream, self._request, scope, self._timers.now_ns, self._connector.wire, is_plain=is_plain
        )
        host, headers = host_and_headers(self._request, url)
        self._ws = trio_websocket.WebSocketConnection(
            self._wire,
            self._protocol,
            host=host,
            path=url.target,
            client_subprotocols=self._request.subprotocols,
            client_extra_headers=headers,
            message_queue_size=1,  # enough: each message is taken out before the next event
            max_message_size=sys.maxsize,  # judged by ``watched``: the library counts characters
            receive_buffer_size=READ_SIZE,
        )
        self._messages = self._ws._recv_channel.clone()
        self._connector.nursery.start_soon(self._run)
        await self._decided.wait()
        if self._failure is not None:
            raise self._failure

    def out_of_time(self) -> ConnectFailed | HandshakeRefused:
        return self._wire.out_of_time()

    def cut_off(self) -> None:
        self._cut("us", kind="cut_off")

    async def _run(self) -> None:
        """Run the connection's one task."""
        try:
            await self._ws._reader_task()
            self._decide(ConnectFailed("upgrade", "cut_off", "the attempt was given up"))
        except (ConnectFailed, HandshakeRefused) as error:
            self._decide(error)
        except _OUTSIDE as error:
            self._decide(ConnectFailed("upgrade", "malformed" if self._wire.upgraded else "failed", repr(error)))
            self._cut("lost", kind="failed", reason=repr(error))
        finally:
            if self._state == "closing":  # the task that closes was cancelled, and is about to report it
                self._cut("us", *self._our_close, kind="cut_off")
            self._cut("lost", kind="failed", reason="reading has stopped")
            self._tcp.cut()
            self._messages.close()
            if self._linger is not None:
                self._linger.cancel()
            if self.has_opened:
                self._let_go()

    def _let_go(self) -> None:
        """Drop the library's objects and the listener, which are not used any more. They refer to each other, so only
        the garbage collector would free them, and it holds up the load.
        """
        del self._ws, self._protocol, self._wire, self._pings, self._listener

    def _decide(self, failure: ConnectFailed | HandshakeRefused) -> None:
        if not self.has_opened:
            self._failure = failure
            self._decided.set()

    # Called by ``instrumented``.

    def answer_came(self, head: bytes) -> None:
        self._trace("in", "response", head)

    def opened(self) -> None:
        self._state = "open"
        self.has_opened = True
        self.subprotocol = self._ws.subprotocol
        headers = self._ws.handshake_headers
        self.response_headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
        answered_ns = self._tcp.read_ns
        self.timings = replace(
            self.timings, total_ns=answered_ns - self._began_ns, upgrade_ns=answered_ns - self._wire.asked_ns
        )
        self._connector.live[self] = None
        self._decided.set()
        self._tell(self._listener.on_open, self)
        if self._request.ping_every_ns is not None and not self.ended:
            self._pings.keep_alive(self._request.ping_every_ns, self._request.ping_timeout_ns)

    def message_completed(self) -> None:
        try:
            payload = self._messages.receive_nowait()
        except (trio.WouldBlock, trio.EndOfChannel):
            return  # a write has failed in the meantime, and the library has closed its queue
        if self._request.trace:
            self._trace("in", *_traced(payload))
        self._tell(self._listener.on_message, payload, self._tcp.read_ns)

    def pinged(self, payload: bytes) -> None:
        self._trace("in", "ping", payload)
        if self._state == "open":
            self._outbox.put_pong(payload)
            self._start_writer()

    def ponged(self, payload: bytes) -> None:
        self._trace("in", "pong", payload)
        self._tell(self._listener.on_pong, payload, self._pings.answered(payload), self._tcp.read_ns)

    def peer_closed(self, code: int, reason: str) -> None:
        self._trace("in", "close", close_payload(_given(code), reason))
        if self._state == "closing":
            self._end("us", *self._our_close)
        else:
            self._end("peer", _given(code), reason)

    def peer_violated(self, code: int, reason: str) -> None:
        if self._state == "closing":
            self._end("us", *self._our_close)
        else:
            self._end("lost", kind=_VIOLATIONS.get(code, "protocol.frame"), reason=reason)

    def write_began(self, frame: Frame) -> None:
        now_ns = self._timers.now_ns()
        self._write_began_ns = now_ns
        if self._write_deadline is None and not self.ended:
            self._write_deadline = self._timers.call_at(now_ns + self._request.write_timeout_ns, self._check_write)
        if frame.out is not None:
            frame.out.sent_ns = now_ns
        if isinstance(frame.event, Ping):
            self._pings.stamp(bytes(frame.event.payload), now_ns)

    def write_ended(self, frame: Frame) -> None:
        self._write_began_ns = 0
        if frame.out is not None:
            frame.out.written_ns = self._timers.now_ns()
        if self._request.trace:
            self._trace_written(frame)

    def write_broke(self) -> None:
        """Continue reading after a failed write, for a bounded time: the peer may have sent a close frame before."""
        self._write_began_ns = 0
        if self._linger is None:
            self._linger = self._timers.call_at(
                self._timers.now_ns() + LINGER_NS, lambda: self.read_ended("reset", "a write failed")
            )

    def write_was_cancelled(self) -> None:
        self.drop()

    def read_ended(self, kind: str, detail: str) -> None:
        if self._state == "closing":
            self._cut("us", *self._our_close)
        else:
            self._cut("lost", kind=kind, reason=detail)

    def library_closes(self) -> None:
        """Let the peer close TCP first after a complete close handshake; cut TCP now after any other."""
        if not self.ended:
            self._tcp.cut()

    # Ending.

    def _end(self, by: By, code: int | None = None, reason: str = "", kind: str | None = None) -> None:
        """Report the end, once. A close frame may still have to be answered; TCP is cut soon after."""
        if self._state in ("upgrading", "ended"):
            return
        self._state = "ended"
        self.limit_reading(None)
        self._connector.live.pop(self, None)
        self._pings.stop()
        self._outbox.clear()
        for timer in (self._write_deadline, self._linger):
            if timer is not None:
                timer.cancel()
        self._linger = self._timers.call_at(self._timers.now_ns() + LINGER_NS, self._tcp.cut)
        if self._over is not None:
            self._over.set()
        at_ns = self._tcp.read_ns if by == "peer" else self._timers.now_ns()
        self._tell(self._listener.on_end, End(by, at_ns, code, reason, kind))

    def _cut(self, by: By, code: int | None = None, reason: str = "", kind: str | None = None) -> None:
        """End the connection, and TCP with it. One that has ended in order may linger on."""
        if not self.ended:
            self._tcp.cut()
            self._end(by, code, reason, kind)

    async def _close_handshake(self, code: int, reason: str, over: trio.Event) -> None:
        self.limit_reading(None)
        self._state = "closing"
        self._our_close = (code, reason)
        deadline_ns = self._timers.now_ns() + self._request.close_timeout_ns
        timer = self._timers.call_at(deadline_ns, lambda: self._cut("us", code, reason, "close_timeout"))
        try:
            await self._ws.aclose(code, reason or None)
            await over.wait()
        except trio.Cancelled:
            self._cut("us", code, reason, "cut_off")
            raise
        finally:
            timer.cancel()

    def ping_timed_out(self) -> None:
        self._cut("lost", kind="ping_timeout", reason="a ping was not answered")

    def _check_write(self) -> None:
        self._write_deadline = None
        due_ns = self._write_began_ns + self._request.write_timeout_ns
        if not self._write_began_ns:
            return
        if due_ns <= self._timers.now_ns():
            self._cut("lost", kind="write_timeout", reason="the peer does not take what is written")
        else:
            self._write_deadline = self._timers.call_at(due_ns, self._check_write)

    # Writing.

    def _check_open(self) -> None:
        if self._state != "open":
            raise NotOpen

    async def _send_message(self, payload: Payload, out: Outgoing) -> None:
        # The library makes the frame before it first waits, so this is the next one that the protocol sees.
        protocol = self._protocol
        protocol.next_out = out
        try:
            await self._ws.send_message(payload)
        except UnicodeEncodeError:
            protocol.next_out = out
            await self._ws.send_message(encodable(str(payload)))
        finally:
            protocol.next_out = None

    def write_ping(self, payload: bytes) -> None:
        self._check_open()
        self._outbox.put(WaitingPing(payload))
        self._start_writer()

    def _start_writer(self) -> None:
        """Start the writer. It lives while something waits: most connections have none."""
        if not self._writer_runs:
            self._writer_runs = True
            self._connector.nursery.start_soon(self._write_waiting)

    async def _write_waiting(self) -> None:
        try:
            while self._state == "open" and self._outbox:
                await self._write_next()
        except trio_websocket.ConnectionClosed:
            pass  # the reader sees why, and reports it
        finally:
            self._writer_runs = False

    async def _write_next(self) -> None:
        match self._outbox.take():
            case WaitingMessage(payload, out):
                await self._write_waiting_message(payload, out)
            case WaitingPing(payload):
                await self._ws._send(Ping(payload))
            case WaitingPong(payload):
                await self._ws._send(Pong(payload))

    async def _write_waiting_message(self, payload: Payload, out: Outgoing) -> None:
        try:
            await self._send_message(payload, out)
        finally:
            if out.written_ns:
                self._tell(out.on_written)
            elif out.sent_ns:
                self._tell(out.on_unfinished)

    # Reporting.

    def _tell(self, call: Callable[..., None], *told: object) -> None:
        try:
            call(*told)
        except Exception as error:
            raise ListenerRaised(f"a listener raised {error!r}") from error

    def _trace(self, direction: Literal["in", "out"], what: str, payload: bytes) -> None:
        if self._request.trace:
            at_ns = self._tcp.read_ns if direction == "in" else self._timers.now_ns()
            self._tell(self._listener.on_frame, direction, what, payload, at_ns)

    def _trace_written(self, frame: Frame) -> None:
        match frame.event:
            case Request():
                self._trace("out", "request", bytes(frame))
            case TextMessage(data=payload) | BytesMessage(data=payload):
                self._trace("out", *_traced(payload))
            case Ping(payload=payload):
                self._trace("out", "ping", bytes(payload))
            case Pong(payload=payload):
                self._trace("out", "pong", bytes(payload))
            case CloseConnection(code=code, reason=reason):
                self._trace("out", "close", close_payload(_given(code), reason or ""))


def _given(code: int) -> int | None:
    """Return the close code; None for 1005, by which the library means that a close frame has no code."""
    return None if code == _NO_CODE else int(code)


def _size(payload: Payload) -> int:
    return len(payload if isinstance(payload, bytes) else payload.encode())


def _traced(payload: str | bytes | bytearray) -> tuple[str, bytes]:
    return ("text", payload.encode()) if isinstance(payload, str) else ("binary", bytes(payload))
