"""Latencies in numbers: response beside service time of each step, the parts of connecting, and the meaning of their
gap.

A percentile for which the samples are too few is never printed; the number of samples that it needs is.
"""

from __future__ import annotations

import math

import msgspec

from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.metrics.summary import MetricEntry, Summary
from loadws.report.plain import plain
from loadws.terms.metrics import TABLE
from loadws.terms.percentiles import PERCENTILES, percentile_name, rank_of, samples_for, supports
from loadws.terms.thresholds import format_value
from loadws.terms.units import format_count, format_duration, format_rate

NO_NUMBER = "—"
ALL_STEPS = "all steps"
LATENCY_METRICS = (("response_time", "response"), ("service_time", "service"))
CONNECT_METRICS = (
    ("dns_time", "DNS"),
    ("tcp_time", "TCP"),
    ("proxy_time", "proxy"),
    ("tls_time", "TLS"),
    ("upgrade_time", "upgrade"),
    ("protocol_time", "protocol"),
    ("connect_time", "whole"),
)
#: Times that every run has, whatever its scenario says.
GENERATORS_OWN = frozenset({
    "schedule_lag", "send_lag", "read_lag", "write_wait", "session_time",
    *(metric.unlagged for metric in TABLE.values() if metric.unlagged),
})  # fmt: skip
#: Metrics with a table of their own: see ``deliveries``.
OF_PROBES = frozenset(metric.name for metric in TABLE.values() if metric.is_of_probes)
_PHASE_FIELDS = ("p99", "p95", "p90", "p50")
_AGREE_WITHIN, _AGREE_WITHIN_NS = 1.05, 50_000


class LatencyRow(msgspec.Struct, frozen=True):
    """One metric of one step. A percentile that its samples cannot support is ``NO_NUMBER``."""

    step: str
    what: str
    count: str
    cells: tuple[str, ...]
    missing: int


def samples_needed(percentile: str) -> int:
    """Return how many samples a percentile needs: n(1 − p) ≥ 10, so 1,000 for ``p99`` (measurement.md)."""
    return samples_for(PERCENTILES[percentile])


def cell(entry: MetricEntry, field: str) -> str:
    """Return one number of an entry as text; ``NO_NUMBER`` where its samples are too few for it."""
    return value_text(judged_value(entry, field), entry.unit)


def value_text(value: float | None, unit: str) -> str:
    """Return a metric's value as text: ``never`` where it is infinite, ``NO_NUMBER`` for None."""
    return NO_NUMBER if value is None else plain(format_value(value, unit))


def judged_value(entry: MetricEntry, field: str) -> float | None:
    """Return a percentile or the maximum by the rule of the checks: requests without an answer rank above every value.

    Infinite where the rank is one of these; None where the samples are too few for the percentile. So one step has one
    p95, in the checks and in every table.
    """
    measured: float | None = getattr(entry, field)
    percentile = PERCENTILES.get(field)
    if not entry.missing or (percentile is None and field != "max"):
        return measured
    if percentile is None:
        return math.inf
    whole = entry.count + entry.missing
    if not supports(whole, percentile):
        return None
    if rank_of(percentile, whole) > entry.count:
        return math.inf
    return LatencyHistogram.of_entry(entry).percentile_with_missing(percentile) if entry.histogram else None


def overall(summary: Summary, name: str) -> MetricEntry | None:
    """Return the entry of a metric over all steps and the judged time; the only step's where there is but one.

    Where a metric has several sets of labels, a summary has an entry without labels that is the whole of them.
    """
    entries = summary.entries(name)
    whole = [entry for entry in entries if not entry.labels]
    return next(iter(whole or entries), None)


def by_step(summary: Summary, name: str) -> dict[str, MetricEntry]:
    return {entry.labels["step"]: entry for entry in summary.entries(name) if set(entry.labels) == {"step"}}


def latency_rows(summary: Summary, fields: tuple[str, ...]) -> list[LatencyRow]:
    """Return response beside service time for every step, and for all of them where there are several."""
    tables = {name: by_step(summary, name) for name, _ in LATENCY_METRICS}
    rows = [
        _latency_row(plain(step), what, tables[name][step], fields)
        for step in dict.fromkeys(step for table in tables.values() for step in table)
        for name, what in LATENCY_METRICS
        if step in tables[name]
    ]
    if len(tables["response_time"]) != 1:
        whole = [(what, overall(summary, name)) for name, what in LATENCY_METRICS]
        rows += [_latency_row(ALL_STEPS, what, e, fields) for what, e in whole if e and not e.labels]
    return rows


