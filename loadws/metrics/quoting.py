"""What a server said, made fit to keep: one printable line, at most 2 KiB, no cookies.

Nothing that a server sends may reach a report unbounded, steer a terminal, or forge a line of a log; and what it sets as a
cookie is a secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

LONGEST = 2_048  # bytes of UTF-8
MOST_HEADERS = 100
MASK = "***"
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})


def one_line(text: str) -> str:
    """White space becomes a space, and any other character that does not print (a control, a lone surrogate) U+FFFD."""
    shown = "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text[:LONGEST])
    return shown.encode()[:LONGEST].decode(errors="ignore")


def one_line_of(body: bytes) -> str:
    """The same of bytes, which are taken for UTF-8."""
    return one_line(body[:LONGEST].decode(errors="replace"))


def harmless(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers of a refused upgrade; of a repeated one the last."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return {
        one_line(name): MASK if name.lower() in _SECRET_HEADERS else one_line(value)
        for name, value in islice(pairs, MOST_HEADERS)
    }
