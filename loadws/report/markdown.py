"""``summary.md``: the run as a comment on a pull request or a CI step summary (GitHub's Markdown)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from loadws.metrics.summary import Summary
from loadws.metrics.wording import subject_of
from loadws.report import deliveries, timings
from loadws.report import facts as rows
from loadws.report import ledger_table as balance
from loadws.report.plain import plain

FIELDS = ("p50", "p90", "p99", "max")
_MARKS: dict[str, str] = {"good": "✅", "plain": "▫️", "warn": "⚠️", "bad": "❌"}
#: Characters that can begin markup, HTML, a formula, a mention or a link of GitHub's Markdown within a line.
_SPECIAL = re.compile(r"[\\`*_{}\[\]<>#|~@&$]|:(?=//)")
_MOST_ERRORS = 10
#: Characters that end a code span or a table's cell, or that a reader without code spans may take for HTML.
_NO_CODE = re.compile(r"[`|\\@]|<[A-Za-z/!?]|\{\{|\[")


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
    """Return text that stays text: numeric entities instead of backslashes where GitHub would still find a mention or a
    table's cell.
    """
    return _SPECIAL.sub(lambda match: f"&#{ord(match[0])};", plain(text))


def _table(head: tuple[str, ...], body: Iterable[tuple[str, ...]], numbers_from: int = 99) -> str:
    rule = ["---" if at < numbers_from else "---:" for at in range(len(head))]
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *body))


def _head(summary: Summary) -> str:
    word, tone, sentences = rows.headline(summary)
    facts = " · ".join(escape(fact) for fact in rows.facts(summary))
    shares = " · ".join(escape(fact) for fact in rows.applied_facts(summary))
    title = f"## {_MARKS[_tone_of_head(summary, tone)]} {word}: {escape(summary.run.scenario)}"
    target = (
        f"Target {code(summary.run.target)}, started {escape(summary.run.started_at)}" if summary.run.target else ""
    )
    return "\n\n".join(
        part
        for part in (title, " ".join(_said(sentence, summary) for sentence in sentences), target, facts, shares)
        if part
    )


def _said(sentence: str, summary: Summary) -> str:
    """Return a sentence in which the rule at its beginning is a code span."""
    for check in summary.verdict.checks:
        subject = plain(subject_of(check.rule))
        if sentence.startswith(f"{subject} "):
            return code(subject) + escape(sentence.removeprefix(subject))
    return escape(sentence)


def _tone_of_head(summary: Summary, tone: str) -> str:
    """Return the tone of the headline: a run that failed by the server differs from one that tells nothing about it."""
    return "warn" if summary.verdict.outcome in ("invalid", "inconclusive", "interrupted") else tone


def code(text: str) -> str:
    """Return text as a code span, which is readable also where Markdown is not rendered; characters that could end it
    are escaped.
    """
    inner = plain(text)
    return escape(text) if _NO_CODE.search(inner) else f"`{inner}`"


def _checks(summary: Summary) -> str:
    body = [
        (
            _MARKS[row.tone] + " " + row.word,
            code(row.rule),
            escape(row.observed),
            code(row.limit) if row.limit else "",
            escape("; ".join(part for part in (row.interval, row.note) if part)),
        )
        for row in rows.check_rows(summary)
    ]
    return _table(("check", "rule", "observed", "limit", ""), body) if body else ""


def _latency(summary: Summary) -> str:
    latency = timings.latency_rows(summary, FIELDS)
    if not latency:
        return ""
    body = [(escape(row.step), row.what, row.count, *map(escape, row.cells)) for row in latency]
    notes = [
        escape(note)
        for note in (timings.too_few_note(latency, FIELDS), timings.missing_note(latency), timings.stray_note(summary))
        if note
    ]
    table = _table(("step", "time", "count", *FIELDS), body, 2)
    return _folded("Latency", "\n\n".join([table, *notes]))


def _folded(title: str, content: str) -> str:
    """Return a part that opens at a click; its content is read as Markdown because of the empty lines around it."""
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>"


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
    """Return what the scenario measures and counts beside its requests."""
    measured = timings.own_rows(summary, FIELDS)
    trends = [(escape(row.step), row.count, *map(escape, row.cells)) for row in measured]
    counters = [tuple(map(escape, row)) for row in timings.counter_rows(summary)]
    tables = []
    if trends:
        tables.append("### Also measured\n\n" + _table(("metric", "count", *FIELDS), trends, 1))
        tables += [escape(note) for note in (timings.never_note(measured),) if note]
    if counters:
        tables.append("### Counted\n\n" + _table(("counter", "count", "per second"), counters, 1))
    return "\n\n".join(tables)


def _ledger(summary: Summary) -> str:
    lines = []
    for equation in balance.equations(summary.ledger):
        aside = equation.aside_text()
        lines.append((equation.subject, escape(equation.text() + (f" ({aside})" if aside else ""))))
    lines.append(("bytes", escape(balance.bytes_text(summary.ledger))))
    return _folded("Ledger", _table(("", "adds up"), lines))


def _errors(summary: Summary) -> str:
    found = rows.error_rows(summary)
    if not found:
        return ""
    body = [
        (
            f"{row.count:,}" + (f" ({row.aside})" if row.aside else ""),
            *map(escape, (row.kind, row.step, row.example, rows.what_to_do(row))),
        )
        for row in found[:_MOST_ERRORS]
    ]
    more = f"\n\n… and {len(found) - _MOST_ERRORS} more kinds" if len(found) > _MOST_ERRORS else ""
    return "### Errors\n\n" + _table(("count", "kind", "step", "example", "what it is"), body) + more


def _warnings(summary: Summary) -> str:
    return "\n".join(f"- ⚠️ {escape(text)}" for text in rows.warnings(summary))