def phase_rows(summary: Summary, fields: tuple[str, ...]) -> list[LatencyRow]:
    """Return response time of each phase over all steps, in the phases' order."""
    found = []
    for phase in dict.fromkeys(span.name for span in summary.run.phases):
        entries = [entry for entry in summary.entries("response_time", phase=phase) if entry.count]
        whole = [entry for entry in entries if set(entry.labels) == {"phase"}] or entries[:1]
        found += [_latency_row(plain(phase), "response", entry, fields) for entry in whole]
    return found


class PhaseTable(msgspec.Struct, frozen=True):
    """One percentile of the response time of each step in each phase: ``rows`` are a step and a cell for each phase."""

    field: str
    phases: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


def steps_by_phase(summary: Summary) -> PhaseTable | None:
    """Return the table of steps and phases, with the highest percentile that half of its cells carry; None where there
    is but one step or one phase.
    """
    phases = tuple(dict.fromkeys(span.name for span in summary.run.phases))
    steps = tuple(by_step(summary, "response_time"))
    if len(phases) < 2 or len(steps) < 2:
        return None
    entries = {
        (entry.labels["step"], entry.labels["phase"]): entry
        for entry in summary.metrics
        if entry.name == "response_time" and set(entry.labels) == {"step", "phase"} and (entry.count or entry.missing)
    }
    carried = {f: sum(judged_value(entry, f) is not None for entry in entries.values()) for f in _PHASE_FIELDS}
    field = next((f for f in _PHASE_FIELDS if 2 * carried[f] >= len(entries)), _PHASE_FIELDS[-1])
    rows = tuple(
        (plain(step), tuple(cell(entries[step, p], field) if (step, p) in entries else NO_NUMBER for p in phases))
        for step in steps
    )
    return PhaseTable(field, tuple(map(plain, phases)), rows) if entries else None


def shown_fields(rows: list[LatencyRow], fields: tuple[str, ...]) -> list[str]:
    """Return the fields of which at least one row has a number."""
    return [field for at, field in enumerate(fields) if any(row.cells[at] != NO_NUMBER for row in rows)]


def shown_cells(row: LatencyRow, fields: tuple[str, ...], shown: list[str]) -> list[str]:
    """Return a row's cells of the fields that are shown."""
    return [row.cells[fields.index(field)] for field in shown]


def connect_rows(summary: Summary, fields: tuple[str, ...]) -> list[LatencyRow]:
    """Return the parts of connecting and the whole, over all connects."""
    found = [(what, overall(summary, name)) for name, what in CONNECT_METRICS]
    return [_latency_row(what, what, entry, fields) for what, entry in found if entry and entry.count]


def other_rows(summary: Summary, fields: tuple[str, ...]) -> list[LatencyRow]:
    """Return all other times and trends, over all steps: waits, pings, streamed answers, own trends, lags."""
    shown = {name for name, _ in (*LATENCY_METRICS, *CONNECT_METRICS)} | OF_PROBES
    names = dict.fromkeys(e.name for e in summary.metrics if e.kind == "histogram" and e.name not in shown)
    found = [(plain(name), overall(summary, name)) for name in names]
    return [
        _latency_row(name, name, entry, fields) for name, entry in found if entry and (entry.count or entry.missing)
    ]


def own_rows(summary: Summary, fields: tuple[str, ...]) -> list[LatencyRow]:
    """Return those of the other rows that a scenario asked for by a step of its own, without lags and whole sessions."""
    return [row for row in other_rows(summary, fields) if row.step not in GENERATORS_OWN]


def counter_rows(summary: Summary) -> list[tuple[str, str, str]]:
    """Return the scenario's own counters: name, count, count per second."""
    found = [entry for entry in summary.metrics if entry.kind == "counter" and entry.name not in TABLE]
    return [
        (plain(entry.name), format_count(entry.count), format_rate(entry.per_s or 0.0))
        for entry in found
        if not entry.labels and entry.count
    ]


def _latency_row(step: str, what: str, entry: MetricEntry, fields: tuple[str, ...]) -> LatencyRow:
    cells = tuple(cell(entry, field) for field in fields)
    return LatencyRow(step, what, format_count(entry.count), cells, entry.missing)


