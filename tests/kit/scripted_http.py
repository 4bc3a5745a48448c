"""A scripted HTTP server in memory, for ``http`` steps in tests, without sockets and in virtual time.

It replaces the network (``transport.http.wire.Dial``), so that everything above it is the real client. A handler gets
each request and returns its answer: a ``Reply``, or bytes as they are to arrive, in pieces, for answers that violate
HTTP.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

import h11
import msgspec
import trio

from loadws.terms.units import NS_PER_S
from loadws.transport.url import Url

_KNOWN = frozenset(HTTPStatus)


class Asked(msgspec.Struct, frozen=True):
    """A request as it came. ``url`` is the address as a client would write it; names of headers are in lower case."""

    method: str
    url: str
    target: str
    headers: dict[str, str]
    body: bytes


class Reply(msgspec.Struct, frozen=True):
    """A valid answer. ``json`` replaces ``body``."""

    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    json: object = msgspec.UNSET


Handler = Callable[[Asked], Awaitable[Reply | Sequence[bytes]]]


@dataclass
class ScriptedHttp:
    """The server. ``asked`` has all requests, ``opened`` counts the connections and ``proxies`` names the proxy of
    each.
    """

    handler: Handler
    asked: list[Asked] = field(default_factory=list)
    opened: int = 0
    proxies: list[str | None] = field(default_factory=list)

    def now_ns(self) -> int:
        """Return trio's clock, in ns."""
        return round(trio.current_time() * NS_PER_S)

    async def __call__(self, url: Url, proxy: str | None) -> ScriptedWire:
        await trio.lowlevel.checkpoint()
        self.opened += 1
        self.proxies.append(proxy)
        return ScriptedWire(self, url)


class ScriptedWire:
    """One connection. The server works when it is read from; it closes after an answer given as bytes."""

    def __init__(self, server: ScriptedHttp, url: Url) -> None:
        self._server = server
        self._origin = f"{'https' if url.secure else 'http'}://{url.host_header}"
        self._http = h11.Connection(h11.SERVER)
        self._pieces: list[bytes] = []
        self._is_over = False
        self.is_closed = False
        self.read_ns = 0

    async def send_all(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        if self._is_over:
            raise trio.BrokenResourceError("the server has closed")
        self._http.receive_data(data)

    async def receive_some(self, max_bytes: int) -> bytes:
        await trio.lowlevel.checkpoint()
        if not self._pieces and not self._is_over:
            await self._answer()
        self.read_ns = self._server.now_ns()
        return self._pieces.pop(0) if self._pieces else b""

    def is_quiet(self) -> bool:
        return not self._is_over and not self._pieces

    def close(self) -> None:
        self.is_closed = True

    async def _answer(self) -> None:
        reply = await self._server.handler(self._request())
        if not isinstance(reply, Reply):
            self._pieces, self._is_over = list(reply), True
            return
        body = reply.body if reply.json is msgspec.UNSET else msgspec.json.encode(reply.json)
        names = {name.lower() for name, _ in reply.headers}
        length = [] if {"content-length", "transfer-encoding"} & names else [("Content-Length", str(len(body)))]
        reason = HTTPStatus(reply.status).phrase if reply.status in _KNOWN else ""
        head = h11.Response(status_code=reply.status, headers=[*reply.headers, *length], reason=reason)
        parts = [self._http.send(head)]
        if body and self._server.asked[-1].method != "HEAD":
            parts.append(self._http.send(h11.Data(body)))
        parts.append(self._http.send(h11.EndOfMessage()))
        self._pieces = [b"".join(part for part in parts if part)]
        if self._http.our_state is h11.MUST_CLOSE:
            self._is_over = True
        else:
            self._http.start_next_cycle()

    def _request(self) -> Asked:
        request = self._http.next_event()
        assert isinstance(request, h11.Request)
        body = b""
        while isinstance(event := self._http.next_event(), h11.Data):
            body += bytes(event.data)
        target = request.target.decode()
        url = self._origin + target if target.startswith("/") else target
        headers = {name.decode(): value.decode("latin-1") for name, value in request.headers}
        asked = Asked(request.method.decode(), url, target, headers, body)
        self._server.asked.append(asked)
        return asked
