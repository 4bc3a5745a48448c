"""HTTP beside the WebSocket: what a user fetches before, between and after. The only file that knows httpx.

Each user has a client of its own, as a browser has: its own connections, which are kept open between requests, and its own
cookies, which its next upgrade carries too (ws:// as http://, wss:// as https://). What all share is the TLS context. It is
not the WebSockets' one, for httpx writes ALPN into it.

Nothing of the machine's environment is read (``HTTP_PROXY``, ``.netrc``): a scenario says all. Redirects are followed one by
one, so that each step has its own bound; httpx drops ``Authorization`` where one leads to another origin.

A client has no deadline: who calls it has one. Failures are told in the words of connecting (``dns.not_found``,
``tcp.refused``, ``tls.untrusted``) and of a lost connection (``lost.eof``), and in those of ``http``: ``http.protocol``,
``http.redirects``, ``http.too_large``, ``http.url``.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

import httpx
import trio

from loadws.transport.base import TransportError
from loadws.transport.dial import TCP_KINDS
from loadws.transport.tls_failure import tls_failure

#: The most of a body that is read; whoever sends more is an error.
LARGEST_BODY = 2**20
#: A browser's: connections of one user to one server, and how long an idle one is kept.
CONNECTIONS_OF_A_USER = 6
IDLE_S = 30.0
_CLOSE_WITHIN_S = 1.0

#: Each request and answer as it goes, for ``--trace``: its head, and its body where it has one.
Direction = Literal["in", "out"]
PartOfHttp = Literal["request", "response", "text"]
OnPart = Callable[[Direction, PartOfHttp, bytes], None]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """``redirects`` is how many are followed; at 0 a redirect is an answer like any other."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    redirects: int = 10


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """The last answer, after redirects. ``cookies`` are all that the user has by now; of two with one name, either."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    cookies: dict[str, str]


class HttpFailed(TransportError):
    """There was no answer, or not a whole one."""


class HttpClients:
    """Makes each user's client. ``transport`` stands in for the network in tests."""

    def __init__(
        self,
        tls: ssl.SSLContext | None = None,
        proxy: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._tls = tls or ssl.create_default_context()
        self._proxy = proxy
        self._transport = transport

    def new(self) -> HttpClient:
        return HttpClient(self._transport or self._network())

    def _network(self) -> httpx.AsyncHTTPTransport:
        limits = httpx.Limits(
            max_connections=CONNECTIONS_OF_A_USER,
            max_keepalive_connections=CONNECTIONS_OF_A_USER,
            keepalive_expiry=IDLE_S,
        )
        return httpx.AsyncHTTPTransport(verify=self._tls, trust_env=False, limits=limits, proxy=self._proxy)


class HttpClient:
    """One user's connections and cookies."""

    __slots__ = ("_client",)

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._client = httpx.AsyncClient(
            transport=transport, trust_env=False, timeout=None, headers={"User-Agent": "loadws"}
        )

    async def send(self, request: HttpRequest, on_part: OnPart | None = None) -> HttpAnswer:
        """The answer with its whole body. Raises ``HttpFailed``. Cancelled midway, its connection is closed."""
        try:
            return await self._answer(request, on_part)
        except httpx.RequestError as error:
            raise _failure(error) from error

    async def _answer(self, request: HttpRequest, on_part: OnPart | None) -> HttpAnswer:
        following: httpx.Request | None = self._built(request)
        for _ in range(request.redirects + 1):
            assert following is not None
            _show(following, on_part)
            response = await self._client.send(following, stream=True, follow_redirects=False)
            try:
                body = await _body(response)
            finally:
                await response.aclose()
            _show_answer(response, body, on_part)
            following = response.next_request
            if following is None or not request.redirects:
                headers = tuple(response.headers.multi_items())
                return HttpAnswer(response.status_code, headers, body, dict(self._cookies()))
        raise HttpFailed("http.redirects", f"the server redirects more than {request.redirects} times")

    def _built(self, request: HttpRequest) -> httpx.Request:
        try:
            headers = [(name.encode("ascii"), value.encode("utf-8")) for name, value in request.headers]
            return self._client.build_request(request.method, request.url, headers=headers, content=request.body)
        except (httpx.InvalidURL, ValueError) as error:
            raise HttpFailed("http.url", str(error)) from error

    def _cookies(self) -> Iterator[tuple[str, str]]:
        return ((cookie.name, cookie.value or "") for cookie in self._client.cookies.jar)

    def cookies_for(self, url: str) -> str:
        """What the header Cookie of an upgrade to this URL says: by the jar's rules of domain, path and ``Secure``."""
        parts = urlsplit(url)
        scheme = {"ws": "http", "wss": "https"}[parts.scheme]
        request = httpx.Request("GET", urlunsplit((scheme, *parts[1:])))
        self._client.cookies.set_cookie_header(request)
        return str(request.headers.get("cookie", ""))

    async def close(self) -> None:
        """In bounded time, also for a user that is being cut off."""
        with trio.move_on_after(_CLOSE_WITHIN_S) as bound:
            bound.shield = True
            await self._client.aclose()


async def _body(response: httpx.Response) -> bytes:
    """Decoded, and never more than ``LARGEST_BODY`` and one read of it."""
    parts, size = [], 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > LARGEST_BODY:
            raise HttpFailed("http.too_large", f"the body has more than {LARGEST_BODY:,} bytes")
        parts.append(part)
    return b"".join(parts)


# -- failures ---------------------------------------------------------------------------------------------------------


def _failure(error: httpx.RequestError) -> HttpFailed:
    """httpx's words in ours. It says what was being done; what went wrong lies below, among its causes."""
    detail = str(error) or type(error).__name__
    if isinstance(error, httpx.ConnectError):
        return _connect_failure(error)
    match error:
        case httpx.UnsupportedProtocol():
            return HttpFailed("http.url", detail)
        case httpx.ProxyError():
            return HttpFailed("proxy.refused", detail)
        case httpx.NetworkError():
            return HttpFailed("lost.reset", f"the connection was lost: {detail}")
        case httpx.RemoteProtocolError() if "disconnected" in detail or "closed" in detail:
            return HttpFailed("lost.eof", f"the connection was lost: {detail}")
    return HttpFailed("http.protocol", detail)


def _connect_failure(error: httpx.ConnectError) -> HttpFailed:
    causes = list(_causes(error))
    for cause in causes:
        match cause:
            case ssl.SSLError():
                failed = tls_failure(cause)
                return HttpFailed(failed.kind, failed.detail)
            case socket.gaierror():
                return HttpFailed("dns.not_found", cause.strerror or str(cause))
    for cause in reversed(causes):
        if isinstance(cause, OSError) and cause.errno in TCP_KINDS:
            return HttpFailed(f"tcp.{TCP_KINDS[cause.errno]}", os.strerror(cause.errno))  # trio's says the address too
    return HttpFailed("tcp.failed", str(error) or "no TCP connection came about")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """What led to it, outer before inner; of several attempts at once, each."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for one in error.exceptions:
                yield from _causes(one)
        error = error.__cause__ or error.__context__  # httpcore cuts the first on its way


# -- trace ------------------------------------------------------------------------------------------------------------


def _show(request: httpx.Request, on_part: OnPart | None) -> None:
    if on_part is None:
        return
    line = f"{request.method} {request.url.raw_path.decode('ascii')} HTTP/1.1"
    on_part("out", "request", _head(line, request.headers))
    if request.content:
        on_part("out", "text", request.content)


def _show_answer(response: httpx.Response, body: bytes, on_part: OnPart | None) -> None:
    if on_part is None:
        return
    line = f"{response.http_version} {response.status_code} {response.reason_phrase}"
    on_part("in", "response", _head(line, response.headers))
    if body:
        on_part("in", "text", body)


def _head(line: str, headers: httpx.Headers) -> bytes:
    return b"\r\n".join([line.encode("latin-1", "replace"), *(name + b": " + value for name, value in headers.raw)])
