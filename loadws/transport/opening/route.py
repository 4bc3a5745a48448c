"""The way to one server: its name, TCP, a proxy's tunnel, TLS. Each part is timed, and each failure has its phase."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio
from msgspec.structs import replace

from loadws.terms.proxies import ProxyAddress, parse_proxy
from loadws.transport.base import ConnectFailed, ConnectRequest, ConnectTimings, FailurePhase, Timers
from loadws.transport.net.tcp import TcpStream
from loadws.transport.opening.dial import open_tcp
from loadws.transport.opening.proxy import on_the_way, open_tunnel
from loadws.transport.opening.socket_addresses import Names, SocketAddress, Sources, unix_address
from loadws.transport.tls.offer import TlsContexts, TlsOffer
from loadws.transport.tls.stream import start_tls
from loadws.transport.url import Url

Secure = Callable[[trio.abc.Stream, TlsOffer], Awaitable[tuple[trio.abc.Stream, bool]]]


class Shared:
    """What all attempts of a connector share: known names, the turns of addresses, and TLS contexts."""

    def __init__(self, timers: Timers, secure: Secure = start_tls) -> None:
        """Prepare. ``secure`` makes the TLS handshake over a stream, and returns whether it resumed an earlier session."""
        self.timers = timers
        self.names = Names(timers)
        self.sources = Sources()
        self.tls = TlsContexts()
        self.secure = secure


class Way:
    """The way to one server. ``phase`` is the current part, ``tcp`` is to be cut when it is given up, ``parts`` are the
    timings.
    """

    def __init__(
        self, shared: Shared, request: ConnectRequest, url: Url, deadline: float, *, is_forwarded: bool = False
    ) -> None:
        """Prepare. ``is_forwarded``: the way ends at the request's proxy, which forwards the request."""
        self._is_forwarded = is_forwarded
        self._shared = shared
        self._request = request
        self._url = url
        self._deadline = deadline
        self._proxy: ProxyAddress | None = None
        self.phase: FailurePhase = "dns"
        self.tcp: TcpStream | None = None
        self.parts = ConnectTimings(0)

    async def go(self) -> tuple[trio.abc.Stream, TcpStream]:
        """Return the stream to the server, and TCP below it; the two may be the same. Raises ``ConnectFailed``."""
        self._proxy = self._wanted_proxy()
        if self._proxy is None:
            stream: trio.abc.Stream = await self._to(self._url.host, self._url.port)
        else:
            stream = await self._through(self._proxy)
        assert self.tcp is not None
        return await self._secured(stream), self.tcp

    def _wanted_proxy(self) -> ProxyAddress | None:
        if self._request.proxy is None or self._url.unix_path is not None:
            return None
        try:
            return parse_proxy(self._request.proxy)
        except ValueError as error:
            raise ConnectFailed("proxy", "failed", str(error)) from error

    async def _to(self, host: str, port: int) -> TcpStream:
        if self._url.unix_path is None:
            addresses = await self._resolved(host, port)
        else:
            addresses = [unix_address(self._url.unix_path)]
        self._enter("tcp")
        began_ns = self._shared.timers.now_ns()
        network, sources = self._request.network, self._shared.sources
        self.tcp = await open_tcp(addresses, self._shared.timers, self._deadline, network, sources)
        self.parts = replace(self.parts, tcp_ns=self._shared.timers.now_ns() - began_ns)
        return self.tcp

    async def _resolved(self, host: str, port: int) -> list[SocketAddress]:
        addresses, took_ns = await self._shared.names.resolve(host, port, self._request.network.resolve)
        if took_ns is not None:
            self.parts = replace(self.parts, dns_ns=(self.parts.dns_ns or 0) + took_ns)
        return addresses

    def _enter(self, phase: FailurePhase) -> None:
        """Enter a phase; on the way to a proxy all of them are the phase ``proxy``."""
        self.phase = phase if self._proxy is None else "proxy"

    # -- through a proxy ----------------------------------------------------------------------------------------------

    async def _through(self, proxy: ProxyAddress) -> trio.abc.Stream:
        host = await self._named_to(proxy)
        self._enter("proxy")
        try:
            tcp = await self._to(proxy.host, proxy.port)
            began_ns = self._shared.timers.now_ns()
            stream = await self._secured_to(proxy, tcp)
        except ConnectFailed as failure:
            raise on_the_way(failure, proxy) from failure
        if not self._is_forwarded:
            await open_tunnel(stream, proxy, host, self._url.port)
        self.parts = replace(self.parts, proxy_ns=self._shared.timers.now_ns() - began_ns)
        return stream

    async def _named_to(self, proxy: ProxyAddress) -> str:
        """Return the target to give to the proxy: an IP address for ``socks5``, the host name for every other kind."""
        if proxy.scheme != "socks5":
            return self._url.host
        first, *_ = await self._resolved(self._url.host, self._url.port)
        return str(first.address[0])

    async def _secured_to(self, proxy: ProxyAddress, tcp: TcpStream) -> trio.abc.Stream:
        if proxy.scheme != "https":
            return tcp
        stream, _ = await self._shared.secure(tcp, self._shared.tls.offer_to_proxy(self._request, proxy))
        return stream

    # -- TLS with the server ------------------------------------------------------------------------------------------

    async def _secured(self, stream: trio.abc.Stream) -> trio.abc.Stream:
        if not self._url.secure:
            return stream
        self.phase = "tls"
        began_ns = self._shared.timers.now_ns()
        secured, resumed = await self._shared.secure(stream, self._shared.tls.offer(self._request, self._url))
        self.parts = replace(self.parts, tls_ns=self._shared.timers.now_ns() - began_ns, tls_resumed=resumed)
        return secured
