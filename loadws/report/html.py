"""``report.html``: one file that fetches nothing, shows whole without scripts or styles, and comes alive where scripts run.

Every text is escaped by Jinja2; what goes into a script element is JSON without ``<``; the page's own
Content-Security-Policy lets only the two scripts run that it carries, and lets nothing be fetched.
"""

from __future__ import annotations

import re
import shlex
from functools import cache
from importlib import resources
from pathlib import PurePath
from typing import Any

import jinja2
import msgspec
from markupsafe import Markup

from loadws.metrics.runinfo import RunInfo
from loadws.report import charts, deliveries, timings, vegalite
from loadws.report import facts as rows
from loadws.report import ledger_table as balance
from loadws.report.drawing.drawing import NOT_YET, Drawing
from loadws.report.drawing.vega_bundle import csp_source
from loadws.report.plain import plain, plain_lines
from loadws.report.runreport import RunReport
from loadws.report.tables import machines

FIELDS = ("p50", "p90", "p95", "p99", "p999", "max")
CONNECT_FIELDS = ("p50", "p90", "p99", "max")
_MOST_SAMPLES = 20
_PAGE_LIGHT = {
    "page": "#f5f7fa",
    "card": "#ffffff",
    "line": "#dfe4ec",
    "good": "#0b7a53",
    "warn": "#8a5a00",
    "bad": "#b3202e",
    "link": "#1d5fc4",
}
_PAGE_DARK = {
    "page": "#0e131b",
    "card": "#161d28",
    "line": "#2a3342",
    "good": "#4fd6a0",
    "warn": "#f0b34d",
    "bad": "#ff8087",
    "link": "#8ab8ff",
}


def render(report: RunReport, drawing: Drawing = NOT_YET) -> bytes:
    """Return the whole page, UTF-8. ``drawing`` is of the report's charts: what it lacks, the page lacks."""
    drawn = [chart for chart in charts.charts(report.summary) if chart.name in drawing.svgs]
    lively = drawn if drawing.bundle else []
    script = _template_text("report.js")
    page = _environment().get_template("report.html.jinja")
    text = page.render(
        rows=rows,
        timings=timings,
        deliveries=deliveries,
        balance=balance,
        machines=machines,
        summary=report.summary,
        info=report.info,
        fields=FIELDS,
        connect_fields=CONNECT_FIELDS,
        charts=[(chart, static_svg(chart, drawing.svgs[chart.name])) for chart in drawn],
        charts_missing=plain(drawing.problem, 1_000),
        charts_json=script_json(
            {chart.name: {"spec": chart.live_spec(), "columns": chart.columns} for chart in lively}
        ),
        style=Markup(_palettes() + _template_text("report.css")),
        script=Markup(script),
        library=Markup(drawing.bundle.packed if drawing.bundle else ""),
        policy=_policy(script, drawing.bundle.source if drawing.bundle else ""),
        samples=report.errors[:_MOST_SAMPLES],
        samples_kept=len(report.errors),
        logs=report.logs[:_MOST_SAMPLES],
        scenario_text=plain_lines(report.scenario_text),
        repeat=repeat_command(report.info) if report.info else "",
    )
    return text.encode("utf-8", "replace")


def static_svg(chart: charts.Chart, svg: str) -> Markup:
    """Return the chart as an SVG element that a screen reader calls by its title. vl-convert escapes the texts in it.

    What clips is named after the chart, for all drawings of a page share one space of names.
    """
    svg = re.sub(r'(id="|url\(#)(clip\d+)', rf"\1{chart.name}-\2", svg)
    label = Markup('<svg role="img" aria-label="{}" ').format(chart.title)
    return Markup(re.sub(r"^<svg ", lambda _: str(label), svg, count=1))


def script_json(value: Any) -> Markup:
    """JSON that cannot end the script element it stands in."""
    text = msgspec.json.encode(value).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def repeat_command(info: RunInfo) -> str:
    """The command line that makes the same plan again: as it was given, with its seed.

    Of a merged run it is the command that merged it.
    """
    program, *words = info.command
    program = "python -m loadws" if program.endswith("__main__.py") else PurePath(program).name
    if not info.machines and not any(word == "--seed" or word.startswith("--seed=") for word in words):
        words += ["--seed", str(info.seed)]
    return plain(f"{program} {shlex.join(words)}", 2_000)


def _policy(script: str, library: str) -> str:
    own = csp_source(script.encode())
    return (
        f"default-src 'none'; script-src {f'{own} {library}'.strip()}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _palettes() -> str:
    light, dark = _variables(vegalite.LIGHT | _PAGE_LIGHT), _variables(vegalite.DARK | _PAGE_DARK)
    return (
        f":root{{color-scheme:light dark;{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
    )


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())


def _template_text(name: str) -> str:
    return (resources.files("loadws.report") / "templates" / name).read_text("utf-8")


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template_text),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["plain"] = plain
    environment.filters["colour"] = lambda name: f"var(--{name}, {(vegalite.LIGHT | _PAGE_LIGHT)[name]})"
    return environment
