"""A bar on a terminal for work that takes more than a second; nothing where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TypeVar

from rich.console import Console

from loadws.report.terminal.marks import bar
from loadws.report.terminal.panel import Line, clock
from loadws.report.terminal.screen import Screen

T = TypeVar("T")
#: Work that is done sooner shows nothing, and a bar is painted anew so often, in seconds.
PATIENCE_S, PAINT_EVERY_S = 1.0, 0.2
_WIDTH = 30


class Progress:
    """A bar for ``total`` pieces of work (None: unknown), on stderr, as a context manager: it is gone at the end."""

    def __init__(self, name: str, total: int | None, console: Console | None = None) -> None:
        console = console or Console(stderr=True)
        shows = console.is_terminal and not console.is_dumb_terminal and not console.legacy_windows
        self._screen = Screen(console) if shows else None
        self._name = name
        self._total = total
        self._done = 0
        self._note = ""
        self._began_s = self._painted_s = time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._screen is not None and self._painted_s > self._began_s:
            self._screen.leave()

    def advance(self, pieces: int = 1, note: str = "") -> None:
        """Count pieces that are done, and say what is done next."""
        self._done += pieces
        self._note = note
        now_s = time.monotonic()
        if self._screen is None or now_s - self._began_s < PATIENCE_S or now_s - self._painted_s < PAINT_EVERY_S:
            return
        self._painted_s = now_s
        self._screen.paint([self._line(now_s - self._began_s)])

    def over(self, pieces: Iterable[T]) -> Iterator[T]:
        """Yield pieces of work, and count each when the next is asked for."""
        for piece in pieces:
            yield piece
            self.advance()

    def _line(self, seconds: float) -> Line:
        count = f"{self._done:,}" + ("" if self._total is None else f" of {self._total:,}")
        line: Line = [(f"{self._name} ", "")]
        if self._total:
            full, empty = bar(self._done / self._total, _WIDTH)
            line += [(full, "bar"), (empty, "dim")]
        return [*line, (f" {count}, {clock(seconds)}", ""), (f"  {self._note}", "dim")]


def show_progress(pieces: Iterable[T], name: str, total: int | None = None) -> Iterator[T]:
    """Yield the pieces, with a bar for them on the terminal."""
    with Progress(name, total) as progress:
        yield from progress.over(pieces)
