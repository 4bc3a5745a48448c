"""Markdown cut to a size that a service takes: whole lines from the top, where the verdict is."""

from __future__ import annotations

NOTE = "\n\n… the rest is left out here: the report has all of it.\n"
#: What may have to be closed after a cut, with room for as many as our Markdown nests.
_CLOSE = "\n\n</details>"


def cut(text: str, most: int) -> str:
    """Return the text, or as many of its first whole lines as fit into ``most`` bytes of UTF-8 with a note.

    A part that was open where the text is cut is closed. Empty where not even the note would fit.
    """
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= most:
        return encoded.decode()
    room = most - len((_CLOSE + NOTE).encode())
    if room <= 0:
        return ""
    head = encoded[:room].rpartition(b"\n")[0].decode("utf-8", "ignore")
    is_open = head.count("<details>") > head.count("</details>")
    return f"{head}{_CLOSE if is_open else ''}{NOTE}"
