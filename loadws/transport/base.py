"""The seam to the network: what a transport promises, and the only errors that cross it.

The seam is push, not pull. A transport drains every connection whatever its user does, and hands over each message,
pong and end by calling the connection's ``Listener`` synchronously. ``received_ns`` is the moment of the read that
completed the message. All times are whole nanoseconds of the run's one clock (``Timers.now_ns``).

Rules that every transport keeps, and the conformance kit checks:

- A connection that opened calls ``on_open`` first and ``on_end`` last, each exactly once; everything else comes
  between. Data that arrived together with the 101 is handed over right after ``on_open``, which may be before ``connect``
  has returned.
- A listener never raises and never waits.
- Every wait inside the transport has a deadline; a failure is a ``ConnectFailed``, a ``HandshakeRefused`` or an
  ``End``.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
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
    # From the proxy's name to the tunnel. Resources that this machine itself has run out of are reported as tcp's.
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
    """A failure of one connection, never of the run. ``kind`` is from the tables above; ``detail`` is a text for users."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail


class ConnectFailed(TransportError):
    """A failed attempt to open a WebSocket, by its phase. ``terms.parties`` lists the kinds that had an HTTP response."""

    def __init__(self, phase: FailurePhase, kind: str, detail: str) -> None:
        super().__init__(f"{phase}.{kind}", detail)
        self.phase = phase


class HandshakeRefused(TransportError):
    """A refusal: the server answered the upgrade with another status than 101. ``body`` is cut at 2 KiB.

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
    """A defect of a listener, which must not raise. The listener's error is the cause."""


class Repeated:
    """A payload that is sent many times. ``ready`` belongs to the transport: its encoding, made the first time."""

    __slots__ = ("payload", "ready")

    def __init__(self, payload: Payload) -> None:
        self.payload = payload
        self.ready: Any = None


def encodable(text: str) -> str:
    """Return the text with question marks in place of lone surrogates, which JSON can bring and no frame can carry."""
    return text.encode("utf-8", "replace").decode()


def close_payload(code: int | None, reason: str) -> bytes:
    """Return the payload of a close frame (RFC 6455, 5.5.1)."""
    return b"" if code is None else code.to_bytes(2, "big") + reason.encode()


class ConnectTimings(msgspec.Struct, frozen=True):
    """The duration of each part, in nanoseconds; None where there was no such part (no name, no TLS).

    ``total_ns`` includes the time between the parts, and redirects that were followed; the parts are those of the last
    request. Through a proxy, name and TCP are the proxy's; ``proxy_ns`` goes from there to the tunnel, TLS to the proxy
    included, and ``tls_ns`` is TLS with the server inside the tunnel. ``protocol_ns`` is how long a protocol on the open
    WebSocket took to open, which no transport sets. ``tls_resumed``: TLS resumed an earlier session, which costs the
    server, and ``tls_ns``, far less than a full handshake.
    """

    total_ns: int
    dns_ns: int | None = None
    tcp_ns: int | None = None
    tls_ns: int | None = None
    upgrade_ns: int | None = None
    proxy_ns: int | None = None
    protocol_ns: int | None = None
    tls_resumed: bool = False


#: The times of a connection that has not opened, or that no longer keeps them.
NO_TIMINGS = ConnectTimings(0)


class End(msgspec.Struct, frozen=True):
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
    """A message on its way out, stamped by the transport. It is a struct because one is made for each message, and a
    struct is made in C.

    ``sent_ns`` is taken just before the first write attempt, ``written_ns`` when the kernel took the last byte; both
    are 0 until then. The engine derives its requests from this class, so that a stamp costs one attribute and no
    object.
    """

    sent_ns: int = 0
    written_ns: int = 0

    def on_written(self) -> None:
        """Handle that the kernel took the last byte. Only ``send_soon`` calls this, because it returns too early to
        report it.
        """

    def on_unfinished(self) -> None:
        """Handle that the write was begun and will never be complete. Only ``send_soon`` calls this."""


class Listener(Protocol):
    """The receiver of a connection's events. Called synchronously, in the order of the wire."""

    def on_open(self, connection: Connection) -> None: ...

    def on_message(self, payload: Payload, received_ns: int) -> None:
        """Handle a whole message: text is ``str``, binary is ``bytes``."""

    def on_pong(self, payload: bytes, sent_ns: int, received_ns: int) -> None:
        """Handle the answer to a ping of the user or of a keepalive; ``sent_ns`` is 0 for a pong without a ping."""

    def on_end(self, end: End) -> None: ...

    def on_frame(self, direction: Literal["in", "out"], what: str, payload: bytes, at_ns: int) -> None:
        """Handle a frame or a part of the handshake. It is called only where ``ConnectRequest.trace`` is set.

        ``what`` is text, binary, ping, pong, close, request or response.
        """


class Network(msgspec.Struct, frozen=True):
    """The options of opening TCP, whatever the URL.

    ``resolve`` maps names (in lower case) to their addresses, so that they are not looked up; ``source_addresses`` are
    addresses of this machine, used in turn; the buffers are the kernel's, in bytes, where None keeps its default.
    """

    resolve: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    source_addresses: tuple[str, ...] = ()
    send_buffer: int | None = None
    receive_buffer: int | None = None


