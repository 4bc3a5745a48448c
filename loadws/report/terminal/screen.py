"""Lines that stay in place on a terminal: each painting is one write that overwrites the one before.

Nothing is erased before it is written anew, so there is no flicker. Where the terminal has become narrower, it has wrapped
the old lines, and the cursor must go up by as many rows as they have now.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console

from loadws.report.plain import in_ascii
from loadws.report.terminal.panel import Line, cut

#: What each style is: the parameter of "select graphic rendition" (ECMA-48).
STYLES = {"": "", "strong": "1", "dim": "2", "bar": "36", "good": "32", "bad": "1;31", "doubt": "33"}
_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
#: The terminal shows what lies between these at once (where it does not know them, it passes over them).
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
_TO_LINE_END, _TO_SCREEN_END = "\x1b[K", "\x1b[J"


class Screen:
    """The place on a console where lines are painted again and again. Its methods write and may wait for the terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._painted: list[int] = []  # the width of each line that stands there
        self._codes = _codes(console)
        self._ascii = console.options.ascii_only

    @property
    def size(self) -> tuple[int, int]:
        """The columns and rows that lines may have now; the last column and row stay free."""
        width, height = self._console.size
        return width - 1, height - 1

    def paint(self, lines: Sequence[Line]) -> None:
        """Show the lines in the place of those that stand there."""
        texts = [self._shown(line) for line in lines]
        body = "".join(f"{''.join(self._styled(*part) for part in line)}{_TO_LINE_END}\n" for line in texts)
        self._write(f"{_BEGIN}{_HIDE_CURSOR}{self._up()}{body}{_TO_SCREEN_END}{_END}")
        self._painted = [sum(cell_len(text) for text, _ in line) for line in texts]

    def _shown(self, line: Line) -> Line:
        """Return a line in the characters that the terminal has. Replacements may be longer, so it is cut again."""
        return cut([(in_ascii(text), style) for text, style in line], self.size[0], "...") if self._ascii else line

    def leave(self, lines: Sequence[Line] = ()) -> None:
        """Put ``lines``, which stay, in the place of those that stand there, and show the cursor again."""
        self.paint(lines)
        self._painted = []
        self._write(_SHOW_CURSOR)

    def erase(self) -> None:
        """Take the lines away, so that something else can be printed."""
        if self._painted:
            self._write(f"{self._up()}{_TO_SCREEN_END}")
            self._painted = []

    def _up(self) -> str:
        """Return what moves the cursor to the first of the painted lines, as the terminal has wrapped them."""
        width, height = self._console.size
        rows = sum(max(-(-line // max(width, 1)), 1) for line in self._painted)
        rows = min(rows, max(height - 1, 1))
        return f"\r\x1b[{rows}A" if self._painted else "\r"

    def _styled(self, text: str, style: str) -> str:
        code = self._codes.get(style)
        return f"\x1b[{code}m{text}\x1b[0m" if code and text else text

    def _write(self, text: str) -> None:
        self._console.file.write(text)
        self._console.file.flush()


def _codes(console: Console) -> dict[str, str]:
    """Return the styles that the terminal has: with ``NO_COLOR`` those without a colour, on one that has none, nothing."""
    if console.color_system is None:
        return {}
    return {name: code for name, code in STYLES.items() if code in ("1", "2")} if console.no_color else STYLES
