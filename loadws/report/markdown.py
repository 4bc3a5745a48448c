"""``summary.md``: the run as a comment on a pull request or a CI step summary (GitHub's Markdown)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from loadws.metrics.summary import Summary
from loadws.report import balance, deliveries, rows, timings
from loadws.report.plain import plain

FIELDS = ("p50", "p90", "p99", "max")
_MARKS: dict[str, str] = {"good": "✅", "plain": "▫️", "warn": "⚠️", "bad": "❌"}
#: Whatever can begin markup, HTML, a formula, a mention or a link of GitHub's Markdown within a line.
_SPECIAL = re.compile(r"[\\`*_{}\[\]<>#|~@&$]|:(?=//)")
_MOST_ERRORS = 10


def render(summary: Summary) -> str:
    parts = (
        _head(summary),
        _checks(summary),
        _latency(summary),
        _deliveries(summary),
        _own(summary),
        _ledger(summary),
        _errors(summary),
        _warnings(summary),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(text: str) -> str:
    """Text as text: numeric entities instead of backslashes where GitHub would still find a mention or a table cell."""
    return _SPECIAL.sub(lambda match: f"&#{ord(match[0])};", plain(text))


def _table(head: tuple[str, ...], body: Iterable[tuple[str, ...]], numbers_from: int = 99) -> str:
    rule = ["---" if at < numbers_from else "---:" for at in range(len(head))]
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *body))


def _head(summary: Summary) -> str:
    word, tone, sentences = rows.headline(summary)
    facts = " · ".join(escape(fact) for fact in rows.facts(summary))
    return f"## {_MARKS[tone]} {word}: {escape(summary.run.scenario)}\n\n{escape(' '.join(sentences))}\n\n{facts}"


def _checks(summary: Summary) -> str:
    body = [
        (_MARKS[row.tone] + " " + row.word, escape(row.rule), escape(row.observed), escape(row.note))
        for row in rows.check_rows(summary)
    ]
    return _table(("check", "rule", "observed", ""), body) if body else ""


def _latency(summary: Summary) -> str:
    latency = timings.latency_rows(summary, FIELDS)
    if not latency:
        return ""
    body = [(escape(row.step), row.what, row.count, *map(escape, row.cells)) for row in latency]
    notes = [escape(note) for note in (timings.too_few_note(latency, FIELDS), timings.missing_note(latency)) if note]
    return "\n\n".join(["### Latency", _table(("step", "time", "count", *FIELDS), body, 2), *notes])


def _deliveries(summary: Summary) -> str:
    found = deliveries.delivery_rows(summary)
    if not found:
        return ""
    parts = ["### Delivery", _table(deliveries.HEAD, [tuple(map(escape, row.cells)) for row in found], 1)]
    spreads = [(escape(row.probe), what, *map(escape, values)) for row in found for what, values in row.spreads]
    if spreads:
        parts.append(_table(("probe", "receiver", *deliveries.FIELDS), spreads, 2))
    return "\n\n".join([*parts, *(escape(f"{row.probe}: {row.aside}") for row in found if row.aside)])


def _own(summary: Summary) -> str:
    """What the scenario measures and counts beside its requests."""
    trends = [(escape(row.step), row.count, *map(escape, row.cells)) for row in timings.own_rows(summary, FIELDS)]
    counters = [tuple(map(escape, row)) for row in timings.counter_rows(summary)]
    tables = []
    if trends:
        tables.append("### Also measured\n\n" + _table(("metric", "count", *FIELDS), trends, 1))
    if counters:
        tables.append("### Counted\n\n" + _table(("counter", "count", "a second"), counters, 1))
    return "\n\n".join(tables)


def _ledger(summary: Summary) -> str:
    lines = []
    for equation in balance.equations(summary.ledger):
        aside = equation.aside_text()
        lines.append((equation.subject, escape(equation.text() + (f" ({aside})" if aside else ""))))
    lines.append(("bytes", escape(balance.bytes_text(summary.ledger))))
    return "### Ledger\n\n" + _table(("", "adds up"), lines)


def _errors(summary: Summary) -> str:
    found = rows.error_rows(summary)
    if not found:
        return ""
    body = [
        (f"{row.count:,}", *map(escape, (row.kind, row.step, row.example, rows.what_to_do(row))))
        for row in found[:_MOST_ERRORS]
    ]
    more = f"\n\n… and {len(found) - _MOST_ERRORS} more kinds" if len(found) > _MOST_ERRORS else ""
    return "### Errors\n\n" + _table(("count", "kind", "step", "example", "what it is"), body) + more


def _warnings(summary: Summary) -> str:
    return "\n".join(f"- ⚠️ {escape(text)}" for text in rows.warnings(summary))
