"""The seam to the network: what a transport promises, and the only errors that cross it.

The seam is push, not pull. A transport drains every connection whatever its user does, and hands over each message, pong
and end by calling the connection's ``Listener`` synchronously. ``received_ns`` is the moment of the read that completed the
message. All times are whole nanoseconds of the run's one clock (``Timers.now_ns``).

Rules that every transport keeps, and the conformance kit checks:

- A connection that opened says ``on_open`` first and ``on_end`` last, each exactly once; everything else comes between. What
  arrived together with the 101 is handed over right after ``on_open``, which may be before ``connect`` has returned.
- A listener never raises and never waits.
- Every wait inside the transport has a deadline; a failure is a ``ConnectFailed``, a ``HandshakeRefused`` or an ``End``.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import msgspec

from loadws.transport.cookies import Jar
from loadws.transport.tls_memory import TlsMemory

Payload = str | bytes
FailurePhase = Literal["dns", "tcp", "proxy", "tls", "upgrade"]

#: Every way in which an attempt to connect can fail, by phase: ``failures`` in the ledger is keyed ``phase.kind``.
FAILURE_KINDS: Mapping[FailurePhase, tuple[str, ...]] = {
    "dns": ("not_found", "timeout", "failed", "cut_off"),
    "tcp": (
        *(
            "refused",
            "reset",
            "unreachable",
            "timeout",
            "no_ports",
            "source_address",
            "file_limit",
            "no_memory",
            "failed",
            "cut_off",
        ),
    ),
    # From the proxy's name to the tunnel, but for what this machine itself has run out of, which stays tcp's.
    "proxy": (
        *(
            "not_found",
            "refused",
            "unreachable",
            "untrusted",
            "tls",
            "auth",
            "status",
            "not_proxy",
            "closed",
            "timeout",
        ),
        *("failed", "cut_off"),
    ),
    "tls": (
        *("untrusted", "wrong_host", "expired", "version", "certificate_required", "certificate_rejected", "refused"),
        *("not_tls", "closed", "timeout", "failed", "cut_off"),
    ),
    "upgrade": (
        "request",  # it cannot be sent: the URL, a header or a subprotocol
        "closed",  # TCP ended before an HTTP response
        "not_http",
        "tls_port",  # what answered plain HTTP was TLS
        "malformed",  # an HTTP response that breaks HTTP
        "too_large",
        "no_upgrade",  # a 101 without ``Upgrade: websocket``
        "no_connection",  # a 101 without ``Connection: Upgrade``
        "bad_accept",
        "bad_subprotocol",
        "bad_extension",
        "timeout",
        "failed",
        "cut_off",
    ),
}
#: Every way in which an open connection can be lost without a close handshake (what a browser would call 1006).
LOSS_KINDS = (
    "eof",  # the peer closed TCP without a close frame
    "reset",  # the peer reset TCP
    "ping_timeout",
    "write_timeout",
    "protocol.utf8",  # text that is not UTF-8; we closed with 1007
    "protocol.frame",  # a frame that RFC 6455 forbids; we closed with 1002
    "protocol.too_large",  # a message above max_message_size; we closed with 1009
    "protocol.fragments",  # a message in more frames than are taken; we closed with 1008
    "no_memory",  # this machine had no memory for it
    "failed",
)


class TransportError(Exception):
    """A failure of one connection, never of the run. ``kind`` is from the tables above; ``detail`` is for people."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail


class ConnectFailed(TransportError):
    """An attempt that came to no WebSocket, by its phase. ``terms.parties`` says which kinds had an HTTP response."""

    def __init__(self, phase: FailurePhase, kind: str, detail: str) -> None:
        super().__init__(f"{phase}.{kind}", detail)
        self.phase = phase


class HandshakeRefused(TransportError):
    """The server answered the upgrade with something else than 101. ``body`` is cut at 2 KiB.

    ``note`` says why a redirect was not followed.
    """

    def __init__(self, status: int, headers: tuple[tuple[str, str], ...], body: bytes, note: str = "") -> None:
        super().__init__(f"http.{status}", f"the server answered the upgrade with {status}" + (note and f"; {note}"))
        self.status = status
        self.headers = headers
        self.body = body


class NotOpen(TransportError):
    """A send, ping or close on a connection that has ended or is closing; ``kind`` is ``not_open``."""

    def __init__(self, detail: str = "the connection is not open", kind: str = "not_open") -> None:
        super().__init__(kind, detail)


class ListenerRaised(Exception):
    """A listener raised, which none may: a defect of the listener. Its error is the cause."""


