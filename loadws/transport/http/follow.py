"""Redirects of ``http`` steps: the next request.

``transport.opening.redirects`` decides where they may lead and which headers follow.
"""

from __future__ import annotations

from msgspec.structs import replace

from loadws.transport.http.messages import HttpFailed, HttpRequest
from loadws.transport.opening.redirects import NotFollowed, check_redirect, harmless_headers, next_address
from loadws.transport.url import parse_http_url

_SEE_OTHER = 303
_MOVED = (301, 302)
#: Headers that describe a body, and are dropped with it.
_OF_A_BODY = frozenset({"content-type", "content-length", "content-encoding", "content-language", "transfer-encoding"})


def followed(request: HttpRequest, status: int, location: str, *, presents_certificate: bool = False) -> HttpRequest:
    """Return the request that the redirect asks for.

    Raises:
        HttpFailed: The redirect is not followed.
    """
    try:
        url, after = next_address(request.url, location, parse_http_url)
        request = _with_its_method(request, status)
        stays = check_redirect(
            parse_http_url(request.url),
            after,
            presents_certificate=presents_certificate,
            carries_body=request.body is not None,
        )
    except NotFollowed as why:
        kind = "http.url" if why.is_no_address else "http.not_followed"
        raise HttpFailed(kind, f"the redirect ({status}) was not followed: {why}") from None
    return replace(request, url=url, headers=request.headers if stays else harmless_headers(request.headers))


def _with_its_method(request: HttpRequest, status: int) -> HttpRequest:
    """Return the request with the method that comes after such a status (the Fetch standard, HTTP-redirect fetch)."""
    becomes_get = request.method == "POST" if status in _MOVED else status == _SEE_OTHER
    if not becomes_get or request.method in ("GET", "HEAD"):
        return request
    headers = tuple((name, value) for name, value in request.headers if name.lower() not in _OF_A_BODY)
    return replace(request, method="GET", body=None, headers=headers)
