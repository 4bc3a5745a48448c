"""The frame of a page without scripts: a title, a style for light and dark, and its content."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from loadws.report.svg.palette import DARK, LIGHT, variables

_STYLE = (
    f"""
:root {{ color-scheme: light dark; {variables(LIGHT)} }}
@media screen and (prefers-color-scheme: dark) {{ :root {{ {variables(DARK)} }} }}
"""
    + """
body { margin: 2rem auto; max-width: 52rem; padding: 0 1rem; color: var(--ink); background: var(--card);
  font: 1rem/1.5 system-ui, sans-serif; }
main > svg { width: 100%; height: auto; } svg { font: 11px system-ui, sans-serif; } .plot svg { display: block; }
.plot td { padding: 0; border: 0; }
main > svg text { fill: var(--muted); } main > svg circle { fill: var(--link); }
.curve { display: flex; } .curve > :last-child { flex: 1; min-width: 0; }
.line { fill: none; stroke: var(--link); stroke-width: 1.5; } .grid { stroke: var(--muted); stroke-dasharray: 2 4; }
.mark { stroke: var(--bad); stroke-width: 2; } .note { color: var(--muted); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .9rem; }
th, td { padding: .2rem .6rem; text-align: left; border-bottom: 1px solid var(--muted); }
td.n { text-align: right; } tbody th { white-space: nowrap; }
"""
)


def page(title: str, inside: str) -> bytes:
    """Return a whole HTML page. ``inside`` is HTML, and ``title`` is text."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body><main>\n<h1>{escape(title)}</h1>\n"
        f"{inside}\n</main></body></html>\n"
    ).encode("utf-8", "replace")


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return a table of texts; every column but the first is aligned to the right."""
    heads = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td class=n>{escape(cell)}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    inside = f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll" tabindex="0" role="region" aria-label="Table">{inside}</div>'
