"""Redirects, of the upgrade and of ``http`` steps: one rule for where they may lead and what may be sent there.

A server may send a client elsewhere, but must not make it tell a secret there. An origin is scheme, host and port.

- Only the headers of ``GO_ANYWHERE`` are sent to another origin. Any other header of the scenario may be a credential,
  whatever its name. Cookies follow the jar's own rules.
- No body is sent to another origin: it may contain a password. Browsers and curl send it; here, a redirect that needs
it is
  not followed.
- A redirect never leads from TLS to plain TCP, never to a unix socket, and never to another server where the client
shows a
  certificate.

A redirect that is not followed fails: an upgrade as the refusal that the redirect is, with a note; an ``http`` step
with a kind of its own. The request says how many redirects are followed.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from loadws.terms.addresses import UNIX_SCHEME, from_header, resolve, scheme_of, split_address
from loadws.transport.base import ConnectRequest, HandshakeRefused
from loadws.transport.url import Url, parse_url

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_AS_WEBSOCKET = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
#: The scenario's headers that are sent to any server.
GO_ANYWHERE = frozenset({"user-agent", "origin", "accept", "accept-language", "accept-encoding", "cache-control"})

Headers = tuple[tuple[str, str], ...]


class NotFollowed(Exception):
    """A redirect that is not followed; the message says why. ``is_no_address``: its Location is not an address."""

    def __init__(self, why: str, *, is_no_address: bool = False) -> None:
        super().__init__(why)
        self.is_no_address = is_no_address


def location_of(headers: Headers) -> str | None:
    """Return the header Location; None where there is none, or it is empty."""
    return next((from_header(value) for name, value in headers if name.lower() == "location" and value), None)


def check_redirect(before: Url, after: Url, *, presents_certificate: bool = False, carries_body: bool = False) -> bool:
    """Return whether the redirect stays at its origin.

    Raises:
        NotFollowed: It leads to an address that this request must not be sent to.
    """
    if before.origin == after.origin:
        return True
    if before.secure and not after.secure:
        raise NotFollowed("it leads from TLS to plain TCP")
    if after.secure and presents_certificate:
        raise NotFollowed("it leads to another server, and the client certificate is not for that")
    if carries_body:
        raise NotFollowed("it leads to another origin, and the body of the request is not for that")
    return False


def harmless_headers(headers: Headers) -> Headers:
    """Return those of the scenario's headers that may go to any origin."""
    return tuple((name, value) for name, value in headers if name.lower() in GO_ANYWHERE)


def next_address(before: str, location: str, parse: Callable[[str], Url]) -> tuple[str, Url]:
    """Return where a redirect leads, and that address as ``parse`` reads it.

    Raises:
        NotFollowed: The redirect must not be followed.
    """
    try:
        base = split_address(before)
        url = resolve(base, location).partition("#")[0]
        if location.startswith("//") and base.scheme == UNIX_SCHEME:
            url = f"ws:{location}"
        if scheme_of(url) != base.scheme and parse is parse_url:
            url = _as_websocket(url)
        after = parse(url)
        if after.origin == parse(before).origin:
            url = _with_user_info(url, base.authority)
            after = parse(url)
    except ValueError as error:  # UnicodeError is one
        raise NotFollowed(f"its Location is no address: {error}", is_no_address=True) from None
    return url, after


def _as_websocket(url: str) -> str:
    """Return the address with a WebSocket's scheme.

    Raises:
        ValueError: It has no scheme that corresponds to one.
    """
    scheme = scheme_of(url) or ""
    if scheme not in _AS_WEBSOCKET:
        raise ValueError("it leads to no http, https, ws or wss")
    return _AS_WEBSOCKET[scheme] + url[len(scheme) :]


def _with_user_info(url: str, authority: str) -> str:
    """Return the address with the user info of the previous request, unless the server named another."""
    user_info, at, _ = authority.rpartition("@")
    address = split_address(url)
    if not at or "@" in address.authority:
        return url
    return f"{address.scheme}://{user_info}@{address.authority}{address.target}"


# -- the upgrade ------------------------------------------------------------------------------------------------------


def redirected(request: ConnectRequest, refusal: HandshakeRefused) -> ConnectRequest:
    """Return the next request.

    Raises:
        HandshakeRefused: The refusal is not a redirect, or leads to an address that the request must not be sent to.
    """  # noqa: DOC501
    location = location_of(refusal.headers)
    if refusal.status not in REDIRECTS or location is None or not request.redirects:
        raise refusal
    try:
        url, after = next_address(request.url, location, parse_url)
        if after.unix_path is not None and after.unix_path != parse_url(request.url).unix_path:
            raise NotFollowed("it leads to a unix socket")
        stays = check_redirect(parse_url(request.url), after, presents_certificate=request.presents_certificate)
    except NotFollowed as why:
        raise _not_followed(refusal, str(why)) from None
    left = request.redirects - 1
    if stays:
        return replace(request, url=url, redirects=left)
    return replace(request, url=url, headers=harmless_headers(request.headers), server_name=None, redirects=left)


def _not_followed(refusal: HandshakeRefused, why: str) -> HandshakeRefused:
    return HandshakeRefused(refusal.status, refusal.headers, refusal.body, f"the redirect was not followed: {why}")
