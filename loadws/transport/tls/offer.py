"""What a TLS handshake needs: a context, the name that the server has to prove, and the user's remembered session."""

from __future__ import annotations

import ssl

import msgspec

from loadws.terms.proxies import ProxyAddress
from loadws.transport.base import ConnectRequest
from loadws.transport.tls_memory import TlsMemory
from loadws.transport.url import Url


class TlsOffer(msgspec.Struct, frozen=True):
    """The arguments of a handshake. ``name`` is the SNI too, unless it is an address in numbers, which RFC 6066
    excludes.
    """

    context: ssl.SSLContext
    name: str
    port: int = 443
    memory: TlsMemory | None = None

    @property
    def session(self) -> ssl.SSLSession | None:
        """Return the session of an earlier connection of the same user."""
        return self.memory.session_for(self.context, (self.name, self.port)) if self.memory is not None else None

    def remember(self, session: ssl.SSLSession | None) -> None:
        """Keep a session. Call it when the first data has come: TLS 1.3 sends its tickets after the handshake, before
        any data.
        """
        if self.memory is not None:
            self.memory.keep(self.context, (self.name, self.port), session)


class TlsContexts:
    """A run's TLS contexts: the request's own, or one default for all, which needs 20 ms and 800 KiB to make."""

    def __init__(self) -> None:
        self._default: ssl.SSLContext | None = None

    def offer(self, request: ConnectRequest, url: Url) -> TlsOffer:
        name = request.server_name or provable(url.host)
        return TlsOffer(request.tls or self.default(), name, url.port, request.tls_memory)

    def offer_to_proxy(self, request: ConnectRequest, proxy: ProxyAddress) -> TlsOffer:
        """Return the offer for a proxy. The proxy is verified as the server is, but never sees the client's
        certificate.
        """
        own = None if request.presents_certificate else request.tls
        return TlsOffer(own or self.default(), provable(proxy.host), proxy.port)

    def default(self) -> ssl.SSLContext:
        if self._default is None:
            self._default = ssl.create_default_context()
            self._default.options |= ssl.OP_NO_RENEGOTIATION
        return self._default


def provable(host: str) -> str:
    """Return a host as certificates name it: without an IPv6 zone, and without the final dot of an absolute name."""
    return host.partition("%")[0].removesuffix(".")
