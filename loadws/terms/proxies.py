"""A proxy's address: ``http://127.0.0.1:3128``, ``socks5h://user:password@proxy.test``.

``http`` and ``https`` make a tunnel by CONNECT, over TLS where it is ``https``. ``socks5`` gets the target's address,
which is looked up here; ``socks5h`` gets its name and looks it up there (the words are curl's).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote, urlsplit

Scheme = Literal["http", "https", "socks5", "socks5h"]

_DEFAULT_PORTS: dict[str, tuple[Scheme, int]] = {
    "http": ("http", 80),
    "https": ("https", 443),
    "socks5": ("socks5", 1080),
    "socks5h": ("socks5h", 1080),
}
#: In place of an address: no proxy, where others have one.
DIRECT = "direct"
#: The longest user name or password of SOCKS 5 (RFC 1929), in bytes: the length is one byte.
_MOST_SOCKS_BYTES = 255


@dataclass(frozen=True, slots=True)
class ProxyAddress:
    """A proxy. ``user`` and ``password`` are never shown."""

    scheme: Scheme
    host: str
    port: int
    user: str | None = field(default=None, repr=False)
    password: str = field(default="", repr=False)

    @property
    def is_socks(self) -> bool:
        return self.scheme.startswith("socks")

    def __str__(self) -> str:
        return f"{self.scheme}://" + (f"[{self.host}]" if ":" in self.host else self.host) + f":{self.port}"


def parse_proxy(text: str) -> ProxyAddress | None:
    """Return the proxy of an address; None for ``direct``.

    Raises:
        ValueError: It is not a proxy's address. The message is written for users and contains no part of it.
    """
    if text.strip() == DIRECT:
        return None
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        raise ValueError("the proxy's address cannot be read") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError("a proxy's address begins with http://, https://, socks5:// or socks5h://")
    if not parts.hostname or port == 0:
        raise ValueError("the proxy's address has no host, or no port to connect to")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("a proxy's address ends after its port")
    scheme, usual_port = _DEFAULT_PORTS[parts.scheme]
    user = None if parts.username is None else unquote(parts.username)
    found = ProxyAddress(scheme, parts.hostname, port or usual_port, user, unquote(parts.password or ""))
    _check_user(found)
    return found


def _check_user(proxy: ProxyAddress) -> None:
    if proxy.user is None:
        return
    if not proxy.is_socks:
        if ":" in proxy.user:
            raise ValueError("a user's name cannot hold a colon: HTTP could not tell it from the password")
        return
    if not (proxy.user and proxy.password):
        raise ValueError("a SOCKS proxy takes a user with a password, or neither")
    if any(len(word.encode()) > _MOST_SOCKS_BYTES or not word.isascii() for word in (proxy.user, proxy.password)):
        raise ValueError(f"user and password for a SOCKS proxy are ASCII, at most {_MOST_SOCKS_BYTES} bytes each")