def too_few_note(rows: list[LatencyRow], fields: tuple[str, ...]) -> str:
    """Return how many samples the percentiles need that some rows could not show."""
    absent = [f for at, f in enumerate(fields) if f in PERCENTILES and any(r.cells[at] == NO_NUMBER for r in rows)]
    if not absent:
        return ""
    needs = ", ".join(f"{percentile_name(field)} needs {samples_needed(field):,}" for field in absent)
    return f"{NO_NUMBER} too few samples: {needs}."


def missing_note(rows: list[LatencyRow]) -> str:
    missing = {row.step: row.missing for row in rows if row.missing and row.step != ALL_STEPS}
    if not missing:
        return ""
    listed = ", ".join(f"{count:,} of {step}" for step, count in missing.items())
    return f"Without an answer: {listed}. They rank above every measured value, here as in the checks."


def never_note(rows: list[LatencyRow]) -> str:
    """Say of which other times some never ended; empty where all did."""
    listed = ", ".join(f"{row.missing:,} of {row.step}" for row in rows if row.missing)
    return f"Never came: {listed}. They rank above every measured value, here as in the checks." if listed else ""


def stray_note(summary: Summary) -> str:
    """Return a sentence on latencies that may belong to other answers; empty where there are none."""
    strays = {e.labels["step"]: e.count for e in summary.entries("stray_messages") if "step" in e.labels and e.count}
    if not strays:
        return ""
    listed = ", ".join(f"{count:,} beside {plain(step)}" for step, count in strays.items())
    return f"Messages that no step asked for: {listed}. A request without `where` may have taken one as its answer."


def gap_sentence(summary: Summary) -> str:
    """Return the meaning of the gap between response and service time in this run (coordinated omission)."""
    response, service = overall(summary, "response_time"), overall(summary, "service_time")
    explained = (
        "Response time counts from the moment a message was intended, service time from the moment it was sent; "
        "what lies between them is waiting that a user would have felt"
    )
    if not response or not service:
        return explained + "."
    known = [f for f in ("p99", "p95", "p90", "p50") if _is_finite(response, f) and _is_finite(service, f)]
    if not known:
        return explained + "."
    field, name = known[0], percentile_name(known[0])
    felt, took = cell(response, field), cell(service, field)
    response_ns, service_ns = judged_value(response, field) or 0.0, judged_value(service, field) or 0.0
    if response_ns <= service_ns * _AGREE_WITHIN + _AGREE_WITHIN_NS:
        return f"{explained}. Here they agree ({name} {felt} and {took}): messages went out on time."
    held_up, sent_late = (_lag_ns(summary, lag, field) for lag in ("schedule_lag", "send_lag"))
    if sent_late > held_up:
        return (
            f"{explained}: here {name} is {felt} against {took}, and most of the gap is loadws' own send lag "
            f"({name} {format_duration(sent_late)}), not the server's doing."
        )
    if not summary.generator.healthy:
        return (
            f"{explained}: here {name} is {felt} against {took}. The generator was not healthy in this run, so "
            "users may have fallen behind their schedules by its doing, and not by the server's."
        )
    return (
        f"{explained}: here {name} is {felt} against {took}, because the server (or a slow flow) held up messages that "
        "were due. Judge by response time; service time alone would hide that wait."
    )


def _is_finite(entry: MetricEntry, field: str) -> bool:
    value = judged_value(entry, field)
    return value is not None and math.isfinite(value)


def recovery_sentence(summary: Summary) -> str:
    """Return how long a storm lasted for the users whose connections it ended."""
    lost, again = (_counted(summary, name) for name in ("disconnects", "reconnects"))
    said = (
        f"{format_count(lost)} ended without our asking, {format_count(again)} were opened in the place of one that had"
    )
    recovery = overall(summary, "recovery_time")
    if recovery is None or not recovery.count or recovery.max is None:
        return f"{said}."
    half = f"half of them after {cell(recovery, 'p50')}, " if recovery.p50 is not None else ""
    return f"{said}. From its loss to its next good answer: {half}the last after {cell(recovery, 'max')}."


def _counted(summary: Summary, name: str) -> int:
    entry = overall(summary, name)
    return entry.count if entry else 0


def _lag_ns(summary: Summary, name: str, field: str) -> float:
    """Return a percentile of a lag; 0 where it is not known."""
    entry = overall(summary, name)
    return (getattr(entry, field) or 0.0) if entry else 0.0
