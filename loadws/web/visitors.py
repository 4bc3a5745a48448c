"""Which requests the server hears: those of a browser that shows a page of this very server.

A page from elsewhere can make a browser send requests to loopback, and by DNS rebinding even read the answers: it has a name
of its own point to 127.0.0.1. Such a request carries that name as its Host, or a foreign Origin, and is refused.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable


def refusal(headers: Iterable[tuple[bytes, bytes]], port: int) -> str | None:
    """Return why a request is refused, in a sentence; None where it is heard. Header names are in lower case."""
    named = list(headers)
    hosts = [value.decode("latin-1") for name, value in named if name == b"host"]
    if len(hosts) != 1 or not is_ours(hosts[0], port):
        return "This server is asked for by another name than its own: open it by the address that loadws printed."
    origins = [value.decode("latin-1") for name, value in named if name == b"origin"]
    if any(origin != f"http://{hosts[0]}" for origin in origins):
        return "Pages of other servers may ask nothing here."
    sites = [value for name, value in named if name == b"sec-fetch-site"]
    modes = [value for name, value in named if name == b"sec-fetch-mode"]
    if b"cross-site" in sites and b"navigate" not in modes:
        return "Pages of other servers may ask nothing here."
    return None


def is_ours(host: str, port: int) -> bool:
    """Return whether a Host header is an address of this machine: localhost, or an address in numbers, which needs no
    name server.
    """
    name, colon, number = host.rpartition(":")
    if not colon or number != str(port):
        return host == "localhost" and port == 80
    return name == "localhost" or is_address(name.removeprefix("[").removesuffix("]"))


def is_address(name: str) -> bool:
    """Return whether a name is an IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a host that a server listens on."""
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)
