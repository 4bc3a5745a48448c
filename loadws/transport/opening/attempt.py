"""One connection being opened: the way to the server and the upgrade under one deadline, again for each redirect.

The transport passes its own upgrade as an ``Upgrading``, which is made when TCP is open.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import trio
from msgspec.structs import replace

from loadws.terms.units import NS_PER_S
from loadws.transport.base import (
    ConnectFailed,
    ConnectRequest,
    ConnectTimings,
    FailurePhase,
    HandshakeRefused,
)
from loadws.transport.cookies import Headers, Jar
from loadws.transport.net.tcp import TcpStream
from loadws.transport.opening.http_request import checked_url
from loadws.transport.opening.redirects import redirected
from loadws.transport.opening.route import Shared, Way
from loadws.transport.url import Url, parse_url


class Upgrading(Protocol):
    """A connection while its WebSocket handshake runs: TCP, and TLS where there is some, are open."""

    @property
    def has_opened(self) -> bool: ...

    @property
    def response_headers(self) -> Headers:
        """Return the headers of the 101, once it has opened."""

    async def upgrade(self, stream: trio.abc.Stream, url: Url, parts: ConnectTimings, scope: trio.CancelScope) -> None:
        """Upgrade; return when the WebSocket has opened. ``parts`` are the timings so far, without a total.

        Raises:
            ConnectFailed: No response came.
            HandshakeRefused: The response was no good 101.
        """

    def out_of_time(self) -> ConnectFailed | HandshakeRefused:
        """Return the exception to raise where the deadline passed during the upgrade."""

    def drop(self) -> None: ...


Opened = TypeVar("Opened", bound=Upgrading)


class Attempt(Generic[Opened]):
    """An attempt. ``run`` it inside ``scope``, then ask for the ``outcome``; on any error, ``abandon`` it."""

    def __init__(
        self,
        request: ConnectRequest,
        shared: Shared,
        connection: Callable[[ConnectRequest, TcpStream, int], Opened],
        jar: Jar | None = None,
        began_ns: int | None = None,
    ) -> None:
        """Prepare an attempt. ``connection`` gets the request, which a redirect may have changed, TCP, and when the
        attempt began: now, unless a server has been asked before and ``began_ns`` is when.

        ``jar`` has the user's cookies; every server on the way gets and sets them.
        """
        self._request = self._asked = request
        self._jar = jar
        self._shared = shared
        self._make = connection
        now_ns = shared.timers.now_ns()
        self._began_ns = now_ns if began_ns is None else began_ns
        self._was_cut_off = False
        self._way: Way | None = None
        self._connection: Opened | None = None
        left_ns = self._began_ns + request.open_timeout_ns - now_ns
        self.scope = trio.CancelScope(deadline=trio.current_time() + left_ns / NS_PER_S)

    async def run(self) -> None:
        while True:
            try:
                await self._ask(self._asked)
            except HandshakeRefused as refusal:
                self._keep_cookies(refusal.headers)
                self._asked = redirected(self._asked, refusal)
                self._leave()
            else:
                assert self._connection is not None
                self._keep_cookies(self._connection.response_headers)
                return

    async def _ask(self, request: ConnectRequest) -> None:
        try:
            url = checked_url(request)
        except ValueError as error:
            raise ConnectFailed("upgrade", "request", str(error)) from error
        if self._jar:
            request = replace(request, headers=self._jar.with_cookies(url, request.headers))
        self._way = Way(self._shared, request, url, self.scope.deadline)
        stream, tcp = await self._way.go()
        self._connection = self._make(request, tcp, self._began_ns)
        await self._connection.upgrade(stream, url, self._way.parts, self.scope)

    def _keep_cookies(self, headers: Headers) -> None:
        if self._jar is not None:
            self._jar.keep(parse_url(self._asked.url), headers)

    def _leave(self) -> None:
        """Close the way to this server, before the next one is asked."""
        self.abandon()
        self._way = self._connection = None

    def outcome(self) -> Opened:
        """Return the open connection, also where it opened at the moment of the deadline.

        Raises:
            ConnectFailed: The run is over, or no response came.
            HandshakeRefused: The response was no good 101.
        """
        if self._connection is not None and self._connection.has_opened:
            return self._connection
        if self._was_cut_off:
            raise ConnectFailed(self._phase, "cut_off", "the run was over before the connection was open")
        if self._connection is not None:
            failure = self._connection.out_of_time()
            if isinstance(failure, HandshakeRefused):
                self._keep_cookies(failure.headers)
            raise failure
        raise ConnectFailed(self._phase, "timeout", f"not done within {self._request.open_timeout_ns / 1e9:g} s")

    def abandon(self) -> None:
        """Give up: close what is half open, drop what is open."""
        if self._connection is not None and self._connection.has_opened:
            self._connection.drop()
        elif self._way is not None and self._way.tcp is not None:
            self._way.tcp.cut()

    def cut_off(self) -> None:
        """End at the end of the run."""
        self._was_cut_off = True
        self.scope.cancel()

    @property
    def _phase(self) -> FailurePhase:
        if self._connection is not None:
            return "upgrade"
        return self._way.phase if self._way is not None else "dns"
