"""The console on which loadws prints: ASCII alone where the locale asks for that, whatever Python encodes.

In the locales C and POSIX Python encodes UTF-8, because most of the time such a locale is only a missing one (PEP 540).
A person who has set it by name asks for ASCII, as ``ls`` and ``gcc`` take it.
"""

from __future__ import annotations

import os
import sys

from rich.console import Console

from loadws.report.plain import asks_for_ascii


class OwnConsole(Console):
    """A console of rich's whose encoding is ASCII where the locale asks for it."""

    @property
    def encoding(self) -> str:
        return "ascii" if asks_for_ascii(os.environ, bool(sys.flags.utf8_mode)) else super().encoding
