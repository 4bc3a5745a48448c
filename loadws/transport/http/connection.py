"""One connection: a request, its answer, and again, for as long as both sides keep it open. Answers are read by h11."""

from __future__ import annotations

from contextlib import suppress

import h11
import msgspec
import trio

from loadws.transport.base import ConnectFailed
from loadws.transport.http.asked import Asked
from loadws.transport.http.body import LARGEST_ENCODED, Body
from loadws.transport.http.messages import Headers, HttpFailed
from loadws.transport.http.wire import Wire

#: A head larger than this is refused.
MOST_HEAD_BYTES = 64 * 1024
READ_SIZE = 256 * 1024
#: Interim answers (100 to 199) that are read before the one that counts.
MOST_INTERIM = 20
#: After so many pieces of an answer, other tasks have their turn.
EVENTS_A_TURN = 64

_BEGINNING = b"HTTP/"
_SWITCHING = 101
_TOO_LARGE_A_HEAD = 431


class Reply(msgspec.Struct, frozen=True):
    """A whole, decoded answer. ``line`` is its status line."""

    status: int
    line: bytes
    headers: Headers
    body: bytes
    received_ns: int


class HttpConnection:
    """A kept connection. ``has_heard``: a byte of the current answer has come. ``idle_since`` is on trio's clock."""

    __slots__ = ("_first", "_http", "_left", "_since_turn", "has_heard", "idle_since", "wire")

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.has_heard = False
        self.idle_since = 0.0
        self._first = b""
        self._left = 0  # bytes of a body of known length that are still to come
        self._since_turn = 0  # events since other tasks had their turn
        self._http = h11.Connection(h11.CLIENT)  # that of the current answer

    async def ask(self, asked: Asked) -> Reply:
        """Return the whole answer. Raise ``HttpFailed``; close the connection after that, and after a cancellation."""
        self.has_heard = False
        self._first, self._left = b"", 0
        with suppress(trio.BrokenResourceError):  # a server may answer before it has read all, and close
            await self.wire.send_all(asked.data)
        data = await self._read()  # its stamp is taken before anything else is done
        self._http = _reader(asked)
        self._http.receive_data(data)
        return await self._reply()

    @property
    def is_free(self) -> bool:
        """Return whether another request may follow."""
        http = self._http
        return http.our_state is h11.DONE and http.their_state is h11.DONE and not http.trailing_data[0]

    async def _reply(self) -> Reply:
        head = await self._head()
        body = Body(_text(head))
        self._left = _length(head)
        while head.status_code != _SWITCHING:
            event = await self._event()
            if isinstance(event, h11.EndOfMessage):
                break
            assert isinstance(event, h11.Data)
            self._left -= len(event.data)
            body.feed(bytes(event.data))
        line = b"HTTP/%b %d %b" % (head.http_version, head.status_code, head.reason)
        return Reply(head.status_code, line, _text(head), body.whole(), self.wire.read_ns)

    async def _head(self) -> h11.Response | h11.InformationalResponse:
        """Return the head of the final answer, after interim ones.

        Raises:
            HttpFailed: The answer ended early, or there are too many interim ones.
        """
        for _ in range(MOST_INTERIM + 1):
            event = await self._event()
            assert isinstance(event, h11.Response | h11.InformationalResponse)
            if isinstance(event, h11.Response) or event.status_code == _SWITCHING:
                return event
        raise HttpFailed("http.protocol", f"more than {MOST_INTERIM} interim answers")

    async def _event(self) -> h11.Event:
        """Return the next part of the answer.

        Raises:
            HttpFailed: The bytes are not an answer.
        """
        self._since_turn += 1
        if self._since_turn == EVENTS_A_TURN:
            self._since_turn = 0
            await trio.lowlevel.checkpoint()
        while (event := self._next_event()) is h11.NEED_DATA:
            self._since_turn = 0
            self._http.receive_data(await self._read())
        if isinstance(event, h11.Event) and not isinstance(event, h11.ConnectionClosed):
            return event
        raise HttpFailed("http.protocol", "the connection was switched to something that is not HTTP")

    def _next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        try:
            return self._http.next_event()
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == _TOO_LARGE_A_HEAD:
                raise HttpFailed(
                    "http.too_large", f"the answer's head has more than {MOST_HEAD_BYTES:,} bytes"
                ) from error
            if self._http.their_state is h11.ERROR and self._http.trailing_data[1]:
                raise HttpFailed("http.cut_short", f"the connection ended within the answer: {error}") from error
            raise HttpFailed("http.protocol", f"the answer is not HTTP as it should be: {error}") from error

    async def _read(self) -> bytes:
        """Return more of the answer; empty is the end of a body that ends with its connection.

        A body of known length is returned whole, because its last byte is stamped before anything else is done.

        Raises:
            HttpFailed: The connection was lost.
        """
        try:
            data = await self.wire.receive_some(READ_SIZE)
            if data and len(data) < min(self._left, LARGEST_ENCODED):
                data += await self._read_rest(min(self._left, LARGEST_ENCODED) - len(data))
        except trio.BrokenResourceError as error:
            raise self._lost("reset", str(error.__cause__ or error) or "the connection was reset") from error
        except ConnectFailed as failure:  # an alert of TLS in place of the answer
            raise HttpFailed(failure.kind, failure.detail) from failure
        if not data and not (self.has_heard and self._http.their_state is not h11.SEND_RESPONSE):
            raise self._lost("eof", "the server closed the connection")
        self.has_heard = self.has_heard or bool(data)
        self._check_beginning(data)
        return data

    async def _read_rest(self, left: int) -> bytes:
        parts: list[bytes] = []
        while left > 0 and (data := await self.wire.receive_some(READ_SIZE)):
            parts.append(data)
            left -= len(data)
        return b"".join(parts)

    def _check_beginning(self, data: bytes) -> None:
        if len(self._first) < len(_BEGINNING):
            self._first += data[: len(_BEGINNING) - len(self._first)]
            if self._first != _BEGINNING[: len(self._first)]:
                raise HttpFailed("http.not_http", f"the answer begins with {data[:40]!r}")

    def _lost(self, kind: str, detail: str) -> HttpFailed:
        if self.has_heard:
            return HttpFailed("http.cut_short", f"the connection ended within the answer: {detail}")
        return HttpFailed(f"lost.{kind}", f"the connection was lost: {detail}")


def _reader(asked: Asked) -> h11.Connection:
    """Return a parser of the answer that knows the request."""
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEAD_BYTES)
    http.send(h11.Request(method=asked.method, target="/", headers=[(b"Host", b"-"), *asked.of_the_connection]))
    http.send(h11.EndOfMessage())
    return http


def _length(head: h11.Response | h11.InformationalResponse) -> int:
    """Return the body's length that the head states, as h11 has checked it; 0 where it states none."""
    said = [value for name, value in head.headers if name == b"content-length"]
    return int(said[0]) if said else 0


def _text(head: h11.Response | h11.InformationalResponse) -> Headers:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers)
