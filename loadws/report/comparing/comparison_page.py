"""A comparison as a page: what differs first, then both sides on the same axes, then each step.

The page looks and works as the report does: whole without scripts and without styles.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import msgspec
from markupsafe import Markup

from loadws.metrics.comparison import ComparisonRecord, Interval, RuleResult, Side
from loadws.metrics.summary import Summary
from loadws.report import facts, timings
from loadws.report.charts.chart import Chart
from loadws.report.charts.timeaxis import until_s
from loadws.report.charts.two_sides import SideRuns, charts_of_sides, each_run
from loadws.report.comparing.change_bar import change_bar
from loadws.report.comparing.comparison import compared_by, side_text
from loadws.report.comparing.selected import selection_of, value_of
from loadws.report.drawing.drawing import Drawn
from loadws.report.html import bars, numbers
from loadws.report.html.packed import packed_columns
from loadws.report.html.page import Assets, css, environment, javascript, policy_of, script_json
from loadws.report.plain import plain
from loadws.terms.percentiles import percentile_name
from loadws.terms.thresholds import format_value
from loadws.terms.units import format_share

_WORDS = {"passed": "✔ passed", "failed": "✘ failed", "no_data": "✘ no data", "inconclusive": "? inconclusive"}
_TONES = {"passed": "good", "failed": "bad", "no_data": "bad", "inconclusive": "warn", "invalid": "bad"}
_FIELDS = ("p50", "p95", "p99")
#: How many rules have a chart of every run's value, and how many steps have a row.
_MOST_EACH, _MOST_STEPS = 4, 200
_MOST_WATCHED = 40


class Frame(msgspec.Struct, frozen=True):
    """The page's place in a site. ``up`` is the way to the folder with its style and script, ``back`` the address of the
    list; empty for a page that stands alone and has both inside.
    """

    up: str = ""
    back: str = ""


ALONE = Frame()


class _Row(msgspec.Struct, frozen=True):
    """A rule, a check or a watched value on the page."""

    word: str
    tone: str
    what: str
    before: str
    after: str
    change: str
    bar: Markup
    sentence: str


def comparison_page(
    record: ComparisonRecord, baseline: Sequence[Summary], candidate: Sequence[Summary], frame: Frame = ALONE
) -> bytes:
    """Return the whole page, UTF-8. The summaries are those of the record's two sides, in their order."""
    sides = (
        SideRuns(_short(record.baseline, "baseline"), baseline),
        SideRuns(_short(record.candidate, "candidate"), candidate),
    )
    charts = [Drawn.of(chart) for chart in _charts(record, sides)]
    assets = Assets(beside=bool(frame.up))
    page = environment().get_template("comparison.html.jinja")
    text = page.render(
        record=record,
        tone=_TONES.get(record.outcome, "warn"),
        word=record.outcome.replace("_", " ").capitalize(),
        method=compared_by(record),
        places=[("baseline", side_text(record, record.baseline)), ("candidate", side_text(record, record.candidate))],
        rules=[_rule_row(rule, record.gates) for rule in _ordered(record.rules)],
        checks=[_check_row(check.rule, check.outcome, check.sentence) for check in record.checks],
        watched=_watched(record),
        watched_note=_watched_note(record),
        steps=_step_table(sides),
        sides=sides,
        fields=[percentile_name(field) for field in _FIELDS],
        bars=bars,
        numbers=numbers,
        charts={chart.name: chart for chart in charts},
        charts_json=script_json(packed_columns(charts)),
        until_s=max((until_s(run) for side in sides for run in side.runs), default=0.0),
        frame=frame,
        style=Markup(css()),
        script=Markup(javascript()),
        policy=policy_of(assets),
    )
    return text.encode("utf-8", "replace")


def _short(side: Side, otherwise: str) -> str:
    return plain(side.name, 40) or otherwise


def _charts(record: ComparisonRecord, sides: tuple[SideRuns, SideRuns]) -> Iterator[Chart]:
    yield from charts_of_sides(sides)
    for number, rule in enumerate(_ordered(record.rules)[:_MOST_EACH]):
        selection = selection_of(rule.rule)
        if selection is None:
            continue
        factor = 1e6 if selection.unit == "ns" else 0.01 if selection.unit == "ratio" else 1.0
        values = tuple(
            [None if (value := value_of(run, selection)) is None else value / factor for run in side.runs]
            for side in sides
        )
        title = f"{plain(str(selection), 80)} of each {'slice' if record.method == 'pairs' else 'run'}"
        title += " (%)" if selection.unit == "ratio" else ""
        if (chart := each_run(f"each-{number}", title, sides, values, selection.unit == "ns")) is not None:
            yield chart


