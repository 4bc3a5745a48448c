"""What was recorded, in one form whatever program wrote the file: sockets with their messages, and HTTP exchanges."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from loadws.scenario.json_reader import NotJson, read_json

#: Opcodes of RFC 6455 (5.2); -1 is how Chrome writes down an error.
TEXT, BINARY, CLOSE, PING, PONG, ERROR = 1, 2, 8, 9, 10, -1


@dataclass(frozen=True, eq=False)
class Frame:
    """A message of a socket. ``at_s`` is when, in seconds since 1970; ``line`` is where it stands in the file."""

    is_sent: bool
    at_s: float
    opcode: int
    payload: str | bytes
    line: int

    @cached_property
    def json(self) -> Any:
        """The object or list that the text is as JSON; None for anything else."""
        if not isinstance(self.payload, str) or self.payload.lstrip()[:1] not in ("{", "["):
            return None
        try:
            return read_json(self.payload)
        except NotJson:
            return None


@dataclass(frozen=True, eq=False)
class Exchange:
    """An HTTP request and its answer. Header names are as recorded; ``body`` and ``answer`` are None where there is none."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    status: int
    answer_headers: tuple[tuple[str, str], ...]
    at_s: float
    line: int
    body: str | None = None
    answer: str | None = None

    @cached_property
    def answer_json(self) -> Any:
        """The object or list in the answer's body; None for anything else."""
        return Frame(False, 0, TEXT, self.answer or "", 0).json

    @property
    def path(self) -> str:
        """Return the address without its query, for messages, because queries may have secrets."""
        return urlsplit(self.url).path or "/"


@dataclass(frozen=True, eq=False)
class Socket:
    """A WebSocket: its handshake, its messages in the order of their times, and its close code where that was recorded."""

    handshake: Exchange
    frames: tuple[Frame, ...]
    has_messages: bool = True
    close_code: int | None = None


@dataclass(frozen=True)
class Recording:
    """A whole file. ``program`` is what wrote it, as it calls itself."""

    program: str
    sockets: tuple[Socket, ...]
    exchanges: tuple[Exchange, ...] = ()

    @property
    def is_chrome(self) -> bool:
        return self.program.lower() in ("webinspector", "chrome", "chromium", "google chrome")

    @property
    def is_firefox(self) -> bool:
        return "firefox" in self.program.lower()


def header(headers: tuple[tuple[str, str], ...], name: str) -> str:
    """Return the value of a header, whatever the case of its name; empty where there is none."""
    return next((value for key, value in headers if key.lower() == name), "")
