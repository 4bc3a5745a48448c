"""Prepare a request: parse its URL, check and complete its headers."""

from __future__ import annotations

import re

from loadws.transport.base import ConnectRequest
from loadws.transport.url import Url, parse_url

#: The User-Agent of upgrades and ``http`` steps, unless the scenario sets one.
USER_AGENT = "loadws"

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_IN_A_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
Headers = tuple[tuple[str, str], ...]


def checked_url(request: ConnectRequest) -> Url:
    """Return the request's URL.

    Raises:
        ValueError: URL, headers or subprotocols cannot be sent.
    """
    check_headers(request.headers)
    for subprotocol in request.subprotocols:
        if not _TOKEN.fullmatch(subprotocol):
            raise ValueError(f"{subprotocol!r} cannot be a subprotocol: it has to be one word")
    return parse_url(request.url)


def check_headers(headers: Headers) -> None:
    """Check names and values. The message of the error contains no value.

    Raises:
        ValueError: HTTP does not allow a name or a value.
    """
    for name, value in headers:
        if not _TOKEN.fullmatch(name) or _NOT_IN_A_VALUE.search(value):
            raise ValueError(f"the header {name!r} cannot be sent: HTTP does not allow one of its characters")


def header_bytes(value: str) -> bytes:
    """Return a header's value as UTF-8, without the blanks around it.

    Lone surrogates that stand for bytes (``addresses.from_header``) become these bytes again; any other lone surrogate
    is ``?``.
    """
    value = value.strip(" \t")
    try:
        return value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace")


def host_and_headers(request: ConnectRequest, url: Url) -> tuple[str, list[tuple[bytes, bytes]]]:
    """Return the header Host, and all headers that the scenario or loadws adds to those of the upgrade.

    HTTP allows one Host, so that of a scenario replaces ours; its Authorization replaces the URL's user info.
    """
    given = {name.lower(): value for name, value in request.headers}
    headers = [(name.encode(), header_bytes(value)) for name, value in request.headers if name.lower() != "host"]
    if "user-agent" not in given:
        headers.append((b"User-Agent", USER_AGENT.encode()))
    if url.authorization and "authorization" not in given:
        headers.append((b"Authorization", url.authorization.encode()))
    return given.get("host", url.host_header), headers