def _ordered(rules: Sequence[RuleResult]) -> list[RuleResult]:
    """Return the rules, those that do not hold first, and of these the largest change first."""
    order = {"failed": 0, "no_data": 1, "inconclusive": 2, "passed": 3}
    return sorted(rules, key=lambda rule: (order[rule.outcome], -abs(rule.first.change or 0.0)))


def _rule_row(rule: RuleResult, gates: bool) -> _Row:
    selection = selection_of(rule.rule)
    unit = selection.unit if selection else ""
    before, after = (_value(value, unit) for value in (rule.before, rule.after))
    tone = _TONES[rule.outcome] if gates else "max"
    shown = rule.first
    return _Row(
        _WORDS[rule.outcome] if gates else "· watched",
        _TONES[rule.outcome] if gates else "muted",
        plain(rule.rule),
        before,
        after,
        _change(shown, rule.relative, unit),
        change_bar(shown.change, shown.low, shown.high, rule.limit, tone),
        plain(rule.sentence, 1_000),
    )


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return timings.NO_NUMBER
    return plain(format_value(value, unit)) if unit else f"{value:,.4g}"


def _change(interval: Interval, relative: bool, unit: str) -> str:
    """Return a change and its interval: ``+12% (+9% to +15%)``."""
    change, low, high = (
        otherwise if value is None or not math.isfinite(value) else _signed(value, relative, unit)
        for value, otherwise in ((interval.change, "?"), (interval.low, "−∞"), (interval.high, "+∞"))
    )
    return f"{change} ({low} to {high})"


def _signed(value: float, relative: bool, unit: str) -> str:
    sign = "+" if value >= 0 else "−"
    if relative:
        return f"{sign}{format_share(abs(value))}"
    if unit == "ratio":
        return f"{sign}{100 * abs(value):.3g} pp"
    return f"{sign}{_value(abs(value), unit)}"


def _check_row(rule: str, outcome: str, sentence: str) -> _Row:
    word, tone = facts.CHECK_WORDS[outcome]
    return _Row(word, tone, plain(rule), "", "", "", Markup(""), plain(sentence, 1_000))


def _watched(record: ComparisonRecord) -> list[_Row]:
    """Return the values without a rule that moved, the largest relative change first."""
    ordered = sorted(record.watched, key=lambda each: (not each.relative, -abs(each.change or 0.0)))
    return [
        _Row(
            "",
            "",
            plain(each.selection),
            "",
            "",
            "",
            change_bar(each.change, each.low, each.high),
            plain(each.sentence, 600),
        )
        for each in ordered[:_MOST_WATCHED]
    ]


def _watched_note(record: ComparisonRecord) -> str:
    if not record.looked_at:
        return ""
    by_chance = record.looked_at * record.alpha
    more = len(record.watched) - _MOST_WATCHED
    rest = f" {more} more are in the JSON." if more > 0 else ""
    return (
        f"{len(record.watched)} of {record.looked_at} other values moved; about {by_chance:.2g} would by chance.{rest}"
    )


def _step_table(sides: tuple[SideRuns, SideRuns]) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Return for each step (name, for each field: before, after, change), of the newest run of each side; those with the
    largest change first, at most ``_MOST_STEPS``.
    """
    if not all(side.runs for side in sides):
        return []
    before, after = (timings.by_step(side.runs[-1], "response_time") for side in sides)
    rows = []
    for step in before.keys() & after.keys():
        pairs = [tuple(timings.judged_value(entries[step], field) for entries in (before, after)) for field in _FIELDS]
        changes = [b / a - 1 for a, b in pairs if a and b and math.isfinite(a) and math.isfinite(b)]
        cells = [(_value(a, "ns"), _value(b, "ns"), _ratio(a, b)) for a, b in pairs]
        rows.append((max(map(abs, changes), default=0.0), plain(step), cells))
    return [(step, cells) for _, step, cells in sorted(rows, key=lambda row: (-row[0], row[1]))][:_MOST_STEPS]


def _ratio(before: float | None, after: float | None) -> str:
    if not before or not after or not math.isfinite(before) or not math.isfinite(after):
        return timings.NO_NUMBER
    return _signed(after / before - 1, True, "")
