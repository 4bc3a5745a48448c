"""Make a server's text fit to keep: one printable line, at most 2 KiB, without secrets.

Nothing that a server sends may reach a report unbounded, control a terminal, or forge a line of a log. Secrets are
masked first, in the text as it came, because later changes could split them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

from loadws.terms.masker import Masker
from loadws.terms.secrets import MASK, is_secret_header

LONGEST = 2_048  # bytes of UTF-8
MOST_HEADERS = 100
_NOTHING_SECRET = Masker()


def one_line(text: str, masker: Masker = _NOTHING_SECRET) -> str:
    """Return the text on one line, cut and without secrets.

    White space becomes a space, and any other character that does not print (a control, a lone surrogate) U+FFFD.
    """
    masked = masker.text(text[:LONGEST])
    shown = "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in masked[:LONGEST])
    return shown.encode()[:LONGEST].decode(errors="ignore")


def one_line_of(body: bytes, masker: Masker = _NOTHING_SECRET) -> str:
    """Return bytes as such a line; they are read as UTF-8."""
    return one_line(body[:LONGEST].decode(errors="replace"), masker)


def harmless(
    headers: Mapping[str, str] | Iterable[tuple[str, str]], masker: Masker = _NOTHING_SECRET
) -> dict[str, str]:
    """Return the headers of a refused upgrade without secrets; the last one where a header is repeated."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return {
        one_line(name): MASK if is_secret_header(name) else one_line(value, masker)
        for name, value in islice(pairs, MOST_HEADERS)
    }
