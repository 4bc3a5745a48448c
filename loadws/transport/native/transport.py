"""Open connections of the native transport. An open connection is a state machine of its own: ``connection``."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import msgspec
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
from loadws.transport.native.straight import StraightOpening
from loadws.transport.net.tcp import TcpStream
from loadws.transport.opening.attempt import Attempt
from loadws.transport.opening.dial import Tries
from loadws.transport.opening.http_request import checked_url
from loadws.transport.opening.redirects import redirected
from loadws.transport.opening.route import Shared
from loadws.transport.opening.upgrade_request import Question, Upgrade
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
        self._question: Question | None = None

    async def connect(self, request: ConnectRequest, listener: Listener, jar: Jar | None = None) -> Connection:
        over = trio.Event()
        opening = self.begin(request, listener, jar, over.set)
        if opening is None:
            return await self._attempt(Attempt(request, self._shared, partial(_Opening, self, listener), jar))
        try:
            if not opening.is_over:
                await over.wait()
        except BaseException:
            opening.abandon()
            raise
        return opening.result() if opening.go_on is None else await opening.go_on()

    async def _attempt(self, attempt: Attempt[_Opening]) -> Connection:
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

    def begin(
        self, request: ConnectRequest, listener: Listener, jar: Jar | None, wake: Callable[[], None]
    ) -> StraightOpening | None:
        dial = self.reactor.dial
        if dial is None or self.is_over or request.proxy is not None:
            return None
        asked, question = request, self._question_of(request)
        url = question.url
        if url.secure or url.unix_path is not None:
            return None
        addresses = self._shared.names.known(url.host, url.port, request.network.resolve)
        if addresses is None:
            return None
        if jar:
            request = msgspec.structs.replace(request, headers=jar.with_cookies(url, request.headers))
            question = Question(request, url)
        opening = StraightOpening(
            self.timers,
            self.reactor,
            dial,
            self.wire,
            request,
            listener,
            Tries(addresses, request.network, self._shared.sources),
            question.upgrade(),
            partial(self._follow, asked, listener, jar),
            None if jar is None else partial(jar.keep, url),
            wake,
        )
        opening.begin()
        return opening

    def _question_of(self, request: ConnectRequest) -> Question:
        """Return the question of a request. Most of a run's connections make the same one, which is kept.

        Raises:
            ConnectFailed: The request cannot be sent.
        """
        if self._question is None or self._question.request is not request:
            try:
                self._question = Question(request, checked_url(request))
            except ValueError as error:
                raise ConnectFailed("upgrade", "request", str(error)) from error
        return self._question

    def _follow(
        self, asked: ConnectRequest, listener: Listener, jar: Jar | None, refusal: HandshakeRefused, began_ns: int
    ) -> Callable[[], Awaitable[Connection]]:
        """Return how to open the connection that a redirect leads to.

        Raises:
            HandshakeRefused: The refusal is no redirect, or is not followed.
        """
        following = redirected(asked, refusal)
        opening = partial(_Opening, self, listener)
        return lambda: self._attempt(Attempt(following, self._shared, opening, jar, began_ns))

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
        self._upgrade = Question(self._request, url).upgrade()
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
