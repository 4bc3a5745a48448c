"""What is asked of the web server, and what it answers: records, without I/O."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

#: A page of ours: nothing but what the server itself gives, no frame around it, no script that stands in the page.
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: A file of a run: it may be from elsewhere, so it has an origin of its own and reaches nothing of ours.
FILE_POLICY = (
    "sandbox allow-scripts allow-downloads allow-popups; default-src 'none'; style-src 'self' 'unsafe-inline'; "
    "script-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; base-uri 'none'; frame-ancestors 'none'"
)
#: Bytes, a file, or pieces that come one by one.
Body = bytes | Path | Callable[[], AsyncGenerator[bytes, None]]
HTML = "text/html; charset=utf-8"


class Asked(msgspec.Struct, frozen=True):
    """A request: its path, decoded, and the parameters behind it, in order."""

    path: str
    parameters: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, target: str) -> Asked:
        """Return what a request-target asks for.

        Raises:
            ValueError: It is no path, or not UTF-8.
        """
        parts = urlsplit(target)
        if not target.startswith("/") or target.startswith("//"):
            raise ValueError("the target is no path")
        path = unquote(parts.path, errors="strict")
        return cls(path, tuple(parse_qsl(parts.query, keep_blank_values=True, errors="strict", max_num_fields=500)))

    def values(self, name: str) -> list[str]:
        """Return all values of a parameter."""
        return [value for key, value in self.parameters if key == name]

    def value(self, name: str) -> str:
        """Return the first value of a parameter; "" where there is none."""
        return next(iter(self.values(name)), "")


class Answer(msgspec.Struct, frozen=True):
    """A response. The body is bytes, a file, or pieces that come one by one (then the connection ends with it)."""

    body: Body = b""
    kind: str = HTML
    status: int = 200
    policy: str = PAGE_POLICY
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)


Handler = Callable[[Asked], Awaitable[Answer]]


def moved_to(address: str) -> Answer:
    """Return the answer that sends the browser to another address of ours."""
    return Answer(b"", status=303, headers={"Location": address})


def text(words: str, status: int) -> Answer:
    """Return a line of text."""
    return Answer(words.encode("utf-8", "replace") + b"\n", "text/plain; charset=utf-8", status)
