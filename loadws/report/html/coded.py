"""Words of a sentence that are code, which stand between backticks, and numbers, which keep their unit on their line."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_UNIT = re.compile(r"(?<=\d) (?=(?:ns|µs|ms|s|m|h|B|KiB|MiB|GiB)\b)")
_CODE = re.compile(r"`([^`\n]{1,200})`")


def coded(text: str) -> Markup:
    """Return the text, escaped, with what stands between backticks as ``code`` elements."""
    pieces = _CODE.split(_UNIT.sub("\u00a0", text))
    return Markup("").join(Markup("<code>{}</code>").format(p) if at % 2 else escape(p) for at, p in enumerate(pieces))
