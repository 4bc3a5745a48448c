"""The frame of a page without scripts and with nothing beside it: a title, the style of the list of runs, its content."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from html import escape
from importlib import resources

from loadws.report.svg.palette import DARK, LIGHT, variables


def page(title: str, inside: str) -> bytes:
    """Return a whole HTML page. ``inside`` is HTML, and ``title`` is text."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="icon" href="data:,"><style>{_style()}</style></head>\n'
        f'<body><header><p class="brand"><b>loadws</b></p><h1>{escape(title)}</h1></header>\n<main class="framed">\n'
        f"{inside}\n</main></body></html>\n"
    ).encode("utf-8", "replace")


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], name: str) -> str:
    """Return a table of texts; every column but the first is aligned to the right. ``name`` tells it from other tables."""
    heads = "".join(f'<th scope="col"{" class=n" if at else ""}>{escape(cell)}</th>' for at, cell in enumerate(head))
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td class=n>{escape(cell)}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    inside = f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Table: {escape(name, quote=True)}">{inside}</div>'
    )


@cache
def _style() -> str:
    """Return the style of the list of runs, with the colours of a light and a dark screen; paper has the light ones."""
    light = f":root {{ color-scheme: light dark; {variables(LIGHT)} }}"
    dark = f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {variables(DARK)} }} }}"
    return "\n".join((light, dark, (resources.files("loadws.report") / "templates" / "archive.css").read_text("utf-8")))
