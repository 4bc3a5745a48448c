"""What every report shows: the summary as rows of text, so that console, Markdown and HTML cannot disagree.

Texts here are already harmless (``plain``) but not yet escaped for any markup.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from loadws.metrics.ledger import Ledger
from loadws.metrics.statistics import samples_for
from loadws.metrics.summary import Check, ErrorCount, MetricEntry, ProcessHealth, Summary
from loadws.report.causes import explain, explain_close
from loadws.report.plain import plain
from loadws.terms.errors import ExitCode
from loadws.terms.thresholds import format_value
from loadws.terms.units import format_count, format_duration, format_rate, format_size

Tone = Literal["good", "plain", "warn", "bad"]
NO_NUMBER = "—"
ALL_STEPS = "all steps"

#: Each outcome of a run: its word, its tone, and what it says where no reason was given.
OUTCOMES: dict[str, tuple[str, Tone, str]] = {
    "passed": ("Passed", "good", "Every check held."),
    "failed": ("Failed", "bad", "A check failed."),
    "no_data": ("Failed: no data", "bad", "Nothing was measured that could be judged."),
    "inconclusive": ("Inconclusive", "warn", "There is too little data to tell."),
    "invalid": (
        "Invalid",
        "bad",
        "The generator itself was the bottleneck, so these numbers say little of the server.",
    ),
    "interrupted": ("Interrupted", "warn", "The run ended before its plan did."),
    "unreachable": ("Unreachable", "bad", "The target could not be reached at all."),
    "aborted": ("Aborted", "bad", "A threshold with `abort: true` stopped the run."),
}
CHECK_WORDS: dict[str, tuple[str, Tone]] = {
    "passed": ("passed", "good"),
    "failed": ("failed", "bad"),
    "no_data": ("no data", "bad"),
}
MODELS: dict[str, str] = {
    "closed": "Closed model: a fixed number of users, each waiting for its answer before it goes on. A slow server is "
    "asked less often, so throughput and latency hold each other back.",
    "open": "Open model: sessions arrive by the clock, whether or not the server keeps up. A slow server meets a growing "
    "queue, as it would in the world.",
    "mixed": "Mixed model: some users are held, and sessions arrive by the clock as well.",
    "partly open": "Partly open model: sessions arrive by the clock and each of them lives long, which is the usual load "
    "of a WebSocket server: arrivals do not wait for the server, but the messages within a session do.",
}
MODEL_SOURCE = "Schroeder, Wierman, Harchol-Balter: Open Versus Closed, NSDI 2006"


@dataclass(frozen=True, slots=True)
class CheckRow:
    rule: str
    word: str
    tone: Tone
    observed: str
    note: str


@dataclass(frozen=True, slots=True)
class LatencyRow:
    """One metric of one step. A percentile that its samples cannot support is ``NO_NUMBER``."""

    step: str
    what: str
    count: str
    cells: tuple[str, ...]
    missing: int


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    count: int
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Equation:
    """``whole`` is the sum of ``parts``; ``aside`` is counted beside it."""

    subject: str
    whole: Part
    parts: tuple[Part, ...]
    aside: tuple[Part, ...] = ()

    @property
    def holds(self) -> bool:
        return self.whole.count == sum(part.count for part in self.parts)

    def text(self, shortest: bool = True) -> str:
        """``attempted 10 = opened 9 + refused 1``; ``shortest`` leaves out the parts that are nothing."""
        shown = [part for part in self.parts if part.count] if shortest else self.parts
        sum_of = " + ".join(f"{part.name} {part.count:,}" for part in shown or self.parts[:1])
        return f"{self.whole.name} {self.whole.count:,} {'=' if self.holds else '≠'} {sum_of}"

    def aside_text(self) -> str:
        return ", ".join(f"{part.name} {part.count:,}" for part in self.aside if part.count)


@dataclass(frozen=True, slots=True)
class ErrorRow:
    kind: str
    step: str
    count: int
    example: str
    meaning: str
    advice: str


@dataclass(frozen=True, slots=True)
class HealthRow:
    process: str
    cells: tuple[tuple[str, str], ...]  # what, value
    complete: bool


def headline(summary: Summary) -> tuple[str, Tone, list[str]]:
    """The verdict's word, its tone, and the sentences below it."""
    verdict = summary.verdict
    word, tone, sentence = OUTCOMES[verdict.outcome]
    failed = sum(check.outcome != "passed" for check in verdict.checks)
    if verdict.outcome == "passed" and not verdict.checks:
        sentence = "The scenario has no thresholds, so nothing was judged but that something was done."
    elif verdict.outcome == "passed":
        sentence = "The one check held." if len(verdict.checks) == 1 else f"All {len(verdict.checks)} checks held."
    elif verdict.outcome == "failed" and failed:
        sentence = f"{failed} of {len(verdict.checks)} checks failed."
    reasons = [plain(reason) for reason in verdict.reasons]
    return word, tone, [sentence, *reasons] if verdict.outcome in ("passed", "failed") else reasons or [sentence]


