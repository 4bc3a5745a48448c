"""A user's HTTP client: its connections, its cookies, and the redirects that it follows.

A client has no deadline: its caller has one. A request that finds its kept connection closed is sent once more over a
new one, as browsers do, where that is harmless: no byte of an answer had come, and its method may be repeated.
"""

from __future__ import annotations

import trio

from loadws.transport.base import ConnectFailed
from loadws.transport.cookies import Jar
from loadws.transport.http.asked import Asked, made_fit
from loadws.transport.http.connection import HttpConnection, Reply
from loadws.transport.http.follow import followed
from loadws.transport.http.messages import HttpAnswer, HttpFailed, HttpRequest, OnPart
from loadws.transport.http.wire import Dial
from loadws.transport.opening.redirects import REDIRECTS, location_of
from loadws.transport.url import Url, parse_http_url

#: As in a browser: how many connections of one user are used at once, and how long an idle one is kept.
CONNECTIONS_OF_A_USER = 6
IDLE_S = 30.0
#: Methods that may be sent twice (RFC 9110, 9.2.2).
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})

_Key = tuple[object, ...]


class HttpClients:
    """A maker of the users' clients. ``dial`` opens connections for all of them."""

    def __init__(self, dial: Dial, *, presents_certificate: bool = False) -> None:
        """Keep what all clients share. ``presents_certificate``: TLS shows a client certificate, which only the named
        servers may see.
        """
        self._dial = dial
        self._presents_certificate = presents_certificate

    def new(self, jar: Jar) -> HttpClient:
        return HttpClient(self._dial, jar, presents_certificate=self._presents_certificate)


class HttpClient:
    """One user's HTTP connections. ``jar`` holds its cookies, which its WebSockets share."""

    __slots__ = ("_dial", "_idle", "_jar", "_last", "_presents_certificate", "_room")

    def __init__(self, dial: Dial, jar: Jar, *, presents_certificate: bool = False) -> None:
        self._dial = dial
        self._jar = jar
        self._presents_certificate = presents_certificate
        self._idle: list[tuple[_Key, HttpConnection]] = []  # the one used last comes last
        self._room = trio.Semaphore(CONNECTIONS_OF_A_USER)
        self._last: tuple[HttpRequest, tuple[Url, Asked]] | None = None

    async def send(self, request: HttpRequest, on_part: OnPart | None = None) -> HttpAnswer:
        """Return the answer with its whole body. If cancelled midway, its connection is closed.

        Raises:
            HttpFailed: No whole answer came.
        """
        left = request.redirects
        opening_ns: int | None = None
        while True:
            url, asked = self._made(request)
            reply, opened_ns = await self._ask(request, url, asked, on_part)
            if opened_ns is not None:
                opening_ns = (opening_ns or 0) + opened_ns
            self._jar.keep(url, reply.headers)
            location = location_of(reply.headers) if reply.status in REDIRECTS else None
            if location is None or not request.redirects:
                cookies = dict(self._jar)
                return HttpAnswer(reply.status, reply.headers, reply.body, cookies, reply.received_ns, opening_ns)
            if not left:
                raise HttpFailed("http.redirects", f"the server redirects more than {request.redirects} times")
            left -= 1
            request = followed(request, reply.status, location, presents_certificate=self._presents_certificate)

    def close(self) -> None:
        """Close idle connections. A connection in use is closed by the step that uses it."""
        while self._idle:
            self._idle.pop()[1].wire.close()

    # -- a request ----------------------------------------------------------------------------------------------------

    def _made(self, request: HttpRequest) -> tuple[Url, Asked]:
        """Return the request as it is sent.

        A request that equals the last one is prepared once, where the user has no cookies.

        Raises:
            HttpFailed: It cannot be sent.
        """
        last = self._last
        if last is not None and last[0] is request and not self._jar:
            return last[1]
        try:
            headers = (
                self._jar.with_cookies(parse_http_url(request.url), request.headers) if self._jar else request.headers
            )
            made = made_fit(request, headers)
        except ValueError as error:
            raise HttpFailed("http.request", str(error)) from error
        self._last = None if self._jar else (request, made)
        return made

    async def _ask(
        self, request: HttpRequest, url: Url, asked: Asked, on_part: OnPart | None
    ) -> tuple[Reply, int | None]:
        """Return the answer, and how long its connection took to open; None where it was open."""
        try:
            self._room.acquire_nowait()
        except trio.WouldBlock:
            await self._room.acquire()
        try:
            return await self._ask_over_one(request, (*url.origin, request.proxy), url, asked, on_part)
        finally:
            self._room.release()

    async def _ask_over_one(
        self, request: HttpRequest, key: _Key, url: Url, asked: Asked, on_part: OnPart | None
    ) -> tuple[Reply, int | None]:
        kept = self._kept(key)
        if kept is not None:
            try:
                return await self._exchange(kept, key, asked, on_part), None
            except HttpFailed as failure:
                if kept.has_heard or not failure.kind.startswith("lost.") or request.method not in _REPEATABLE:
                    raise
        began_ns = self._dial.now_ns()
        connection = await self._opened(url, request.proxy)
        opened_ns = self._dial.now_ns() - began_ns
        return await self._exchange(connection, key, asked, on_part), opened_ns

    async def _opened(self, url: Url, proxy: str | None) -> HttpConnection:
        try:
            return HttpConnection(await self._dial(url, proxy))
        except ConnectFailed as failure:
            raise HttpFailed(failure.kind, failure.detail) from failure

    async def _exchange(self, connection: HttpConnection, key: _Key, asked: Asked, on_part: OnPart | None) -> Reply:
        try:
            _show(asked, on_part)
            reply = await connection.ask(asked)
        except BaseException:
            connection.wire.close()
            raise
        _show_answer(reply, on_part)
        self._put_aside(connection, key)
        return reply

    # -- connections that are kept ------------------------------------------------------------------------------------

    def _kept(self, key: _Key) -> HttpConnection | None:
        """Return the connection to this server that was used last, if it is still open."""
        for index in range(len(self._idle) - 1, -1, -1):
            if self._idle[index][0] != key:
                continue
            _, connection = self._idle.pop(index)
            if connection.idle_since + IDLE_S > trio.current_time() and connection.wire.is_quiet():
                return connection
            connection.wire.close()
        return None

    def _put_aside(self, connection: HttpConnection, key: _Key) -> None:
        if not connection.is_free:
            connection.wire.close()
            return
        connection.idle_since = trio.current_time()
        self._idle.append((key, connection))
        if len(self._idle) > CONNECTIONS_OF_A_USER:
            self._idle.pop(0)[1].wire.close()


# -- trace ------------------------------------------------------------------------------------------------------------


def _show(asked: Asked, on_part: OnPart | None) -> None:
    if on_part is None:
        return
    on_part("out", "request", asked.head)
    if asked.body:
        on_part("out", "text", asked.body)


def _show_answer(reply: Reply, on_part: OnPart | None) -> None:
    if on_part is None:
        return
    lines = [reply.line, *(f"{name}: {value}".encode("latin-1") for name, value in reply.headers)]
    on_part("in", "response", b"\r\n".join(lines))
    if reply.body:
        on_part("in", "text", reply.body)
