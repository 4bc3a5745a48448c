"""Words of a sentence that are code: what stands between backticks."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_CODE = re.compile(r"`([^`\n]{1,200})`")


def coded(text: str) -> Markup:
    """Return the text, escaped, with what stands between backticks as ``code`` elements."""
    pieces = _CODE.split(text)
    return Markup("").join(Markup("<code>{}</code>").format(p) if at % 2 else escape(p) for at, p in enumerate(pieces))
