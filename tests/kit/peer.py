"""A scripted peer in memory: a whole ``Transport`` without sockets, so that minutes of load run in milliseconds.

All its time is the run's ``Timers``; under ``MockClock`` it is deterministic. It is a verified fake: it passes the
conformance kit, as the transports over sockets do. The peer's messages are handed over from a timer, never from inside
the call that they answer, as with a network.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Literal

import trio

from loadws.transport.base import (
    ConnectFailed,
    Connection,
    Connector,
    ConnectRequest,
    ConnectTimings,
    End,
    HandshakeRefused,
    Listener,
    NotOpen,
    Outgoing,
    Payload,
    Repeated,
    Timer,
    Timers,
    WireBytes,
    close_payload,
    encodable,
)
from loadws.transport.cookies import Jar
from loadws.transport.net.pings import Pings
from loadws.transport.net.read_rate import Pace
from loadws.transport.url import parse_url
from tests.kit.behaviour import Action, Behaviour, Leave, Say, Seen, Vanish

#: The bytes of a frame beside its payload.
HEAD_BYTES = 2


class ScriptedTransport:
    """A transport whose connections all meet the behaviour; ``seen`` counts over all its connectors."""

    name = "scripted"

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.seen = Seen()

    def open(self, timers: Timers, wire: WireBytes | None = None) -> AbstractAsyncContextManager[Connector]:
        return self._open(timers)

    @asynccontextmanager
    async def _open(self, timers: Timers) -> AsyncIterator[Connector]:
        connector = _ScriptedConnector(self.behaviour, self.seen, timers)
        try:
            yield connector
        finally:
            connector.cut_off()


class _ScriptedConnector:
    def __init__(self, behaviour: Behaviour, seen: Seen, timers: Timers) -> None:
        self.behaviour = behaviour
        self.seen = seen
        self.timers = timers
        self.live: dict[_ScriptedConnection, None] = {}

    def begin(self, request: ConnectRequest, listener: Listener, jar: Jar | None, wake: Callable[[], None]) -> None:
        """Return None: a connection is opened by a task."""

    async def connect(self, request: ConnectRequest, listener: Listener, jar: Jar | None = None) -> Connection:
        started_ns = self.timers.now_ns()
        attempt = self.seen.attempts
        self.seen.attempts += 1
        self.seen.urls.append(request.url)
        self.seen.cookies.append(jar.header_for(parse_url(request.url)) if jar else "")
        await wait_ns(self.timers, min(self.behaviour.connect_ns, request.open_timeout_ns))
        if self.behaviour.connect_ns > request.open_timeout_ns:
            raise ConnectFailed("upgrade", "timeout", "the scripted peer takes longer than open_timeout")
        if (refusal := self.behaviour.refuse(attempt)) is not None:
            self.seen.refused += 1
            if jar is not None and isinstance(refusal, HandshakeRefused):
                jar.keep(parse_url(request.url), refusal.headers)
            raise refusal
        took_ns = self.timers.now_ns() - started_ns
        timings = ConnectTimings(total_ns=took_ns, tcp_ns=0, upgrade_ns=took_ns)
        connection = _ScriptedConnection(self, request, listener, timings)
        if jar is not None:
            jar.keep(parse_url(request.url), self.behaviour.headers)
        connection.opened()
        return connection

    def cut_off(self) -> None:
        for connection in list(self.live):
            connection.end("us", kind="cut_off")


class _ScriptedConnection:
    def __init__(
        self, connector: _ScriptedConnector, request: ConnectRequest, listener: Listener, timings: ConnectTimings
    ) -> None:
        self._connector = connector
        self._behaviour = connector.behaviour
        self._seen = connector.seen
        self._timers = connector.timers
        self._request = request
        self._listener = listener
        self._pings = Pings(self._timers, self)
        self._received = 0
        self._state: Literal["open", "closing", "ended"] = "open"
        self._over = trio.Event()
        self._pace: Pace | None = None
        self._unread: deque[tuple[int, Callable[[], None]]] = (
            deque()
        )  # what has arrived: its size, and the call to make once it is read
        self._next_read: Timer | None = None
        self.timings = timings
        self.subprotocol = connector.behaviour.subprotocol
        self.response_headers = connector.behaviour.headers

    def opened(self) -> None:
        number = self._seen.opened
        self._seen.opened += 1
        self._seen.open_now += 1
        self._connector.live[self] = None
        self._trace("out", "request", encodable(self._request.url).encode())
        self._trace(
            "in", "response", b"".join(f"{name}: {value}\r\n".encode() for name, value in self.response_headers)
        )
        self._listener.on_open(self)
        if self._request.ping_every_ns is not None:
            self._pings.keep_alive(self._request.ping_every_ns, self._request.ping_timeout_ns)
        self._play(self._behaviour.on_open(number))

    def forget_opening(self) -> None:
        """Keep it: the tests read it."""

    async def send(self, payload: Payload, out: Outgoing, fragments: int = 1) -> None:
        await trio.lowlevel.checkpoint()
        self._check_open()
        out.sent_ns = self._timers.now_ns()
        if self._behaviour.write_ns:
            try:
                await wait_ns(self._timers, self._behaviour.write_ns)
            except trio.Cancelled:
                self.drop()
                raise
            self._check_open()
        self._written(payload, out)

    def begin_send(self, payload: Payload | Repeated, out: Outgoing, fragments: int = 1) -> Awaitable[None]:
        return self.send(payload.payload if isinstance(payload, Repeated) else payload, out, fragments)

    def send_soon(self, payload: Payload, out: Outgoing, fragments: int = 1) -> None:
        self._check_open()
        out.sent_ns = self._timers.now_ns()
        self._written(payload, out)
        out.on_written()

    def ping(self, payload: bytes) -> int:
        return self._pings.send(payload)

    def begin_close(self, code: int, reason: str, wake: Callable[[], None]) -> bool:
        """Return False: a connection is closed by a task."""
        return False

    def stop_closing(self) -> None:
        """Do nothing: ``close`` does so itself where it is cancelled."""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await trio.lowlevel.checkpoint()
        if self._state == "open":
            self.limit_reading(None)
            self._state = "closing"
            self._seen.closes[code] += 1
            self._trace("out", "close", close_payload(code, reason))
            if self._behaviour.answers_close:
                self._later(0, lambda: self._close_answered(code, reason))
            else:
                self._later(self._request.close_timeout_ns, lambda: self.end("us", code, reason, "close_timeout"))
        await self._over.wait()

    def drop(self) -> None:
        self.end("us")

    def limit_reading(self, bytes_per_s: float | None) -> None:
        self._pace = None if bytes_per_s is None or self._state != "open" else Pace(bytes_per_s)
        self._read_on()

    def end(
        self, by: Literal["us", "peer", "lost"], code: int | None = None, reason: str = "", kind: str | None = None
    ) -> None:
        if self._state == "ended":
            return
        self._state = "ended"
        self._seen.open_now -= 1
        self._connector.live.pop(self, None)
        self._pings.stop()
        self._unread.clear()
        self._over.set()
        self._listener.on_end(End(by, self._timers.now_ns(), code, reason, kind))

    def _check_open(self) -> None:
        if self._state != "open":
            raise NotOpen

    def _written(self, payload: Payload, out: Outgoing) -> None:
        out.written_ns = self._timers.now_ns()
        if isinstance(payload, str):
            payload = encodable(payload)
        self._received += 1
        self._seen.messages += 1
        self._seen.payloads.append(payload)
        self._trace_message("out", payload)
        self._play(self._behaviour.on_message(payload, self._received))

    def _play(self, actions: Sequence[Action]) -> None:
        for action in actions:
            self._later(action.after_ns, partial(self._arrive, _size(action), partial(self._act, action)))

    def _later(self, after_ns: int, call: Callable[[], None]) -> None:
        self._timers.call_at(self._timers.now_ns() + after_ns, call)

    def _arrive(self, size: int, read: Callable[[], None]) -> None:
        self._unread.append((size, read))
        self._read_on()

    def _read_on(self) -> None:
        """Read everything that the pace allows by now. The fake reads a message whole, and waits for it afterwards."""
        while self._unread and self._may_read():
            size, read = self._unread.popleft()
            if self._pace is not None:
                self._pace.took(size, self._timers.now_ns())
            read()

    def _may_read(self) -> bool:
        if self._next_read is not None:
            self._next_read.cancel()
            self._next_read = None
        free_ns = 0 if self._pace is None else self._pace.free_ns
        if free_ns is not None and free_ns > self._timers.now_ns():
            self._next_read = self._timers.call_at(free_ns, self._read_on)
        return free_ns is not None and self._next_read is None

    def _act(self, action: Action) -> None:
        if self._state == "ended":
            return
        match action:
            case Say(payload):
                self._hand_over(payload)
            case Leave(code, reason) if self._state == "open":
                self._trace("in", "close", close_payload(code, reason))
                self.end("peer", code, reason)
            case Vanish(kind) if self._state == "open":
                self.end("lost", kind=kind)

    def _close_answered(self, code: int, reason: str) -> None:
        if self._state != "ended":
            self._trace("in", "close", close_payload(code, reason))
            self.end("us", code, reason)

    def _hand_over(self, payload: Payload) -> None:
        if len(payload if isinstance(payload, bytes) else payload.encode()) > self._request.max_message_size:
            self.end("lost", kind="protocol.too_large", reason="a message above max_message_size")
            return
        self._seen.said += 1
        self._trace_message("in", payload)
        self._listener.on_message(payload, self._timers.now_ns())

    def write_ping(self, payload: bytes) -> None:
        self._check_open()
        self._seen.pings += 1
        self._trace("out", "ping", payload)
        if self._behaviour.answers_pings:
            pong = partial(self._pong, payload)
            self._later(self._behaviour.pong_ns, partial(self._arrive, HEAD_BYTES + len(payload), pong))

    def _pong(self, payload: bytes) -> None:
        if self._state != "ended":
            self._trace("in", "pong", payload)
            self._listener.on_pong(payload, self._pings.answered(payload), self._timers.now_ns())

    def ping_timed_out(self) -> None:
        self.end("lost", kind="ping_timeout", reason="a ping was not answered")

    def _trace_message(self, direction: Literal["in", "out"], payload: Payload) -> None:
        if isinstance(payload, str):
            self._trace(direction, "text", payload.encode())
        else:
            self._trace(direction, "binary", payload)

    def _trace(self, direction: Literal["in", "out"], what: str, payload: bytes) -> None:
        if self._request.trace:
            self._listener.on_frame(direction, what, payload, self._timers.now_ns())


def _size(action: Action) -> int:
    """Return about how many bytes an action has on the wire."""
    return HEAD_BYTES + (len(action.payload) if isinstance(action, Say) else 0)


async def wait_ns(timers: Timers, span_ns: int) -> None:
    """Wait on the run's timers; this is a checkpoint even where there is nothing to wait for."""
    over = trio.Event()
    timer = timers.call_at(timers.now_ns() + span_ns, over.set)
    try:
        await over.wait()
    finally:
        timer.cancel()
