"""What a request asks for, made fit to be sent: its URL taken apart, its headers checked and completed."""

from __future__ import annotations

import re

from loadws.transport.base import ConnectRequest
from loadws.transport.url import WsUrl, parse_url

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_IN_A_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def checked_url(request: ConnectRequest) -> WsUrl:
    """The request's URL; raises ValueError where URL, headers or subprotocols cannot be sent as they are."""
    for name, value in request.headers:
        if not _TOKEN.fullmatch(name) or _NOT_IN_A_VALUE.search(value):
            raise ValueError(f"the header {name!r} cannot be sent: HTTP does not allow one of its characters")
    for subprotocol in request.subprotocols:
        if not _TOKEN.fullmatch(subprotocol):
            raise ValueError(f"{subprotocol!r} cannot be a subprotocol: it has to be one word")
    return parse_url(request.url)


def host_and_headers(request: ConnectRequest, url: WsUrl) -> tuple[str, list[tuple[bytes, bytes]]]:
    """HTTP allows one Host, so a scenario's own takes its place; its own Authorization goes before the URL's user info."""
    given = {name.lower(): value for name, value in request.headers}
    headers = [(name.encode(), value.encode()) for name, value in request.headers if name.lower() != "host"]
    if url.authorization and "authorization" not in given:
        headers.append((b"Authorization", url.authorization.encode()))
    return given.get("host", url.host_header), headers
