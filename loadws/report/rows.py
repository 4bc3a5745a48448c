"""What every report shows of a run: verdict, checks, errors, health, facts, in rows that no renderer can disagree about.

Texts here are already harmless (``plain``) but not yet escaped for any markup.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from loadws.metrics.summary import Check, ErrorCount, MetricEntry, ProcessHealth, Summary
from loadws.report.balance import Tone
from loadws.report.causes import explain
from loadws.report.plain import plain
from loadws.report.timings import NO_NUMBER, cell, overall, percentile_name
from loadws.terms.errors import ExitCode
from loadws.terms.thresholds import format_value
from loadws.terms.units import format_count, format_duration, format_rate, format_size

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
        words = {1: "The one check held.", 2: "Both checks held."}
        sentence = words.get(len(verdict.checks), f"All {len(verdict.checks)} checks held.")
    elif verdict.outcome == "failed" and failed:
        sentence = f"{failed} of {len(verdict.checks)} checks failed."
    reasons = [plain(reason) for reason in verdict.reasons]
    if verdict.outcome == "passed" or (verdict.outcome == "failed" and failed):
        return word, tone, [sentence, *reasons]
    return word, tone, reasons or [sentence]


def exit_meaning(exit_code: int) -> str:
    known = next((code for code in ExitCode if code == exit_code), None)
    return f"exit code {exit_code}: {known.meaning}" if known is not None else f"exit code {exit_code}"


def facts(summary: Summary) -> list[str]:
    """The run in a few words: model, length, transport, seed."""
    run = summary.run
    judged = "" if abs(run.judged_s - run.duration_s) < 0.05 else f" ({_seconds(run.judged_s)} judged)"
    processes = "1 process" if run.processes == 1 else f"{run.processes} processes"
    speaks = f"{run.transport}, {run.stamps} stamps"
    return [f"{run.model} model", _seconds(run.duration_s) + judged, speaks, processes, f"seed {run.seed}"]


def check_rows(summary: Summary) -> list[CheckRow]:
    return [_check_row(check) for check in summary.verdict.checks]


def _check_row(check: Check) -> CheckRow:
    word, tone = CHECK_WORDS[check.outcome]
    note = plain(check.note)
    if check.aborted:
        note = f"{note}; it stopped the run" if note else "it stopped the run"
    return CheckRow(plain(check.rule), word, tone, plain(format_value(check.observed, check.unit)), note)


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
    return [_health_row(process, summary.run.stamps) for process in summary.generator.processes]


def _health_row(health: ProcessHealth, stamps: str) -> HealthRow:
    read_lag = (("read lag p99", _lag(health.read_lag_p99_ns)),) if stamps == "kernel" else ()
    cells = (
        ("CPU p95", f"{health.cpu_share_p95:.0%}"),
        ("over 90 % CPU", f"{health.cpu_over_90_share:.0%}"),
        ("send lag p99", _lag(health.send_lag_p99_ns)),
        *read_lag,
        ("loop lag p99", format_duration(health.loop_lag_p99_ns)),
        ("loop lag max", format_duration(health.loop_lag_max_ns)),
        ("GC pause max", format_duration(health.gc_pause_max_ns)),
        ("memory", format_size(health.rss_max_bytes)),
        ("open files", format_count(health.open_files_max)),
    )
    return HealthRow(str(health.process), cells, health.complete)


def _lag(ns: float | None) -> str:
    return NO_NUMBER if ns is None else format_duration(ns)


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
