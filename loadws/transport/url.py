"""A parsed server address (RFC 6455, 3): where to connect, and what to request.

``ws+unix:///run/app.sock:/chat?room=1`` is a WebSocket over a unix socket, in the form that node's ``ws`` gave it: the
socket's path, a colon, and the path and query of the request (``/`` where there is none). A colon in the socket's own
path is written ``%3A``. ``terms.addresses`` explains how the request-target stays as it was written.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Mapping
from urllib.parse import unquote

import msgspec

from loadws.terms.addresses import Address, HostAndPort, request_target, split_address, split_authority, unix_socket

#: Schemes, their ports, and whether they mean TLS.
WEBSOCKET_PORTS = {"ws": 80, "wss": 443}
HTTP_PORTS = {"http": 80, "https": 443}
_WITH_TLS = frozenset({"wss", "https"})
UNIX_HOST = "localhost"

Origin = tuple[bool, str, int, str | None]


class Url(msgspec.Struct, frozen=True):
    """A server address. ``target`` is the request-target in ASCII; ``authorization`` is the Basic header that user info
    in the URL asks for.

    With a ``unix_path``, host and port are not used to connect; the host is ``localhost`` there and the port 0.
    """

    secure: bool
    host: str
    port: int
    target: str
    host_header: str
    authorization: str | None = None
    unix_path: str | None = None

    @property
    def origin(self) -> Origin:
        """Return what two URLs of one server have in common."""
        return self.secure, self.host, self.port, self.unix_path


@functools.lru_cache(maxsize=1024)  # most of a run's connections have one URL
def parse_url(url: str) -> Url:
    """Read the URL of a WebSocket. Raise ValueError with a message for users that contains no part of the URL."""
    address = split_address(url)
    socket_path = unix_socket(address)
    if socket_path is not None:
        return Url(False, UNIX_HOST, 0, request_target(address.target), UNIX_HOST, unix_path=unquote(socket_path))
    return _url(address, WEBSOCKET_PORTS, "a WebSocket URL begins with ws:// or wss://")


@functools.lru_cache(maxsize=1024)
def parse_http_url(url: str) -> Url:
    """Read the URL of an HTTP request. Raise ValueError as ``parse_url`` does."""
    return _url(split_address(url, "http://"), HTTP_PORTS, "an HTTP URL begins with http:// or https://")


def _url(address: Address, ports: Mapping[str, int], wanted: str) -> Url:
    if address.scheme not in ports:
        raise ValueError(f"{wanted}, not {address.scheme[:20]!r}")
    where = split_authority(address.authority)
    usual = ports[address.scheme]
    port = usual if where.port is None else where.port
    return Url(
        secure=address.scheme in _WITH_TLS,
        host=where.host,
        port=port,
        target=request_target(address.target),
        host_header=_host_header(where.host, port, usual),
        authorization=_basic(where),
    )


def _host_header(host: str, port: int, usual: int) -> str:
    bracketed = f"[{host.partition('%')[0]}]" if ":" in host else host
    return bracketed if port == usual else f"{bracketed}:{port}"


def _basic(where: HostAndPort) -> str | None:
    if where.user_info is None:
        return None
    user, _, password = where.user_info.partition(":")
    user_and_password = f"{unquote(user)}:{unquote(password)}"
    return "Basic " + base64.b64encode(user_and_password.encode("utf-8", "replace")).decode()