class Repeated:
    """A payload that is sent many times. ``ready`` is the transport's own: what it made of it the first time."""

    __slots__ = ("payload", "ready")

    def __init__(self, payload: Payload) -> None:
        self.payload = payload
        self.ready: Any = None


def encodable(text: str) -> str:
    """JSON can bring lone surrogates into a text, and no frame can carry them: they become question marks."""
    return text.encode("utf-8", "replace").decode()


def close_payload(code: int | None, reason: str) -> bytes:
    """Return what a close frame carries (RFC 6455, 5.5.1)."""
    return b"" if code is None else code.to_bytes(2, "big") + reason.encode()


class ConnectTimings(msgspec.Struct, frozen=True):
    """How long each part took, in nanoseconds; None where there was no such part (no name, no TLS).

    ``total_ns`` also holds what lies between the parts, and the redirects that were followed: the parts are the last
    request's. Through a proxy, name and TCP are the proxy's; ``proxy_ns`` goes from there to the tunnel, TLS to the proxy
    included, and ``tls_ns`` is TLS with the server inside the tunnel. ``tls_resumed``: TLS took up a session of before,
    which costs the server, and ``tls_ns``, far less than a whole handshake.
    """

    total_ns: int
    dns_ns: int | None = None
    tcp_ns: int | None = None
    tls_ns: int | None = None
    upgrade_ns: int | None = None
    proxy_ns: int | None = None
    tls_resumed: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """How an open connection ended.

    ``by`` is ``us`` where our close frame (or our drop) came first, ``peer`` where the peer's did, ``lost`` where no close
    handshake was begun. ``code`` is the peer's close code, or ours for ``us``; None is a close frame without one.
    ``kind`` is one of ``LOSS_KINDS`` for ``lost``, ``close_timeout`` where the peer never answered our close, ``cut_off``
    where the connector was closed under an open connection, else None. ``reason`` is the close frame's, or for ``lost`` a
    detail for people.
    """

    by: Literal["us", "peer", "lost"]
    at_ns: int
    code: int | None = None
    reason: str = ""
    kind: str | None = None


def payload_bytes(payload: Payload) -> int:
    """Return the size of a payload on the wire, where text is UTF-8."""
    if isinstance(payload, bytes) or payload.isascii():
        return len(payload)
    return len(payload.encode("utf-8", "replace"))


class Outgoing(msgspec.Struct, eq=False):
    """A message on its way out, stamped by the transport. A struct, for one is made a message: in C, not by an ``__init__``.

    ``sent_ns`` is taken just before the first write attempt, ``written_ns`` when the kernel took the last byte; both are 0
    until then. The engine derives its requests from this class, so that a stamp costs one attribute and no object.
    """

    sent_ns: int = 0
    written_ns: int = 0

    def on_written(self) -> None:
        """For ``send_soon`` alone, which returns too early to say it: the kernel took the last byte."""

    def on_unfinished(self) -> None:
        """For ``send_soon`` alone: the write was begun and will never be whole."""


class Listener(Protocol):
    """The receiver of a connection's events. Called synchronously, in the order of the wire."""

    def on_open(self, connection: Connection) -> None: ...

    def on_message(self, payload: Payload, received_ns: int) -> None:
        """Handle a whole message: text is ``str``, binary is ``bytes``."""

    def on_pong(self, payload: bytes, sent_ns: int, received_ns: int) -> None:
        """Handle the answer to a ping of the user or of a keepalive; ``sent_ns`` is 0 where no ping asked for it."""

    def on_end(self, end: End) -> None: ...

    def on_frame(self, direction: Literal["in", "out"], what: str, payload: bytes, at_ns: int) -> None:
        """Each frame or part of the handshake, only where ``ConnectRequest.trace`` is set.

        ``what`` is text, binary, ping, pong, close, request or response.
        """


@dataclass(frozen=True, slots=True)
class Network:
    """How TCP is opened, whatever the URL.

    ``resolve`` are names (in lower case) whose addresses are given and not asked for; ``source_addresses`` are this
    machine's own, used in turn; the buffers are the kernel's, in bytes, None leaves them to it.
    """

    resolve: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    source_addresses: tuple[str, ...] = ()
    send_buffer: int | None = None
    receive_buffer: int | None = None


@dataclass(frozen=True, slots=True)
class Compression:
    """permessage-deflate (RFC 7692) as we offer it. ``level`` is zlib's, 1 to 9; the rest the server may narrow down."""

    level: int = 6
    context_takeover: bool = True


class WireBytes(Protocol):
    """Where a transport counts the bytes of frames, their headers and control frames included, as TLS does not see them.

    The handshake is not among them. What is sent counts when its first byte is offered to the kernel.
    """

    wire_sent: int
    wire_received: int


