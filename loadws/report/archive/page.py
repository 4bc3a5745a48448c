"""The list of runs as a page, the same from a server and as a file: whole without scripts and without styles.

Its style and its script lie beside it. The script only adds: filters without a new page, and a reload when a run lands.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from html import escape
from importlib import resources
from urllib.parse import quote

import jinja2
import msgspec
from markupsafe import Markup

from loadws.report.archive.archive import MOST_RUNS, Look
from loadws.report.archive.entry import Entry
from loadws.report.archive.listing import PAGE_RUNS, Filter, ScenarioRow, scenarios_of
from loadws.report.folder import REPORT
from loadws.report.svg.palette import DARK, LIGHT, paint
from loadws.terms.thresholds import format_value
from loadws.terms.units import format_duration, format_share

NO_NUMBER = "—"
_MARKS = {"passed": "✔", "inconclusive": "?", "invalid": "!", "interrupted": "!", "unread": "!"}
_FAILED = "✘"
_TONES = {"passed": "good", "failed": "bad", "aborted": "bad", "no_data": "bad", "unreachable": "bad"}
_SPARK_WIDTH, _SPARK_HEIGHT = 160, 32


class Site(msgspec.Struct, frozen=True):
    """The addresses of an archive's files, relative to the list. ``is_served``: a server, which can compare ticked
    runs, serves it.
    """

    folder: str
    is_served: bool
    runs: str = "runs"
    history: str = "history.html"
    compared: frozenset[str] = frozenset()  # in a static copy: the scenarios that have a page in compare/

    def report(self, entry: Entry) -> str:
        """Return the address of a run's report, or of its folder's summary where it has none."""
        return f"{self.runs}/{quote(entry.where)}/{REPORT}"


def list_page(look: Look, site: Site, wanted: Filter) -> bytes:
    """Return the page of the list."""
    kept = [entry for entry in look.entries if wanted.keeps(entry)]
    pages = max(-(-len(kept) // PAGE_RUNS), 1)
    page = min(max(wanted.page, 1), pages)
    shown = kept if not site.is_served else kept[(page - 1) * PAGE_RUNS : page * PAGE_RUNS]
    return _template("archive.html.jinja").render(
        site=site, look=look, wanted=wanted, kept=len(kept), shown=shown, page=page, pages=pages if site.is_served else 1,
        scenarios=scenarios_of(look.entries), outcomes=sorted({entry.outcome for entry in look.entries}),
        newest=next((entry for entry in look.entries if entry.has_report), None), most_runs=MOST_RUNS,
    ).encode("utf-8", "replace")  # fmt: skip


def framed_page(title: str, inside: str, up: str = "./", index: str = "") -> bytes:
    """Return a page with ``inside``, which is HTML, in the frame of the list.

    ``up`` is the way from it to the folder of the list, and ``index`` the list's name there.
    """
    rendered = _template("frame.html.jinja").render(title=title, inside=Markup(inside), up=up, index=index)
    return rendered.encode("utf-8", "replace")


def message_page(title: str, sentences: Sequence[str]) -> bytes:
    """Return a page of a server that says what is wrong and what to do."""
    return framed_page(title, "\n".join(f"<p>{escape(sentence)}</p>" for sentence in sentences), "/")


@cache
def css() -> str:
    """Return the style of the list, for light and dark."""
    light, dark = (" ".join(f"--{name}: {value};" for name, value in palette.items()) for palette in (LIGHT, DARK))
    colours = (
        f":root {{ color-scheme: light dark; {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
    )
    return colours + _text("archive.css")


@cache
def javascript() -> str:
    """Return the script of the list."""
    return _text("archive.js")


def sparkline(row: ScenarioRow) -> Markup:
    """Return the course of a scenario's p95 over its newest runs as a drawing; nothing where fewer than two have one."""
    known = [value for value in row.trend if value is not None]
    if len(known) < 2:
        return Markup("")
    step, top = _SPARK_WIDTH / max(len(row.trend), 1), max(known) or 1.0
    points = [
        (round((at + 0.5) * step, 1), round(_SPARK_HEIGHT - 4 - value / top * (_SPARK_HEIGHT - 8), 1), row.outcomes[at])
        for at, value in enumerate(row.trend)
        if value is not None
    ]
    line = " ".join(f"{x},{y}" for x, y, _ in points)
    dots = "".join(
        f'<circle cx="{x}" cy="{y}" r="2.5" fill="{paint(_TONES.get(outcome, "warn"))}"/>' for x, y, outcome in points
    )
    said = escape(f"p95 of the response time over {len(known)} runs, the last {trend_text(known[-1])}", quote=True)
    return Markup(
        f'<svg viewBox="0 0 {_SPARK_WIDTH} {_SPARK_HEIGHT}" width="{_SPARK_WIDTH}" height="{_SPARK_HEIGHT}" role="img" '
        f'aria-label="{said}"><polyline points="{line}" fill="none" stroke="{paint("muted")}" stroke-width="1.5"/>'
        f"{dots}</svg>"
    )


def trend_text(value: float | None) -> str:
    """Return a time for people."""
    return NO_NUMBER if value is None else format_value(value, "ns")


def _share(value: float | None) -> str:
    return NO_NUMBER if value is None else format_share(value)


def _when(started_at: str) -> str:
    return f"{started_at[:10]} {started_at[11:19]}" if started_at else "unknown"


def _lasted(seconds: float) -> str:
    return format_duration(seconds * 1e9) if seconds else NO_NUMBER


@cache
def _template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("loadws.report", "templates"),
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    environment.filters |= {"trend": trend_text, "share": _share, "when": _when, "lasted": _lasted, "sparkline": sparkline,
                            "mark": lambda outcome: _MARKS.get(outcome, _FAILED),
                            "tone": lambda outcome: _TONES.get(outcome, "warn")}  # fmt: skip
    return environment.get_template(name)


def _text(name: str) -> str:
    return (resources.files("loadws.report") / "templates" / name).read_text("utf-8")
