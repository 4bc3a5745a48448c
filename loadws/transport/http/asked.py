"""Prepare a request: its bytes, and what is needed to read its answer."""

from __future__ import annotations

import base64

import msgspec

from loadws.terms.proxies import ProxyAddress
from loadws.transport.http.body import ACCEPTED
from loadws.transport.http.messages import Headers, HttpRequest
from loadws.transport.http.wire import forwarding_proxy
from loadws.transport.opening.http_request import USER_AGENT, check_headers, header_bytes
from loadws.transport.url import Url, parse_http_url

_WITH_A_BODY = frozenset({"POST", "PUT", "PATCH"})
_CHUNKED = "chunked"
#: Headers that decide whether the connection stays open.
_OF_THE_CONNECTION = frozenset({b"connection", b"upgrade"})

Rows = list[tuple[bytes, bytes]]


class Asked(msgspec.Struct, frozen=True):
    """A prepared request. ``data`` is all of it, head and framed body; ``head`` and ``body`` are for the trace."""

    method: str
    data: bytes
    head: bytes
    body: bytes
    of_the_connection: Rows


def made_fit(request: HttpRequest, headers: Headers) -> tuple[Url, Asked]:
    """Return the address of a request, and the request with these headers. Raise ValueError where it cannot be sent."""
    url = parse_http_url(request.url)
    check_headers(headers)
    proxy = forwarding_proxy(url, request.proxy)
    given = {name.lower(): value for name, value in headers}
    usual = _usual(request, url, given, proxy)
    rows = [(name.encode("ascii"), header_bytes(value)) for name, value in (*usual, *headers)]
    target = url.target if proxy is None else f"http://{url.host_header}{url.target}"
    lines = [f"{request.method} {target} HTTP/1.1".encode("ascii"), *(b"%b: %b" % row for row in rows)]
    head = b"\r\n".join(lines)
    body = request.body or b""
    framed = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body and "transfer-encoding" in given else body
    if "transfer-encoding" in given and not body:
        framed = b"0\r\n\r\n"
    hints = [row for row in rows if row[0].lower() in _OF_THE_CONNECTION]
    return url, Asked(request.method, head + b"\r\n\r\n" + framed, head, body, hints)


def _usual(request: HttpRequest, url: Url, given: dict[str, str], proxy: ProxyAddress | None) -> Headers:
    """Return the headers that every request has unless the scenario sets them. Raise ValueError as ``_framing`` does."""
    usual = [("Host", url.host_header), ("User-Agent", USER_AGENT), ("Accept", "*/*"), ("Accept-Encoding", ACCEPTED)]
    usual.append(("Connection", "keep-alive"))
    if url.authorization is not None:
        usual.append(("Authorization", url.authorization))
    if proxy is not None and proxy.user is not None:
        credentials = f"{proxy.user}:{proxy.password}".encode("utf-8", "replace")
        usual.append(("Proxy-Authorization", "Basic " + base64.b64encode(credentials).decode("ascii")))
    usual += _framing(request, given)
    return tuple((name, value) for name, value in usual if name.lower() not in given)


def _framing(request: HttpRequest, given: dict[str, str]) -> Headers:
    """Return the headers that state the length of the body.

    Raises:
        ValueError: The scenario's own headers state something else.
    """
    length = str(len(request.body or b""))
    coding = given.get("transfer-encoding")
    if coding is not None:
        if coding.strip().lower() != _CHUNKED or "content-length" in given:
            raise ValueError("of Transfer-Encoding only chunked can be sent, and without Content-Length")
        return ()
    if given.get("content-length", length).strip() != length:
        raise ValueError(f"Content-Length is not that of the body, which has {length} bytes")
    return (("Content-Length", length),) if request.body is not None or request.method in _WITH_A_BODY else ()
