"""``report.html``: one file that loads nothing else, is complete without scripts or styles, and is interactive with
scripts.

Jinja2 escapes every text; the content of a script element is JSON without ``<``. The page's own Content-Security-Policy
permits only its own script, and no request. Nothing on the page has a ``style=`` attribute, so a server that blocks
inline styles removes the page's colours and not its order.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from functools import cache
from importlib import resources
from pathlib import PurePath
from typing import Any

import jinja2
import msgspec
from markupsafe import Markup

from loadws.metrics.runinfo import RunInfo
from loadws.report import deliveries, timings
from loadws.report import facts as rows
from loadws.report import ledger_table as balance
from loadws.report.charts.charts import MOST_STEP_CHARTS
from loadws.report.charts.timeaxis import until_s
from loadws.report.course.story import sentences
from loadws.report.drawing.drawing import NOT_YET, Drawing
from loadws.report.html import bars, numbers, overview
from loadws.report.html.coded import coded
from loadws.report.html.compiled import CompiledTemplates
from loadws.report.html.glossary import explained
from loadws.report.html.ledger_flow import ledger_flow
from loadws.report.html.packed import packed_columns
from loadws.report.html.refusals import server_answers
from loadws.report.html.sections import sections
from loadws.report.html.step_pages import sparklines, step_pages
from loadws.report.plain import plain, plain_lines
from loadws.report.runreport import RunReport
from loadws.report.svg.palette import DARK, LIGHT, variables
from loadws.report.tables import machines
from loadws.terms.percentiles import percentile_name

FIELDS = ("p50", "p90", "p95", "p99", "p999", "max")
CONNECT_FIELDS = ("p50", "p90", "p99", "max")
_MOST_SAMPLES = 20
_MOST_ROWS = 1_000


class Assets(msgspec.Struct, frozen=True):
    """The places of a page's style and script.

    ``beside``: in ``report.css`` and ``report.js`` next to it, for servers that block inline ones. ``slim``: there is
    no script and no data for it, so the charts are pictures.
    """

    beside: bool = False
    slim: bool = False


INLINE = Assets()


def render(report: RunReport, drawing: Drawing = NOT_YET, assets: Assets = INLINE) -> bytes:
    """Return the whole page, UTF-8. ``drawing`` has the report's charts: a chart that it lacks is missing on the page."""
    page = environment().get_template("report.html.jinja")
    summary = report.summary
    pages_of_steps = step_pages(summary)
    text = page.render(
        rows=rows,
        timings=timings,
        deliveries=deliveries,
        balance=balance,
        machines=machines,
        bars=bars,
        ledger_flow=ledger_flow,
        overview=overview,
        numbers=numbers,
        summary=summary,
        info=report.info,
        report=report,
        story=sentences(summary, report.course),
        sections=sections(report),
        most_step_charts=MOST_STEP_CHARTS,
        pages_of_steps=pages_of_steps,
        step_numbers={each.step: each.number for each in pages_of_steps},
        sparklines=sparklines(summary),
        fields=FIELDS,
        connect_fields=CONNECT_FIELDS,
        most_rows=_MOST_ROWS,
        charts={chart.name: chart for chart in drawing.charts},
        charts_missing=plain(drawing.problem, 1_000),
        charts_json=script_json(packed_columns(drawing.charts)),
        until_s=until_s(summary),
        assets=assets,
        style=Markup(css()),
        script=Markup(javascript()),
        policy=policy_of(assets),
        samples=report.errors[:_MOST_SAMPLES],
        samples_kept=len(report.errors),
        answers=server_answers(report.errors),
        logs=report.logs[:_MOST_SAMPLES],
        scenario_text=plain_lines(report.scenario_text),
        repeat=repeat_command(report.info) if report.info else "",
    )
    return text.encode("utf-8", "replace")


def css() -> str:
    """Return the style sheet, with the colours."""
    return (
        f":root{{color-scheme:light dark;{variables(LIGHT)}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{variables(DARK)}}}}}\n"
        f"{_template_text('report.css')}"
    )


def javascript() -> str:
    """Return the script of the page."""
    return _template_text("report.js")


def script_json(value: Any) -> Markup:
    """Return JSON that cannot end the script element it stands in."""
    text = msgspec.json.encode(value).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def repeat_command(info: RunInfo) -> str:
    """Return the command line that makes the same plan again: as it was given, with its seed.

    For a merged run it is the command that merged it; empty for a run that no command began.
    """
    if not info.command:
        return ""
    program, *words = info.command
    program = "python -m loadws" if program.endswith("__main__.py") else PurePath(program).name
    if not info.machines and not any(word == "--seed" or word.startswith("--seed=") for word in words):
        words += ["--seed", str(info.seed)]
    return plain(f"{program} {shlex.join(words)}", 2_000)


def policy_of(assets: Assets) -> str:
    """Return what the page permits itself: its own script by its hash, its own style, and nothing from elsewhere."""
    if assets.slim:
        script = "'none'"
    elif assets.beside:
        script = "'self'"
    else:
        digest = hashlib.sha256(javascript().encode()).digest()
        script = f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
    style = "'self'" if assets.beside else "'unsafe-inline'"
    return f"default-src 'none'; script-src {script}; style-src {style}; img-src data:; base-uri 'none'; form-action 'none'"


def _template_text(name: str) -> str:
    return (resources.files("loadws.report") / "templates" / name).read_text("utf-8")


@cache
def environment() -> jinja2.Environment:
    """Return what pages are rendered with: their templates and filters."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template_text),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        bytecode_cache=CompiledTemplates(),
    )
    environment.filters["plain"] = plain
    environment.filters["percentile_name"] = percentile_name
    environment.filters["explained"] = explained
    environment.filters["coded"] = coded
    return environment
