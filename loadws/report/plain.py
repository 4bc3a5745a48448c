"""Text from a server or a scenario, made harmless: invisible characters become escapes, and long texts are cut.

A server may send terminal escapes in a close reason, a right-to-left override in a body or a NUL where XML allows none.
After ``plain`` a text has none of them, so it cannot control a terminal, and an XML file stays well-formed. Each
renderer itself escapes markup (``<``, ``|``, ``[bold]``).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping

LONGEST = 500
_ASCII_LOCALES = ("C", "POSIX")

#: Replacements of our own signs, for a terminal that has only ASCII.
_ASCII = {
    "✔": "+",
    "✘": "x",
    "·": "-",
    "—": "-",
    "−": "-",
    "≠": "!=",
    "µ": "u",
    "±": "+-",
    "×": "x",
    "…": "...",
    "━": "#",
    "─": ".",
    "→": "->",
    "▁": "_",
    "▂": ".",
    "▃": "-",
    "▄": "=",
    "▅": "+",
    "▆": "*",
    "▇": "%",
    "█": "#",
}

#: The name of the error handler that encodes our signs as their replacements, and other characters as escapes.
SIGNS = "loadws-signs"

_CONTROLS = r"\x00-\x08\x0b-\x1f\x7f-\x9f"
_DIRECTIONS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_SEPARATORS = "\u2028\u2029"
_NO_CHARACTERS = "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
_STAND_INS = str.maketrans(_ASCII)
_UNSEEN = re.compile(f"[{_CONTROLS}{_DIRECTIONS}{_SEPARATORS}{_NO_CHARACTERS}]")
_UNSEEN_OR_BREAK = re.compile(f"[\\t\\n{_CONTROLS}{_DIRECTIONS}{_SEPARATORS}{_NO_CHARACTERS}]")


def plain(text: str, longest: int = LONGEST) -> str:
    r"""Return one line of at most ``longest`` characters: ``"a\nb\x1b[2J"`` -> ``r"a\nb\x1b[2J"``."""
    shown = _UNSEEN_OR_BREAK.sub(_escape, text[: longest + 1])
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def plain_lines(text: str) -> str:
    """Return the same for a text with line breaks and tabs of its own, uncut: a scenario file."""
    return _UNSEEN.sub(_escape, text.replace("\r\n", "\n"))


def in_ascii(text: str) -> str:
    """Return a text for a terminal that has only ASCII: our signs have replacements, other characters become escapes."""
    return text.translate(_STAND_INS).encode("ascii", "backslashreplace").decode("ascii")


def asks_for_ascii(env: Mapping[str, str], is_utf8_mode: bool) -> bool:
    """Return whether the locale of this environment has ASCII alone, and was set on purpose.

    ``is_utf8_mode``: Python's, which a locale that names UTF-8 in ``LC_CTYPE`` keeps it from. Python may itself have
    set ``LC_CTYPE`` for its children, so that variable does not count.
    """
    if env.get("PYTHONUTF8") or env.get("PYTHONIOENCODING"):
        return False  # then Python's encoding is what was asked for
    if locale := env.get("LC_ALL"):
        return locale in _ASCII_LOCALES
    return is_utf8_mode and env.get("LANG") in _ASCII_LOCALES


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def _without(error: UnicodeError) -> tuple[str, int]:
    """Return replacements of what cannot be encoded, and where to go on.

    Raises:
        UnicodeError: It is another kind of error.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return in_ascii(error.object[error.start : error.end]), error.end


codecs.register_error(SIGNS, _without)
