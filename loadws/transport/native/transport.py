"""Open connections of the native transport. An open connection is a state machine of its own: ``connection``."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import trio
from msgspec.structs import replace

from loadws.transport.background import background
from loadws.transport.base import (
    ConnectFailed,
    Connection,
    Connector,
    ConnectRequest,
    ConnectTimings,
    HandshakeRefused,
    Listener,
    Timers,
    UncountedWire,
    WireBytes,
)
from loadws.transport.cookies import Headers, Jar
from loadws.transport.native.connection import NativeConnection, tell
from loadws.transport.native.reactor import Reactor, best_reactor
from loadws.transport.net.tcp import TcpStream
from loadws.transport.opening.attempt import Attempt
from loadws.transport.opening.route import Shared
from loadws.transport.opening.upgrade_request import Upgrade
from loadws.transport.tls.contexts import start_session
from loadws.transport.tls.layers import session_of
from loadws.transport.url import Url


class NativeTransport:
    """The transport ``--transport native``."""

    name = "native"

    def __init__(self, make_reactor: Callable[[Callable[[], int]], Reactor] = best_reactor) -> None:
        self._make_reactor = make_reactor

    def open(self, timers: Timers, wire: WireBytes | None = None) -> AbstractAsyncContextManager[Connector]:
        return self._open(timers, wire or UncountedWire())

    @asynccontextmanager
    async def _open(self, timers: Timers, wire: WireBytes) -> AsyncIterator[Connector]:
        with contextlib.closing(self._make_reactor(timers.now_ns)) as reactor:
            async with background() as nursery:
                reactor.start(nursery)
                connector = _Connector(timers, reactor, wire)
                try:
                    yield connector
                finally:
                    connector.cut_off()


class _Connector:
    def __init__(self, timers: Timers, reactor: Reactor, wire: WireBytes) -> None:
        self.timers = timers
        self.reactor = reactor
        self.wire = wire
        self.is_over = False
        self._shared = Shared(timers, start_session)
        self._attempts: set[Attempt[_Opening]] = set()

    async def connect(self, request: ConnectRequest, listener: Listener, jar: Jar | None = None) -> Connection:
        opening = partial(_Opening, self, listener)
        attempt = Attempt(request, self._shared, opening, jar)
        self._attempts.add(attempt)
        try:
            with attempt.scope:
                await attempt.run()
            return attempt.outcome().opened()
        except BaseException:
            attempt.abandon()
            raise
        finally:
            self._attempts.discard(attempt)

    def cut_off(self) -> None:
        """End at the end of the run: every attempt fails and every connection ends, and each reports that once."""
        self.is_over = True
        for attempt in self._attempts:
            attempt.cut_off()
        self.reactor.cut_off()


class _Opening:
    """An attempt from TCP on. Its result is an open connection."""

    def __init__(
        self, connector: _Connector, listener: Listener, request: ConnectRequest, tcp: TcpStream, began_ns: int
    ) -> None:
        self._connector = connector
        self._request = request
        self._listener = listener
        self._tcp = tcp
        self._began_ns = began_ns
        self._upgrade: Upgrade | None = None
        self._connection: NativeConnection | None = None

    @property
    def has_opened(self) -> bool:
        return self._connection is not None

    @property
    def response_headers(self) -> Headers:
        assert self._upgrade is not None
        return self._upgrade.answer.headers

    def opened(self) -> NativeConnection:
        assert self._connection is not None
        return self._connection

    async def upgrade(self, stream: trio.abc.Stream, url: Url, parts: ConnectTimings, scope: trio.CancelScope) -> None:
        self._upgrade = Upgrade(self._request, url)
        asked_ns = self._connector.timers.now_ns()
        await self._upgrade.run(stream, scope, self._trace)
        if self._connector.is_over:
            raise ConnectFailed("upgrade", "cut_off", "the run was over before the connection was open")
        answered_ns = self._tcp.read_ns
        timings = replace(parts, total_ns=answered_ns - self._began_ns, upgrade_ns=answered_ns - asked_ns)
        session = session_of(stream)
        answer = self._upgrade.answer
        self._connection = NativeConnection(
            self._connector.timers,
            self._connector.reactor,
            self._request,
            self._listener,
            self._tcp.detach(),
            session,
            answer.compression,
            self._connector.wire,
        )
        self._connection.open(timings, answer.subprotocol, answer.headers, answer.after, answered_ns)

    def out_of_time(self) -> ConnectFailed | HandshakeRefused:
        assert self._upgrade is not None
        return self._upgrade.out_of_time()

    def drop(self) -> None:
        self.opened().drop()

    def _trace(self, what: str, data: bytes) -> None:
        if self._request.trace:
            at_ns = self._tcp.read_ns if what == "response" else self._connector.timers.now_ns()
            tell(partial(self._listener.on_frame, "in" if what == "response" else "out", what, data, at_ns))
