"""Connections that carry requests, and how they are opened."""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import Protocol

import trio

from loadws.terms.proxies import ProxyAddress, parse_proxy
from loadws.transport.base import ConnectRequest, Network, Timers
from loadws.transport.net.tcp import TcpStream
from loadws.transport.opening.route import Shared, Way
from loadws.transport.tls.contexts import start_session
from loadws.transport.tls.layers import session_of
from loadws.transport.url import Url

#: How many reads of one socket may follow one another.
MOST_READS = 16


class Wire(Protocol):
    """An open connection to a server, or to a proxy that forwards to it."""

    @property
    def read_ns(self) -> int:
        """Return when the last read returned."""

    async def send_all(self, data: bytes) -> None: ...
    async def receive_some(self, max_bytes: int) -> bytes: ...
    def is_quiet(self) -> bool:
        """Return whether the server has neither closed nor sent anything that was not read."""

    def close(self) -> None:
        """Close it now. A second call does nothing."""


class Dial(Protocol):
    """An opener of connections."""

    def now_ns(self) -> int:
        """Return the time in ns, on the clock of all stamps."""

    async def __call__(self, url: Url, proxy: str | None) -> Wire:
        """Open a connection. Raise ``ConnectFailed``, or ValueError where the proxy's address is not valid."""


def forwarding_proxy(url: Url, proxy: str | None) -> ProxyAddress | None:
    """Return the proxy where it forwards requests, as HTTP proxies do for http://; None where it makes a tunnel, or
    there is none.

    Raise ValueError where its address is not valid.
    """
    address = parse_proxy(proxy) if proxy is not None else None
    return None if address is None or address.is_socks or url.secure else address


class NetworkDial:
    """An opener that works like that of upgrades."""

    def __init__(
        self,
        timers: Timers,
        tls: ssl.SSLContext | None = None,
        network: Network | None = None,
        *,
        presents_certificate: bool = False,
    ) -> None:
        """Prepare. Where ``tls`` is None, a default context is made now, in 20 ms."""
        self.now_ns = timers.now_ns
        self._shared = Shared(timers, start_session)
        self._tls = tls or self._shared.tls.default()
        self._network = network or Network()
        self._presents_certificate = presents_certificate

    async def __call__(self, url: Url, proxy: str | None) -> Wire:
        request = ConnectRequest(
            "",
            tls=self._tls,
            presents_certificate=self._presents_certificate,
            network=self._network,
            proxy=proxy,
        )
        is_forwarded = forwarding_proxy(url, proxy) is not None
        way = Way(self._shared, request, url, trio.current_effective_deadline(), is_forwarded=is_forwarded)
        try:
            stream, tcp = await way.go()
        except BaseException:
            if way.tcp is not None:
                way.tcp.cut()
            raise
        return _TcpWire(stream, tcp)


class _TcpWire:
    def __init__(self, stream: trio.abc.Stream, tcp: TcpStream) -> None:
        self._stream = stream
        self._tcp = tcp
        self.send_all = stream.send_all

    @property
    def read_ns(self) -> int:
        return self._tcp.read_ns

    async def receive_some(self, max_bytes: int) -> bytes:
        """Read; without TLS, all that is there, so that the last byte's stamp does not include the handling of the
        first.
        """
        data = bytes(await self._stream.receive_some(max_bytes))
        if len(data) < max_bytes or self._stream is not self._tcp:
            return data
        parts = [data]
        while len(parts) < MOST_READS and (more := self._tcp.receive_now(max_bytes)):
            parts.append(more)
        return b"".join(parts)

    def is_quiet(self) -> bool:
        return self._tcp.is_quiet()

    def close(self) -> None:
        """Close, with TLS's close alert where the kernel takes it at once."""
        session = session_of(self._stream)
        if session is not None:
            with suppress(OSError, ssl.SSLError):
                self._tcp.detach().send(session.goodbye())
        self._tcp.cut()
