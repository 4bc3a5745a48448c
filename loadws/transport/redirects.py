"""Redirects of the upgrade: where to, and what may go along.

A server may send us elsewhere, but never make us tell a secret there: to another scheme, host or port go only headers of
which that is known. From TLS it never leads to plain TCP, and never to a unix socket. What is not followed stays the refusal
that it is.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urljoin, urlsplit, urlunsplit

from loadws.transport.base import ConnectRequest, HandshakeRefused
from loadws.transport.url import WsUrl, parse_url, split_unix

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
#: The scenario's headers that go to whatever server. Any other may be a credential, whatever its name.
GO_ANYWHERE = frozenset({"user-agent", "origin", "accept-language"})


def location_of(headers: tuple[tuple[str, str], ...]) -> str | None:
    return next((value for name, value in headers if name.lower() == "location" and value), None)


def redirected(request: ConnectRequest, refusal: HandshakeRefused) -> ConnectRequest:
    """What to ask next. Raises the refusal where that is nothing."""
    location = location_of(refusal.headers)
    if refusal.status not in REDIRECTS or location is None or not request.redirects:
        raise refusal
    try:
        url = _target(request.url, location)
        before, after = parse_url(request.url), parse_url(url)
    except ValueError:
        raise _not_followed(refusal, "its Location is no address of a WebSocket") from None
    if before.secure and not after.secure:
        raise _not_followed(refusal, "it leads from TLS to plain TCP")
    if _origin(before) == _origin(after):
        return replace(request, url=_with_user_info(url, request.url), redirects=request.redirects - 1)
    if after.secure and request.presents_certificate:
        raise _not_followed(refusal, "it leads to another server, and the client certificate is not for that")
    headers = tuple((name, value) for name, value in request.headers if name.lower() in GO_ANYWHERE)
    return replace(request, url=url, headers=headers, server_name=None, redirects=request.redirects - 1)


def _target(base: str, location: str) -> str:
    """Absolute or relative to ``base``; http is ws here. Raises ValueError."""
    if urlsplit(location).scheme:
        return _as_websocket(location)
    if (parts := split_unix(base)) is not None:
        if location.startswith("//"):
            return _as_websocket(f"ws:{location}")
        joined = urlsplit(urljoin(f"http://localhost{parts.path or '/'}", location))
        return parts.with_request(joined.path, joined.query)
    return _as_websocket(urljoin(base, location))


def _as_websocket(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES:
        raise ValueError("a redirect leads to http, https, ws or wss")
    return urlunsplit((_SCHEMES[parts.scheme], *parts[1:4], ""))


def _origin(url: WsUrl) -> tuple[bool, str, int, str | None]:
    return url.secure, url.host, url.port, url.unix_path


def _with_user_info(url: str, before: str) -> str:
    """The same server goes on to get the user info that it got, unless it named another."""
    parts, (user_info, at, _) = urlsplit(url), urlsplit(before).netloc.rpartition("@")
    if not at or "@" in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=f"{user_info}@{parts.netloc}"))


def _not_followed(refusal: HandshakeRefused, why: str) -> HandshakeRefused:
    return HandshakeRefused(refusal.status, refusal.headers, refusal.body, f"the redirect was not followed: {why}")
