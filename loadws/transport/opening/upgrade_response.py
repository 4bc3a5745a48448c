"""Read a server's answer to the upgrade, and state exactly what is wrong with it. Bytes in, verdict out; no I/O.

It precedes the WebSocket library, which sees good answers only: the library has one error for every bad answer, waits
for ever for an answer that does not come, and collects a refusal's body whatever its size. The kinds are those of
``FAILURE_KINDS``; two are distinguished where a user would act differently. The rules are RFC 6455, 4.1.

Nearly every answer is a plain 101 in one read. That is parsed by a regular expression, and all others by ``h11``.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator

import h11

from loadws.transport.base import Compression, ConnectFailed, HandshakeRefused
from loadws.transport.codec.negotiation import Agreement, agreement
from loadws.transport.opening.redirects import REDIRECTS, location_of

#: A head larger than this is refused; a body is cut at this.
MOST_HEAD_BYTES = 16 * 1024
MOST_BODY_BYTES = 2 * 1024
#: How long loadws waits for a refusal's body once its head is there.
BODY_PATIENCE_S = 1.0

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_BEGINNING = b"HTTP/"
#: A TLS record that is an alert or a handshake (RFC 8446, 5.1): a TLS port's answer to plain HTTP.
_TLS_RECORD = re.compile(rb"[\x15\x16]\x03[\x00-\x04]")
#: How HTTP servers on a TLS port word their answer to plain HTTP.
_SPEAKS_OF_TLS = re.compile(rb"HTTPS|TLS|SSL-enabled", re.IGNORECASE)
#: Interim answers (100 to 199, but for 101) that are read before the one that counts.
MOST_INTERIM = 20
_BAD_REQUEST = 400
_ACCEPT = "sec-websocket-accept"
#: A head that every parser reads alike: printable ASCII, one line for each header.
_PLAIN_HEAD = re.compile(
    rb"HTTP/1\.1 101 [ -~]*\r\n((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[ \t]*[!-~]+(?:[ \t]+[!-~]+)*[ \t]*\r\n)+)\r\n"
)
#: Headers that say what follows the head: h11 handles such answers.
_FRAMING = frozenset({"content-length", "transfer-encoding"})

Headers = tuple[tuple[str, str], ...]


def accept_for(key: bytes) -> bytes:
    """Return the value that ``Sec-WebSocket-Accept`` must have for a ``Sec-WebSocket-Key``."""
    return base64.b64encode(hashlib.sha1(key + _GUID).digest())


class Shape:
    """The last plain 101 to a request, in which only Sec-WebSocket-Accept changes: the next one like it, byte for byte,
    is good without being parsed.
    """

    __slots__ = ("_after", "_before", "_headers_after", "_headers_before", "compression", "subprotocol")

    def __init__(self) -> None:
        self._before = self._after = b""
        self._headers_before: Headers = ()
        self._headers_after: Headers = ()
        self.subprotocol: str | None = None
        self.compression: Agreement | None = None

    def headers(self, data: bytes, accept: bytes) -> tuple[Headers, bytes] | None:
        """Return the headers of a 101 of this shape that has the right value, and what comes after it; else None."""
        before, after = self._before, self._after
        if not before or not data.startswith(before) or not data.startswith(accept, len(before)):
            return None
        end = len(before) + len(accept)
        if not data.startswith(after, end):
            return None
        row = (_ACCEPT, accept.decode("ascii"))
        return (*self._headers_before, row, *self._headers_after), data[end + len(after) :]

    def take(self, head: bytes, accept: bytes, headers: Headers) -> None:
        """Keep the shape of a good 101, where it has the value in its header and nowhere else."""
        value = accept.decode("ascii")
        if head.count(accept) == 1 and (_ACCEPT, value) in headers:
            self._before, _, self._after = head.partition(accept)
            place = headers.index((_ACCEPT, value))
            self._headers_before, self._headers_after = headers[:place], headers[place + 1 :]


class Answer:
    """The answer to one upgrade request, as it arrives.

    ``headers``, ``subprotocol`` and ``compression`` are set only by a valid 101.
    """

    def __init__(
        self,
        key: bytes,
        subprotocols: tuple[str, ...],
        offered: Compression | None = None,
        *,
        follows: bool = False,
        is_plain: bool = False,
        shape: Shape | None = None,
    ) -> None:
        """Prepare. ``follows``: redirects are followed, so the rest of one is not read. ``is_plain``: over TCP, without
        TLS. ``shape``: of answers to the same request.
        """
        self._shape = shape or Shape()
        self._accept = accept_for(key)
        self._subprotocols = subprotocols
        self._follows = follows
        self._is_plain = is_plain
        self._interim = 0
        self._offered = offered
        self._raw = bytearray()
        self._refused: h11.Response | None = None
        self._body = bytearray()
        self.headers: Headers = ()
        self.subprotocol: str | None = None
        self.compression: Agreement | None = None
        self.after = b""  # what came together with the 101, and is not HTTP any more
        self._http: h11.Connection | None = None  # none is needed for a plain 101

    @property
    def head_has_come(self) -> bool:
        """Return whether a refusal's head is complete and only its body is missing."""
        return self._refused is not None

    @property
    def _is_followed(self) -> bool:
        head = self._refused
        return (
            self._follows
            and head is not None
            and head.status_code in REDIRECTS
            and location_of(_text(head.headers)) is not None
        )

    def feed(self, data: bytes) -> bytes | None:
        """Add bytes of the answer; empty is the end of TCP.

        Return all bytes from the 101 on, including those after its head; None where more must come. Raise
        ``ConnectFailed`` or ``HandshakeRefused``.
        """
        if self._http is None:
            if self._is_as_before(data) or self._is_plain_101(data):
                return data
            self._http = _reader()
        self._raw += data
        if self._raw[: len(_BEGINNING)] != _BEGINNING[: len(self._raw)]:
            raise self._no_http()
        for event in self._events(self._http, data):
            match event:
                case h11.InformationalResponse(status_code=101):
                    self.headers, self.after = _text(event.headers), bytes(self._http.trailing_data[0])
                    self._check()
                    return bytes(self._raw)
                case h11.InformationalResponse():
                    self._count_interim()
                    self._raw[:] = self._http.trailing_data[0]
                case h11.Response():
                    self._refused = event
                case h11.Data():
                    self._body += event.data
                case h11.EndOfMessage():
                    raise self._refusal()
        if len(self._body) >= MOST_BODY_BYTES or self._is_followed:
            raise self._refusal()
        if not data:
            raise self._closed()
        return None

    def _is_as_before(self, data: bytes) -> bool:
        """Return whether this is a good 101 like the one before."""
        same = self._shape.headers(data, self._accept)
        if same is None:
            return False
        self.headers, self.after = same
        self.subprotocol, self.compression = self._shape.subprotocol, self._shape.compression
        return True

    def _is_plain_101(self, data: bytes) -> bool:
        """Return whether this is a plain 101.

        Raises:
            ConnectFailed: It is, and does not answer our request.
        """
        plain = plain_upgrade(data)
        if plain is None:
            return False
        self.headers, self.after = plain
        self._check()
        shape = self._shape
        shape.subprotocol, shape.compression = self.subprotocol, self.compression
        shape.take(data[: len(data) - len(self.after)], self._accept, self.headers)
        return True

    def _no_http(self) -> ConnectFailed:
        if self._is_plain and _TLS_RECORD.match(self._raw):
            return ConnectFailed("upgrade", "tls_port", "what answered is TLS: is it wss:// and not ws://?")
        return ConnectFailed("upgrade", "not_http", f"the answer begins with {bytes(self._raw[:40])!r}")

    def _closed(self) -> ConnectFailed:
        said = f" after {bytes(self._raw[:40])!r}" if self._raw else ""
        hint = "; a TLS port does so: is it wss:// and not ws://?" if self._is_plain and not self._raw else ""
        return ConnectFailed("upgrade", "closed", f"TCP was closed before the answer to the upgrade{said}{hint}")

    def _count_interim(self) -> None:
        self._interim += 1
        if self._interim > MOST_INTERIM:
            raise ConnectFailed(
                "upgrade", "malformed", f"more than {MOST_INTERIM} interim answers, and none that counts"
            )

    def out_of_time(self) -> ConnectFailed | HandshakeRefused:
        """Return the exception to raise when the deadline comes first: also a refusal without the rest of its body is a
        refusal.
        """
        if self._refused is not None:
            return self._refusal()
        return ConnectFailed("upgrade", "timeout", "the upgrade was not answered in time")

    def _events(self, http: h11.Connection, data: bytes) -> Iterator[h11.Event]:
        try:
            http.receive_data(data)
            while (event := http.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                yield event  # type: ignore[misc]
                if isinstance(event, h11.ConnectionClosed):
                    return
        except h11.RemoteProtocolError as error:
            if self._refused is not None:  # only its body is broken, or cut short
                raise self._refusal() from error
            if not data:  # the head was cut short
                return
            kind = "too_large" if error.error_status_hint == 431 else "malformed"
            raise ConnectFailed("upgrade", kind, f"the answer is not HTTP as it should be: {error}") from error

    def _agreed(self, extensions: str) -> Agreement:
        try:
            return agreement(extensions, self._offered)
        except ValueError as error:
            raise ConnectFailed("upgrade", "bad_extension", str(error)) from None

    def _refusal(self) -> HandshakeRefused:
        head = self._refused
        assert head is not None
        body = bytes(self._body[:MOST_BODY_BYTES])
        is_of_tls = self._is_plain and head.status_code == _BAD_REQUEST and _SPEAKS_OF_TLS.search(body)
        note = "its answer speaks of TLS: is it wss:// and not ws://?" if is_of_tls else ""
        return HandshakeRefused(head.status_code, _text(head.headers), body, note)

    def _check(self) -> None:
        """Check that the 101 answers our request.

        Raises:
            ConnectFailed: It does not.
        """
        headers: dict[str, str] = {}
        for name, value in self.headers:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        upgrade, connection = headers.get("upgrade"), headers.get("connection")
        if upgrade is None or upgrade.lower() != "websocket":
            raise ConnectFailed("upgrade", "no_upgrade", f"a 101 whose Upgrade {_found(upgrade)}, and not 'websocket'")
        # The library takes ASCII only, and would raise what is no protocol error.
        if connection is None or not connection.isascii() or "upgrade" not in _tokens(connection):
            detail = f"a 101 whose Connection {_found(connection)}, and does not name 'Upgrade'"
            raise ConnectFailed("upgrade", "no_connection", detail)
        accept = headers.get(_ACCEPT)
        if accept != self._accept.decode():
            detail = f"a 101 whose Sec-WebSocket-Accept {_found(accept)}, which does not fit our key"
            raise ConnectFailed("upgrade", "bad_accept", detail)
        chosen = headers.get("sec-websocket-protocol")
        if chosen is not None and chosen not in self._subprotocols:
            raise ConnectFailed("upgrade", "bad_subprotocol", f"the server chose {chosen!r}, which was not offered")
        if extensions := headers.get("sec-websocket-extensions"):
            self.compression = self._agreed(extensions)
        self.subprotocol = chosen


def _found(value: str | None) -> str:
    return "is not there" if value is None else f"is {value[:80]!r}"


def plain_upgrade(data: bytes) -> tuple[Headers, bytes] | None:
    """Return the headers of a 101 that is plain and whole, and what comes after it; None where h11 is to judge."""
    match = _PLAIN_HEAD.match(data)
    if match is None or match.end() > MOST_HEAD_BYTES:
        return None
    rows = (line.partition(":") for line in match[1].decode("ascii").split("\r\n")[:-1])
    headers = tuple((name.lower(), value.strip(" \t")) for name, _, value in rows)
    return None if any(name in _FRAMING for name, _ in headers) else (headers, data[match.end() :])


def _reader() -> h11.Connection:
    """Return a parser that has seen a request for an upgrade: it reads an answer in the light of the question."""
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEAD_BYTES)
    http.send(h11.Request(method="GET", target="/", headers=[("Host", "-"), ("Upgrade", "websocket")]))
    http.send(h11.EndOfMessage())
    return http


def _text(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)


def _tokens(header: str) -> list[str]:
    return [token.strip().lower() for token in header.split(",")]