class UncountedWire:
    """A counter for callers that do not ask."""

    __slots__ = ("wire_received", "wire_sent")

    def __init__(self) -> None:
        self.wire_sent = self.wire_received = 0


@dataclass(frozen=True, slots=True)
class ConnectRequest:
    """One connection to open. ``url`` has its query already. Deadlines are spans in nanoseconds.

    ``proxy`` is an address as ``terms.proxies`` reads it; at most ``redirects`` of the server's are followed.
    """

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    subprotocols: tuple[str, ...] = ()
    open_timeout_ns: int = 10_000_000_000
    close_timeout_ns: int = 5_000_000_000
    ping_every_ns: int | None = None
    ping_timeout_ns: int = 10_000_000_000
    write_timeout_ns: int = 30_000_000_000  # how long one write may be stuck before the connection counts as lost
    max_message_size: int = 1 << 20
    tls: ssl.SSLContext | None = None  # shared by all; None builds one default context a transport
    presents_certificate: bool = False  # ``tls`` has one of the client's: it is for this server and no other
    server_name: str | None = None  # what is asked for (SNI) and has to be proved, where that is not the URL's host
    tls_memory: TlsMemory | None = None  # the user's own; None: every handshake is a whole one
    trace: bool = False
    network: Network = Network()
    proxy: str | None = None
    redirects: int = 0
    compression: Compression | None = None


class Connection(Protocol):
    """An open WebSocket."""

    @property
    def timings(self) -> ConnectTimings: ...

    @property
    def subprotocol(self) -> str | None: ...

    @property
    def response_headers(self) -> tuple[tuple[str, str], ...]: ...

    async def send(self, payload: Payload, out: Outgoing, fragments: int = 1) -> None:
        """Send a message in so many frames; return when the kernel has accepted its last byte.

        If cancelled midway, the write is unfinished and the connection is dropped: half a frame cannot be taken back.

        Raises:
            NotOpen: The connection has ended.
        """

    def begin_send(self, payload: Payload | Repeated, out: Outgoing, fragments: int = 1) -> Awaitable[None] | None:
        """``send`` for the hot path: None where the kernel took all of it at once, else what to await, at once."""

    def send_soon(self, payload: Payload, out: Outgoing, fragments: int = 1) -> None:
        """Queue a message without waiting; it is written as soon as possible, in order.

        Raises:
            NotOpen: The connection has ended, or more than 1,000 messages or 1 MiB wait already (its ``kind`` is then
                ``backlog``).
        """

    def ping(self, payload: bytes) -> int:
        """Queue a ping and return its ``sent_ns``; its pong comes by ``on_pong``.

        Raises:
            NotOpen: The connection has ended.
        """

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close handshake, bounded by ``close_timeout``; when it returns, ``on_end`` was called. Twice is no error."""

    def drop(self) -> None:
        """Cut TCP at once, without a close frame; ``on_end`` is called before it returns."""

    def limit_reading(self, bytes_per_s: float | None) -> None:
        """Set the read rate from now on, in bytes of TCP per second: 0 not at all, None as fast as may be.

        What is not read fills the kernel's buffers here, then the peer's, until the peer cannot write. Pings and pongs wait
        with all the rest. ``close`` reads freely again, or it would never hear the peer's answer. Of a connection that has
        ended it is no error.
        """


class Connector(Protocol):
    """Opens connections; lives as long as the run."""

    async def connect(self, request: ConnectRequest, listener: Listener, jar: Jar | None = None) -> Connection:
        """Open a connection. Raise ``ConnectFailed`` or ``HandshakeRefused``. Cancellation closes what was half open.

        ``jar`` has the user's cookies: the upgrade carries them, and what the answer sets is kept there.
        """


class Timer(Protocol):
    def cancel(self) -> None:
        """Never called back after this; cancelling twice, or after the call, is no error."""


class Timers(Protocol):
    """The run's one clock and its deadlines (think, every, within, pings): no cancel scope a message."""

    def now_ns(self) -> int: ...

    def call_at(self, deadline_ns: int, callback: Callable[[], None]) -> Timer:
        """Call back at or after the deadline, never before, in the order of deadlines; a callback never raises or
        waits.
        """


class Transport(Protocol):
    """What ``--transport NAME`` names: opens the run's connector, with the means it needs."""

    name: str

    def open(self, timers: Timers, wire: WireBytes | None = None) -> AbstractAsyncContextManager[Connector]:
        """``wire`` is where the bytes of all its connections are counted."""
