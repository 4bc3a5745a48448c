"""From a host name to a connected socket or TLS stream, each part for itself: name, TCP, TLS.

The parts have no deadline of their own; who calls them has one for all, and knows which part it stands in. Each part's
failures are translated here, and only here, to the kinds of ``FAILURE_KINDS``.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import ssl
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import trio

from loadws.transport.base import ConnectFailed, ConnectRequest, Timers
from loadws.transport.tcp import TcpStream

#: A name that did not resolve is not asked for again within this time: thousands may want it.
FAILURE_KEPT_NS = 1_000_000_000

_TCP_KINDS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.ECONNABORTED: "reset",
    errno.ENETUNREACH: "unreachable",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETDOWN: "unreachable",
    errno.EHOSTDOWN: "unreachable",
    errno.ETIMEDOUT: "timeout",
    errno.EADDRNOTAVAIL: "no_ports",
    errno.EMFILE: "file_limit",
    errno.ENFILE: "file_limit",
}
_NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


@dataclass(frozen=True, slots=True)
class SocketAddress:
    """What ``socket.connect`` wants, and which kind of socket."""

    family: int
    protocol: int
    address: Any  # a tuple whose length depends on the family

    def __str__(self) -> str:
        host, port = self.address[:2]
        return f"[{host}]:{port}" if self.family == socket.AF_INET6 else f"{host}:{port}"


class Names:
    """Looks up each name once and shares the answer; a failure is shared for a second."""

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._known: dict[tuple[str, int], list[SocketAddress]] = {}
        self._failed: dict[tuple[str, int], tuple[int, ConnectFailed]] = {}
        self._asking: defaultdict[tuple[str, int], trio.Lock] = defaultdict(trio.Lock)

    async def resolve(self, host: str, port: int) -> tuple[list[SocketAddress], int | None]:
        """The addresses, and how long it took, waiting for another's question included.

        None where there was nothing to ask: an address in numbers, or an answer that is known.
        """
        name = (host, port)
        if (known := self._known.get(name)) is not None:
            return known, None
        if _is_numeric(host):
            self._known[name] = await _look_up(host, port)
            return self._known[name], None
        started_ns = self._timers.now_ns()
        async with self._asking[name]:
            return await self._known_or_asked(name), self._timers.now_ns() - started_ns

    async def _known_or_asked(self, name: tuple[str, int]) -> list[SocketAddress]:
        if (known := self._known.get(name)) is not None:
            return known
        until_ns, failure = self._failed.get(name, (0, None))
        if failure is not None and self._timers.now_ns() < until_ns:
            raise ConnectFailed("dns", failure.kind.removeprefix("dns."), failure.detail)
        try:
            self._known[name] = await _look_up(*name)
        except ConnectFailed as failure:
            self._failed[name] = (self._timers.now_ns() + FAILURE_KEPT_NS, failure.with_traceback(None))
            raise
        return self._known[name]


async def open_tcp(addresses: list[SocketAddress], timers: Timers, deadline: float) -> TcpStream:
    """Tries the addresses in turn, each for an equal share of the time left until ``deadline`` (trio's clock).

    The failure of the last one tells; the details name all.
    """
    failures: list[ConnectFailed] = []
    for number, address in enumerate(addresses):
        share = max(0.0, deadline - trio.current_time()) / (len(addresses) - number)
        try:
            with trio.fail_after(share):
                return TcpStream(await _connected(address), timers.now_ns)
        except trio.TooSlowError:
            failures.append(ConnectFailed("tcp", "timeout", f"{address} did not answer"))
        except OSError as error:
            kind = _TCP_KINDS.get(error.errno or 0, "failed")
            failures.append(ConnectFailed("tcp", kind, f"{address}: {error.strerror or error}"))
    raise ConnectFailed(
        "tcp", failures[-1].kind.removeprefix("tcp."), "; ".join(failure.detail for failure in failures)
    )


class TlsContexts:
    """A run's TLS contexts: the request's own, or one default for all; making one costs milliseconds and megabytes."""

    def __init__(self) -> None:
        self._default: ssl.SSLContext | None = None

    def context_for(self, request: ConnectRequest) -> ssl.SSLContext:
        if request.tls is not None:
            return request.tls
        if self._default is None:
            self._default = ssl.create_default_context()
        return self._default


async def start_tls(tcp: TcpStream, context: ssl.SSLContext, host: str) -> trio.SSLStream[TcpStream]:
    """The TLS handshake. A peer may close TCP without TLS's own goodbye, as HTTPS servers do."""
    try:
        stream = trio.SSLStream(tcp, context, server_hostname=host.partition("%")[0], https_compatible=True)
        await stream.do_handshake()
    except (trio.BrokenResourceError, ValueError) as error:
        raise tls_failure(error) from error
    return stream


async def _look_up(host: str, port: int) -> list[SocketAddress]:
    try:
        rows = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        kind = "not_found" if error.errno in _NO_SUCH_NAME else "failed"
        raise ConnectFailed("dns", kind, f"{host}: {error.strerror}") from error
    except (OSError, UnicodeError) as error:  # a name that cannot be one
        raise ConnectFailed("dns", "failed", f"{host}: {error}") from error
    return [SocketAddress(family, protocol, address) for family, _, protocol, _, address in rows]


async def _connected(address: SocketAddress) -> socket.socket:
    """A non-blocking socket without Nagle's delay; raises OSError. What is cancelled is closed."""
    dialling = socket.socket(address.family, socket.SOCK_STREAM, address.protocol)
    try:
        dialling.setblocking(False)
        dialling.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number = dialling.connect_ex(address.address)
        if number in (errno.EINPROGRESS, errno.EWOULDBLOCK):
            await trio.lowlevel.wait_writable(dialling)
            number = dialling.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise OSError(number, os.strerror(number))
    except BaseException:
        dialling.close()
        raise
    return dialling


def _is_numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def tls_failure(error: BaseException) -> ConnectFailed:
    """What a TLS handshake failed of."""
    cause = error.__cause__ if isinstance(error, trio.BrokenResourceError) else error
    detail = str(cause or error) or "the TLS handshake failed"
    match cause:
        case ssl.SSLCertVerificationError():
            return ConnectFailed("tls", "untrusted", f"the certificate is not trusted: {cause.verify_message}")
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return ConnectFailed("tls", "closed", "the peer closed TCP during the TLS handshake")
        case ssl.SSLError() | ValueError():
            return ConnectFailed("tls", "failed", detail)
    return ConnectFailed("tls", "closed", detail)
