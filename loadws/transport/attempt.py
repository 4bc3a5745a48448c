"""One connection being opened: name, TCP, TLS and upgrade under one deadline, each part timed and each failure in its phase.

The upgrade is the transport's own; it comes in as an ``Upgrading``, made when TCP is there.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

import trio

from loadws.transport.base import (
    ConnectFailed,
    ConnectRequest,
    ConnectTimings,
    FailurePhase,
    HandshakeRefused,
    Timers,
)
from loadws.transport.dial import Names, open_tcp, start_tls
from loadws.transport.request import checked_url
from loadws.transport.tcp import TcpStream
from loadws.transport.url import WsUrl


class Upgrading(Protocol):
    """A connection from TCP on."""

    @property
    def has_opened(self) -> bool: ...

    async def upgrade(
        self, stream: trio.abc.Stream, url: WsUrl, parts: ConnectTimings, scope: trio.CancelScope
    ) -> None:
        """Returns when it has opened; raises what came instead. ``parts`` are the timings so far, without a total."""

    def out_of_time(self) -> ConnectFailed | HandshakeRefused:
        """What to raise where the deadline came in the middle of the upgrade."""

    def drop(self) -> None: ...


Opened = TypeVar("Opened", bound=Upgrading)


class Attempt(Generic[Opened]):
    """``run`` inside ``scope``, then ask for the ``outcome``; on any error, ``abandon``."""

    def __init__(
        self,
        request: ConnectRequest,
        timers: Timers,
        names: Names,
        tls: Callable[[ConnectRequest], ssl.SSLContext],
        connection: Callable[[TcpStream, int], Opened],
        secure: Callable[[TcpStream, ssl.SSLContext, str], Awaitable[trio.abc.Stream]] = start_tls,
    ) -> None:
        """``connection`` gets TCP and the moment that the attempt began; ``secure`` makes the TLS handshake."""
        self._request = request
        self._timers = timers
        self._names = names
        self._tls = tls
        self._make = connection
        self._secure = secure
        self._began_ns = timers.now_ns()
        self._phase: FailurePhase = "dns"
        self._was_cut_off = False
        self._tcp: TcpStream | None = None
        self._connection: Opened | None = None
        self.scope = trio.CancelScope(deadline=trio.current_time() + request.open_timeout_ns / 1e9)

    async def run(self) -> None:
        try:
            url = checked_url(self._request)
        except ValueError as error:
            raise ConnectFailed("upgrade", "failed", str(error)) from error
        addresses, dns_ns = await self._names.resolve(url.host, url.port)
        self._phase = "tcp"
        tcp_began_ns = self._timers.now_ns()
        self._tcp = await open_tcp(addresses, self._timers, self.scope.deadline)
        tcp_ns = self._timers.now_ns() - tcp_began_ns
        stream, tls_ns = await self._secured(self._tcp, url)
        self._phase = "upgrade"
        self._connection = self._make(self._tcp, self._began_ns)
        await self._connection.upgrade(stream, url, ConnectTimings(0, dns_ns, tcp_ns, tls_ns), self.scope)

    def outcome(self) -> Opened:
        """The open connection, or raises why there is none. One that opened in the moment of the deadline is open."""
        if self._connection is not None and self._connection.has_opened:
            return self._connection
        if self._was_cut_off:
            raise ConnectFailed(self._phase, "cut_off", "the run was over before the connection was open")
        if self._connection is not None:
            raise self._connection.out_of_time()
        raise ConnectFailed(self._phase, "timeout", f"not done within {self._request.open_timeout_ns / 1e9:g} s")

    def abandon(self) -> None:
        """Nobody waits any more: closes what is half open, drops what is open."""
        if self._connection is not None and self._connection.has_opened:
            self._connection.drop()
        elif self._tcp is not None:
            self._tcp.cut()

    def cut_off(self) -> None:
        """The run is over."""
        self._was_cut_off = True
        self.scope.cancel()

    async def _secured(self, tcp: TcpStream, url: WsUrl) -> tuple[trio.abc.Stream, int | None]:
        if not url.secure:
            return tcp, None
        self._phase = "tls"
        began_ns = self._timers.now_ns()
        stream = await self._secure(tcp, self._tls(self._request), url.host)
        return stream, self._timers.now_ns() - began_ns
