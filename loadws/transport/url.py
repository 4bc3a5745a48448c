"""A WebSocket URL taken apart (RFC 6455, 3): whom to dial, and what to ask for.

``ws+unix:///run/app.sock:/chat?room=1`` is a WebSocket over a unix socket, in the form that node's ``ws`` gave it: the
socket's path, a colon, and the path and query of the request (``/`` where there is none). A colon in the socket's own path
is written ``%3A``.
"""

from __future__ import annotations

import base64
import functools
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, unquote, urlsplit

DEFAULT_PORTS = {"ws": 80, "wss": 443}
UNIX_SCHEME = "ws+unix"
UNIX_HOST = "localhost"
#: What a request target may hold unquoted (RFC 3986), and ``%``, so that what is quoted already stays as it is.
_TARGET_SAFE = "/?:@!$&'()*+,;=%-._~[]|"


@dataclass(frozen=True, slots=True)
class WsUrl:
    """``target`` is path and query in ASCII; ``authorization`` is the Basic header that user info in the URL asks for.

    With a ``unix_path`` host and port name nobody to dial; the host is ``localhost`` there and the port 0.
    """

    secure: bool
    host: str
    port: int
    target: str
    host_header: str
    authorization: str | None = None
    unix_path: str | None = None


@dataclass(frozen=True, slots=True)
class UnixUrl:
    """A ``ws+unix`` URL as it is written: ``socket`` and ``path`` are still quoted."""

    socket: str
    path: str
    query: str

    def with_request(self, path: str, query: str) -> str:
        """The URL for another request over the same socket."""
        return f"{UNIX_SCHEME}://{self.socket}:{path}" + (f"?{query}" if query else "")


def split_unix(url: str) -> UnixUrl | None:
    """None where the URL is of another scheme. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme != UNIX_SCHEME:
        return None
    socket_path, _, path = parts.path.partition(":")
    if parts.netloc or not socket_path.startswith("/") or socket_path.endswith("/"):
        raise ValueError("a unix socket is named by its whole path: ws+unix:///path/to.sock:/path")
    return UnixUrl(socket_path, path, parts.query)


@functools.lru_cache(maxsize=1024)  # most of a run's connections have one URL
def parse_url(url: str) -> WsUrl:
    """Raises ValueError with a message for people; user info never stands in it. A fragment is left out."""
    if (unix := split_unix(url)) is not None:
        return WsUrl(False, UNIX_HOST, 0, _target(unix.path, unix.query), UNIX_HOST, unix_path=unquote(unix.socket))
    parts = urlsplit(url)
    if parts.scheme not in DEFAULT_PORTS:
        raise ValueError(f"a WebSocket URL begins with ws:// or wss://, not {parts.scheme or 'nothing'!r}")
    if not parts.hostname:
        raise ValueError("the URL names no host")
    port = parts.port if parts.port is not None else DEFAULT_PORTS[parts.scheme]
    return WsUrl(
        secure=parts.scheme == "wss",
        host=parts.hostname,
        port=port,
        target=_target(parts.path, parts.query),
        host_header=_host_header(parts.hostname, port, parts.scheme),
        authorization=_basic(parts),
    )


def _target(path: str, query: str) -> str:
    rooted = path if path.startswith("/") else f"/{path}"
    return quote(rooted, _TARGET_SAFE) + (f"?{quote(query, _TARGET_SAFE)}" if query else "")


def _host_header(host: str, port: int, scheme: str) -> str:
    bracketed = f"[{host.partition('%')[0]}]" if ":" in host else host
    return bracketed if port == DEFAULT_PORTS[scheme] else f"{bracketed}:{port}"


def _basic(parts: SplitResult) -> str | None:
    if parts.username is None:
        return None
    user_and_password = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(user_and_password.encode()).decode()