def exit_meaning(exit_code: int) -> str:
    known = next((code for code in ExitCode if code == exit_code), None)
    return f"exit code {exit_code}: {known.meaning}" if known is not None else f"exit code {exit_code}"


def facts(summary: Summary) -> list[str]:
    """The run in a few words: model, length, transport, seed."""
    run = summary.run
    judged = "" if abs(run.judged_s - run.duration_s) < 0.05 else f" ({_seconds(run.judged_s)} judged)"
    processes = "1 process" if run.processes == 1 else f"{run.processes} processes"
    return [f"{run.model} model", _seconds(run.duration_s) + judged, run.transport, processes, f"seed {run.seed}"]


def check_rows(summary: Summary) -> list[CheckRow]:
    return [_check_row(check) for check in summary.verdict.checks]


def _check_row(check: Check) -> CheckRow:
    word, tone = CHECK_WORDS[check.outcome]
    note = plain(check.note)
    if check.aborted:
        note = f"{note}; it stopped the run" if note else "it stopped the run"
    return CheckRow(plain(check.rule), word, tone, plain(format_value(check.observed, check.unit)), note)


# --- latency -------------------------------------------------------------------------------------------------------------

LATENCY_METRICS = (("response_time", "response"), ("service_time", "service"))
CONNECT_METRICS = (
    ("dns_time", "DNS"),
    ("tcp_time", "TCP"),
    ("tls_time", "TLS"),
    ("upgrade_time", "upgrade"),
    ("connect_time", "whole"),
)
_PERCENTILES = {"p50": 50.0, "p75": 75.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p999": 99.9, "p9999": 99.99}
_AGREE_WITHIN, _AGREE_WITHIN_NS = 1.05, 50_000
_SHOWN = {"p999": "p99.9", "p9999": "p99.99"}


def samples_needed(percentile: str) -> int:
    """How many samples carry a percentile: n(1 − p) ≥ 10, so 1,000 for ``p99`` (measurement.md)."""
    return samples_for(_PERCENTILES[percentile])


def percentile_name(field: str) -> str:
    """``p999`` -> ``p99.9``."""
    return _SHOWN.get(field, field)


def cell(entry: MetricEntry, field: str) -> str:
    """One number of an entry for people; ``NO_NUMBER`` where its samples cannot support it."""
    value = getattr(entry, field)
    return NO_NUMBER if value is None else plain(format_value(value, entry.unit))


def overall(summary: Summary, name: str) -> MetricEntry | None:
    """The entry of a metric over all steps and the judged time; the only step's where there is but one."""
    entries = summary.entries(name)
    whole = [entry for entry in entries if not entry.labels]
    if whole:
        return whole[0]
    return entries[0] if len(entries) == 1 else None


def by_step(summary: Summary, name: str) -> dict[str, MetricEntry]:
    return {entry.labels["step"]: entry for entry in summary.entries(name) if set(entry.labels) == {"step"}}


def latency_rows(summary: Summary, fields: tuple[str, ...]) -> list[LatencyRow]:
    """Response beside service time for every step, and for all of them where there are several."""
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


def connect_rows(summary: Summary, fields: tuple[str, ...]) -> list[LatencyRow]:
    """The parts of connecting and the whole, over all connects."""
    found = [(what, any_step(summary, name)) for name, what in CONNECT_METRICS]
    return [_latency_row(what, what, entry, fields) for what, entry in found if entry and entry.count]


def any_step(summary: Summary, name: str) -> MetricEntry | None:
    return overall(summary, name) or next(iter(summary.entries(name)), None)


def _latency_row(step: str, what: str, entry: MetricEntry, fields: tuple[str, ...]) -> LatencyRow:
    cells = tuple(cell(entry, field) for field in fields)
    return LatencyRow(step, what, format_count(entry.count), cells, entry.missing)


def too_few_note(rows: list[LatencyRow], fields: tuple[str, ...]) -> str:
    """How many samples the percentiles would take that no row, or not every row, could give."""
    absent = [f for at, f in enumerate(fields) if f in _PERCENTILES and any(r.cells[at] == NO_NUMBER for r in rows)]
    if not absent:
        return ""
    needs = ", ".join(f"{percentile_name(field)} takes {samples_needed(field):,}" for field in absent)
    return f"{NO_NUMBER} too few samples: {needs}."


def missing_note(rows: list[LatencyRow]) -> str:
    missing = {row.step: row.missing for row in rows if row.missing and row.step != ALL_STEPS}
    if not missing:
        return ""
    listed = ", ".join(f"{count:,} of {step}" for step, count in missing.items())
    return f"Without an answer, and so in no percentile here: {listed}. Checks rank them above every measured value."


def gap_sentence(summary: Summary) -> str:
    """What the gap between response and service time says of this run (coordinated omission)."""
    response, service = overall(summary, "response_time"), overall(summary, "service_time")
    explained = (
        "Response time counts from the moment a message was intended, service time from the moment it was sent; "
        "what lies between them is waiting that a user would have felt"
    )
    if not response or not service or response.p50 is None or service.p50 is None:
        return explained + "."
    field = next((f for f in ("p99", "p90") if getattr(response, f) and getattr(service, f)), "p50")
    felt, took = cell(response, field), cell(service, field)
    name = percentile_name(field)
    if getattr(response, field) <= getattr(service, field) * _AGREE_WITHIN + _AGREE_WITHIN_NS:
        return f"{explained}. Here they agree ({name} {felt} and {took}): messages went out on time."
    return (
        f"{explained}: here {name} is {felt} against {took}, because the server (or a slow flow) held up messages that "
        "were due. Judge by response time; service time alone would hide that wait."
    )


# --- ledger --------------------------------------------------------------------------------------------------------------


def equations(ledger: Ledger) -> list[Equation]:
    """The ledger's sums, without those of which there is nothing."""
    a, s, t, c, m = ledger.arrivals, ledger.sessions, ledger.turns, ledger.connections, ledger.messages
    found = [
        Equation(
            "arrivals",
            Part("planned", a.planned),
            (
                Part("completed", a.completed, "good"),
                Part("failed", a.failed, "bad"),
                Part("dropped", a.dropped, "bad"),
                Part("cut off", a.cut_off, "warn"),
            ),
            (Part("expected", a.expected),),
        ),
        Equation(
            "sessions",
            Part("started", s.started),
            (
                Part("completed", s.completed, "good"),
                Part("failed", s.failed, "bad"),
                Part("cut off", s.cut_off, "warn"),
            ),
        ),
        Equation(
            "turns",
            Part("due", t.due),
            (
                Part("done", t.done, "good"),
                Part("failed", t.failed, "bad"),
                Part("skipped", t.skipped, "warn"),
                Part("cut off", t.cut_off, "warn"),
            ),
        ),
        Equation(
            "connections",
            Part("attempted", c.attempted),
            (Part("opened", c.opened, "good"), Part("refused", c.refused, "bad"), Part("failed", c.failed, "bad")),
        ),
        Equation(
            "connections",
            Part("opened", c.opened),
            (
                Part("closed by us", c.closed_by_us, "good"),
                Part("closed by peer", c.closed_by_peer, "warn"),
                Part("lost", c.lost, "bad"),
                Part("open at end", c.open_at_end, "warn"),
            ),
        ),
        Equation(
            "messages",
            Part("sent", m.sent),
            (
                Part("answered", m.answered, "good"),
                Part("timed out", m.timed_out, "bad"),
                Part("unanswered", m.unanswered, "bad"),
                Part("one way", m.one_way),
            ),
            (
                Part("received", m.received),
                Part("late", m.late, "warn"),
                Part("duplicate", m.duplicate, "warn"),
                Part("unclaimed", m.unclaimed),
                Part("unfinished writes", m.unfinished_writes, "warn"),
            ),
        ),
    ]
    return [e for e in found if e.whole.count or any(part.count for part in (*e.parts, *e.aside))]


def bytes_text(ledger: Ledger) -> str:
    return f"sent {format_size(ledger.bytes.sent)}, received {format_size(ledger.bytes.received)} of payload"


def ending_rows(ledger: Ledger) -> list[tuple[str, int, str]]:
    """How connections ended or were refused: what, how often, what it means."""
    refusals = [(f"refused with {plain(k)}", n, explain(f"http.{k}").meaning) for k, n in ledger.refusals.items()]
    failures = [(f"failed: {plain(k)}", n, explain(k).meaning) for k, n in ledger.failures.items()]
    closes = [(plain(explain_close(k)[0]), n, explain_close(k)[1]) for k, n in ledger.close_codes.items()]
    return [row for part in (closes, refusals, failures) for row in sorted(part, key=lambda row: -row[1])]


# --- errors, generator ---------------------------------------------------------------------------------------------------


def error_rows(summary: Summary) -> list[ErrorRow]:
    """The errors, the most frequent first."""
    return [_error_row(error) for error in sorted(summary.errors, key=lambda error: -error.count)]


def what_to_do(row: ErrorRow) -> str:
    """What an error means and what to do about it, in sentences; empty where nothing is known of it."""
    meaning = f"{row.meaning[:1].upper()}{row.meaning[1:]}." if row.meaning else ""
    return f"{meaning} {row.advice}".strip()


def _error_row(error: ErrorCount) -> ErrorRow:
    cause = explain(error.kind)
    return ErrorRow(
        plain(error.kind), plain(error.step), error.count, plain(error.example), cause.meaning, cause.advice
    )


def warnings(summary: Summary) -> list[str]:
    """What a reader must know before they trust the numbers, and the verdict's reasons do not say already."""
    said = " ".join(summary.verdict.reasons)
    return [plain(text) for text in (*summary.generator.warnings, *summary.run.notes) if text not in said]


def health_rows(summary: Summary) -> list[HealthRow]:
    return [_health_row(process) for process in summary.generator.processes]


def _health_row(health: ProcessHealth) -> HealthRow:
    send_lag = NO_NUMBER if health.send_lag_p99_ns is None else format_duration(health.send_lag_p99_ns)
    cells = (
        ("CPU p95", f"{health.cpu_share_p95:.0%}"),
        ("over 90 % CPU", f"{health.cpu_over_90_share:.0%}"),
        ("send lag p99", send_lag),
        ("loop lag p99", format_duration(health.loop_lag_p99_ns)),
        ("loop lag max", format_duration(health.loop_lag_max_ns)),
        ("GC pause max", format_duration(health.gc_pause_max_ns)),
        ("memory", format_size(health.rss_max_bytes)),
        ("open files", format_count(health.open_files_max)),
    )
    return HealthRow(str(health.process), cells, health.complete)


def key_numbers(summary: Summary) -> list[tuple[str, str]]:
    """The run's few big numbers: what, value."""
    found = []
    response = overall(summary, "response_time")
    if response and response.count:
        best = next((field for field in ("p99", "p90", "p50") if getattr(response, field) is not None), "max")
        shown = dict.fromkeys(("p50" if response.p50 is not None else best, best))
        found += [(f"response time {percentile_name(field)}", cell(response, field)) for field in shown]
        found.append(("requests answered", _rate(response)))
    for name in ("messages_sent", "messages_received"):
        entry = overall(summary, name)
        if entry and entry.per_s is not None:
            found.append((name.replace("_", " "), _rate(entry)))
    found.append(("connections opened", format_count(summary.ledger.connections.opened)))
    error_rate = overall(summary, "error_rate")
    if error_rate and error_rate.value is not None:
        found.append(("error rate", format_value(error_rate.value, "ratio")))
    return found


def machine_rows(machine: dict[str, Any]) -> list[tuple[str, str]]:
    """What is known of the generator's machine: ``{"memory_bytes": 1073741824}`` -> ``("memory", "1 GiB")``."""
    return [
        (plain(key.removesuffix("_bytes").replace("_", " ")), _fact(key, value))
        for key, value in machine.items()
        if value is not None
    ]


def _fact(key: str, value: Any) -> str:
    return format_size(value) if key.endswith("_bytes") and isinstance(value, int | float) else plain(str(value))


def _rate(entry: MetricEntry) -> str:
    """Events a second; of counts below a hundred a second one digit after the point."""
    if entry.per_s is None:
        return format_count(entry.count)
    return format_rate(round(entry.per_s, 1) if entry.per_s < 100 else round(entry.per_s))


def _seconds(seconds: float) -> str:
    return format_duration(seconds * 1e9)
