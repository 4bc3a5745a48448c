"""A WebSocket URL taken apart (RFC 6455, 3): whom to dial, and what to ask for."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, unquote, urlsplit

DEFAULT_PORTS = {"ws": 80, "wss": 443}
#: What a request target may hold unquoted (RFC 3986), and ``%``, so that what is quoted already stays as it is.
_TARGET_SAFE = "/?:@!$&'()*+,;=%-._~[]|"


@dataclass(frozen=True, slots=True)
class WsUrl:
    """``target`` is path and query in ASCII; ``authorization`` is the Basic header that user info in the URL asks for."""

    secure: bool
    host: str
    port: int
    target: str
    host_header: str
    authorization: str | None = None


def parse_url(url: str) -> WsUrl:
    """Raises ValueError with a message for people; user info never stands in it. A fragment is left out."""
    parts = urlsplit(url)
    if parts.scheme not in DEFAULT_PORTS:
        raise ValueError(f"a WebSocket URL begins with ws:// or wss://, not {parts.scheme or 'nothing'!r}")
    if not parts.hostname:
        raise ValueError("the URL names no host")
    port = parts.port if parts.port is not None else DEFAULT_PORTS[parts.scheme]
    target = quote(parts.path or "/", _TARGET_SAFE) + (f"?{quote(parts.query, _TARGET_SAFE)}" if parts.query else "")
    return WsUrl(
        secure=parts.scheme == "wss",
        host=parts.hostname,
        port=port,
        target=target,
        host_header=_host_header(parts.hostname, port, parts.scheme),
        authorization=_basic(parts),
    )


def _host_header(host: str, port: int, scheme: str) -> str:
    bracketed = f"[{host.partition('%')[0]}]" if ":" in host else host
    return bracketed if port == DEFAULT_PORTS[scheme] else f"{bracketed}:{port}"


def _basic(parts: SplitResult) -> str | None:
    if parts.username is None:
        return None
    user_and_password = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(user_and_password.encode()).decode()
