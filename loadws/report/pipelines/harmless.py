"""Text that a CI service would take for a command, made into one that it shows.

A service reads commands from the streams of a job: GitHub where a line begins with ``::``, and anywhere ``##[`` (GitHub),
``##vso[`` (Azure) and ``##teamcity[``. What a server or a scenario says may stand on these streams too.
"""

from __future__ import annotations

import re

_COMMAND = re.compile(r"#(?=#(?:\[|vso\[|teamcity\[))|(?:(?<=[\r\n])|\A)[^\S\r\n]*:(?=:)", re.IGNORECASE)


def harmless(text: str, at_start: bool) -> str:
    """Return the text with a space inside of what begins a command. ``at_start``: the text begins a line."""

    def mended(match: re.Match[str]) -> str:
        is_inside_a_line = match.start() == 0 and not at_start and match[0].endswith(":")
        return match[0] if is_inside_a_line else f"{match[0]} "

    return _COMMAND.sub(mended, text)


def is_at_start(text: str, at_start: bool) -> bool:
    """Return whether the text after ``text`` begins a line; spaces before it do not count."""
    last_line = re.split(r"[\r\n]", text)
    return not last_line[-1].strip() and (len(last_line) > 1 or at_start)
