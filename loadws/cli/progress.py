"""A bar on a terminal for work that needs more than a second; nothing where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TextIO, TypeVar

from rich.console import Console

from loadws.report.terminal.marks import bar
from loadws.report.terminal.own_console import OwnConsole
from loadws.report.terminal.panel import Line, clock
from loadws.report.terminal.screen import Screen

T = TypeVar("T")
#: Work that is done sooner shows nothing, and a bar is painted anew so often, in seconds.
PATIENCE_S, PAINT_EVERY_S = 1.0, 0.2
_WIDTH = 30


class Progress:
    """A bar for ``total`` pieces of work (None: unknown) on stderr, as a context manager: it is gone at the end.

    It is painted by ``advance`` and never by itself, so it takes no time from a load. ``is_long`` work shows it at once.
    """

    def __init__(
        self,
        name: str,
        total: int | None,
        console: Console | None = None,
        is_long: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console or OwnConsole(stderr=True)
        is_place = self._console.is_terminal and not self._console.is_dumb_terminal and not self._console.legacy_windows
        self._screen = Screen(self._console) if is_place else None
        self._name = name
        self.total = total
        self._is_long = is_long
        self._now = now
        self._done = 0
        self._note = ""
        self._began_s = now()
        self._painted_s: float | None = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._screen is not None and self._painted_s is not None:
            self._screen.leave()
            self._painted_s = None

    @property
    def is_shown(self) -> bool:
        """Whether there is a terminal to show it on."""
        return self._screen is not None

    def advance(self, pieces: int = 1, note: str = "") -> None:
        """Count pieces that are done, and say what is done next."""
        self._done += pieces
        self._note = note or self._note
        if self._screen is not None and self._is_time():
            self._painted_s = self._now()
            self._screen.paint([self._line()])

    def over(self, pieces: Iterable[T]) -> Iterator[T]:
        """Yield pieces of work, and count each when the next is asked for."""
        for piece in pieces:
            yield piece
            self.advance()

    def say(self, text: str, to: TextIO | None = None) -> None:
        """Print a line above the bar, or to another stream, which may be the same terminal."""
        if self._screen is not None:
            self._screen.erase()
        print(text, file=to or self._console.file, flush=True)
        if self._screen is not None and self._painted_s is not None:
            self._screen.paint([self._line()])

    def _is_time(self) -> bool:
        now_s = self._now()
        if self._painted_s is not None:
            return self._is_long or now_s - self._painted_s >= PAINT_EVERY_S
        return self._is_long or now_s - self._began_s >= PATIENCE_S

    def _line(self) -> Line:
        count = f"{self._done:,}" + ("" if self.total is None else f" of {self.total:,}")
        line: Line = [(f"{self._name} ", "")]
        if self.total:
            full, empty = bar(self._done / self.total, _WIDTH)
            line += [(full, "bar"), (empty, "dim")]
        return [*line, (f" {count}, {clock(self._now() - self._began_s)}", ""), (f"  {self._note}", "dim")]


def show_progress(pieces: Iterable[T], name: str, total: int | None = None) -> Iterator[T]:
    """Yield the pieces, with a bar for them on the terminal."""
    with Progress(name, total) as progress:
        yield from progress.over(pieces)