class Compression(msgspec.Struct, frozen=True):
    """permessage-deflate (RFC 7692) as the client offers it. ``level`` is zlib's, 1 to 9; the server may narrow down
    the rest.
    """

    level: int = 6
    context_takeover: bool = True


class WireBytes(Protocol):
    """A counter of the bytes of frames, with their headers and control frames, before TLS encrypts them.

    The handshake is not counted. Sent bytes count when the first of them is offered to the kernel.
    """

    wire_sent: int
    wire_received: int


class UncountedWire:
    """A counter that counts nothing."""

    __slots__ = ("wire_received", "wire_sent")

    def __init__(self) -> None:
        self.wire_sent = self.wire_received = 0


class ConnectRequest(msgspec.Struct, frozen=True):
    """A request to open one connection. ``url`` includes the query. Deadlines are spans in nanoseconds.

    ``proxy`` is an address as ``terms.proxies`` reads it; at most ``redirects`` redirects are followed.
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

    def forget_opening(self) -> None:
        """Drop ``timings`` and ``response_headers``, 400 bytes: they are read once, and a connection may live long."""

    async def send(self, payload: Payload, out: Outgoing, fragments: int = 1) -> None:
        """Send a message in ``fragments`` frames; return when the kernel has accepted its last byte.

        If cancelled midway, the write is unfinished and the connection is dropped: half a frame cannot be taken back.

        Raises:
            NotOpen: The connection has ended.
        """

    def begin_send(self, payload: Payload | Repeated, out: Outgoing, fragments: int = 1) -> Awaitable[None] | None:
        """Send like ``send``, for the hot path. Return None where the kernel took all of it at once, else an awaitable
        that has to be awaited at once.
        """

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
        """Close by a close handshake, bounded by ``close_timeout``. ``on_end`` has been called when it returns. A
        second call does nothing.
        """

    def begin_close(self, code: int, reason: str, wake: Callable[[], None]) -> bool:
        """Close without a task: return True, and call ``wake`` when the connection has ended. One that has ended already
        calls nothing. Return False where that cannot be done: ``close`` then closes it.
        """

    def stop_closing(self) -> None:
        """Cut TCP without the rest of the close handshake."""

    def drop(self) -> None:
        """Cut TCP at once, without a close frame. ``on_end`` is called before it returns."""

    def limit_reading(self, bytes_per_s: float | None) -> None:
        """Set the read rate from now on, in bytes of TCP per second: 0 is not at all, None is without a limit.

        Unread data fills the kernel's buffers here, then the peer's, until the peer cannot write. Pings and pongs wait
        with all other frames. ``close`` lifts the limit, because the peer's answer could not be read otherwise. On a
        connection that has ended it does nothing.
        """


class Opening(Protocol):
    """A connection that is being opened without a task. Ask for its ``result`` once it ``is_over``; on any error before
    that, ``abandon`` it.

    ``go_on`` is set where it is over and a task has to go on, because of a redirect: await it for the connection.
    """

    @property
    def is_over(self) -> bool: ...
    @property
    def go_on(self) -> Callable[[], Awaitable[Connection]] | None: ...

    def result(self) -> Connection:
        """Return the open connection, once.

        Raises:
            ConnectFailed: The run is over, or no response came.
            HandshakeRefused: The response was no good 101.
        """

    def abandon(self) -> None:
        """Close what is half open."""


class Connector(Protocol):
    """An opener of connections. It lives as long as the run."""

    def begin(
        self, request: ConnectRequest, listener: Listener, jar: Jar | None, wake: Callable[[], None]
    ) -> Opening | None:
        """Begin to open a connection without a task, and call ``wake`` at its end if it does not end at once.

        Return None where that cannot be done: ``connect`` then opens it.

        Raises:
            ConnectFailed: The request cannot be sent.
        """

    async def connect(self, request: ConnectRequest, listener: Listener, jar: Jar | None = None) -> Connection:
        """Open a connection. Raise ``ConnectFailed`` or ``HandshakeRefused``. A cancellation closes a half-open
        connection.

        ``jar`` has the user's cookies: the upgrade carries them, and it keeps the cookies that the answer sets.
        """


class Timer(Protocol):
    def cancel(self) -> None:
        """Make sure that the callback is not called any more. To cancel twice, or after the call, does nothing."""


class Timers(Protocol):
    """The run's one clock and its deadlines (think, every, within, pings), so that no message needs a cancel scope."""

    def now_ns(self) -> int: ...

    def call_at(self, deadline_ns: int, callback: Callable[[], None]) -> Timer:
        """Call back at or after the deadline, never before, in the order of deadlines. A callback must not raise or
        wait.
        """


class Transport(Protocol):
    """A transport, as ``--transport NAME`` names it. It opens the run's connector."""

    name: str

    def open(self, timers: Timers, wire: WireBytes | None = None) -> AbstractAsyncContextManager[Connector]:
        """Open the connector. ``wire`` counts the bytes of all its connections."""
