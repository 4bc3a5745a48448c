"""Addresses of recordings and scripts, as a scenario needs them: an origin to connect to, and what is asked of it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


def origin_of(url: str) -> str | None:
    """Return ``wss://host:port`` of an address, whatever scheme of the four it has; None where it is no such address."""
    try:
        parts = urlsplit(url)
        scheme, port = _SCHEMES.get(parts.scheme.lower()), parts.port
    except ValueError:
        return None
    if scheme is None or not parts.hostname or not re.fullmatch(r"[A-Za-z0-9.:_-]+", parts.hostname):
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{scheme}://{host}" + (f":{port}" if port else "")


def request_target(url: str) -> str:
    """Return path and query of an address as they are written."""
    parts = urlsplit(url)
    path = re.sub(r"[\s\x00-\x1f\x7f]", "", parts.path) or "/"
    return path + (f"?{parts.query}" if parts.query else "")
