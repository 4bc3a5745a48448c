"""The facts that every report shows about a run: verdict, checks, errors, health, in rows that all renderers share.

Texts here are already harmless (``plain``) but not yet escaped for any markup.
"""

from __future__ import annotations

from typing import Any

import msgspec

from loadws.metrics.summary import (
    SCHEMA_VERSION,
    Check,
    ErrorCount,
    ProcessHealth,
    Summary,
    Verdict,
)
from loadws.metrics.wording import interval_of, observed_of
from loadws.report.ledger_table import Tone
from loadws.report.plain import plain
from loadws.report.timings import NO_NUMBER
from loadws.report.without_error import failed_without_error as failed_without_error
from loadws.terms.errors import ExitCode
from loadws.terms.failures import explain
from loadws.terms.thresholds import format_value
from loadws.terms.units import format_count, format_duration, format_share, format_size

#: Each outcome of a run: its word, its tone, and the sentence where no reason was given.
OUTCOMES: dict[str, tuple[str, Tone, str]] = {
    "passed": ("Passed", "good", "Every check held."),
    "failed": ("Failed", "bad", "A check failed."),
    "no_data": ("Failed: no data", "bad", "A check had no data."),
    "inconclusive": ("Inconclusive", "warn", "The load was not applied, or there is too little data to tell."),
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
    "too_close": ("too close to call", "warn"),
}
#: How many of the checks that do not hold are named in the verdict; the others are in the table below it.
_MOST_NAMED = 3
JUDGED_BY_OLD_RULES = "This run was judged by the rules of loadws 0.1; its verdict is shown as it was then."
MODELS: dict[str, str] = {
    "closed": "Closed model: a fixed number of users, each waiting for its answer before it goes on. A slow server is "
    "asked less often, so throughput and latency hold each other back.",
    "open": "Open model: sessions arrive by the clock, whether or not the server keeps up. A slow server meets a growing "
    "queue, as it would in the world.",
    "mixed": "Mixed model: some users are held, and sessions arrive by the clock as well.",
    "partly open": "Partly open model: sessions arrive by the clock and each of them lives long, which is the usual load "
    "of a WebSocket server: arrivals do not wait for the server, but the messages within a session do.",
}


class CheckRow(msgspec.Struct, frozen=True):
    """One judged rule. ``limit`` is empty in runs of loadws 0.1; ``sentence`` states all of it."""

    rule: str
    word: str
    tone: Tone
    observed: str
    note: str
    limit: str = ""
    interval: str = ""
    sentence: str = ""


class ErrorRow(msgspec.Struct, frozen=True):
    """The errors of one kind and step. ``aside`` says how many of them no rule judges; empty where all are judged."""

    kind: str
    step: str
    count: int
    example: str
    meaning: str
    advice: str
    aside: str = ""


class HealthRow(msgspec.Struct, frozen=True):
    """One process. ``machine`` is empty where one machine made the whole load."""

    process: str
    cells: tuple[tuple[str, str], ...]  # what, value
    complete: bool
    machine: str = ""


def headline(summary: Summary, *, names_checks: bool = True) -> tuple[str, Tone, list[str]]:
    """Return the verdict's word, its tone, and the sentences below it: the checks that do not hold, the reasons, and the
    tries that failed without an error.

    ``names_checks`` is false where a table of the checks and a list of what happened stand beside it.
    """
    word, tone, said = _verdict_of(summary, names_checks)
    return word, tone, [*said, *failed_without_error(summary)] if names_checks else said


def _verdict_of(summary: Summary, names_checks: bool) -> tuple[str, Tone, list[str]]:
    verdict = summary.verdict
    word, tone, sentence = OUTCOMES[verdict.outcome]
    reasons = [plain(reason) for reason in verdict.reasons]
    if summary.schema_version < SCHEMA_VERSION:
        reasons.append(JUDGED_BY_OLD_RULES)
    if verdict.outcome == "passed":
        return word, tone, reasons if summary.run.share else [_why_passed(verdict), *reasons]
    open_checks = [check for check in verdict.checks if not check.holds]
    if open_checks and not names_checks:
        return word, tone, reasons
    if verdict.outcome in ("failed", "no_data", "aborted", "inconclusive"):
        return word, tone, [*_named(open_checks), *reasons] or [sentence]
    return word, tone, reasons or [sentence]


def _why_passed(verdict: Verdict) -> str:
    checks = verdict.checks
    if not checks:
        return (
            "There are no thresholds: the run passes because less than half of the sessions, turns and tries that ended "
            "have failed."
        )
    excused = [check for check in checks if check.is_excused]
    if excused:
        named = "; ".join(plain(check.sentence, 400) for check in excused[:_MOST_NAMED])
        held = f"{len(checks) - len(excused)} of {len(checks)} checks held"
        return f"{held}; the scenario lets pass what is too close to call: {named}."
    return {1: "The one check held.", 2: "Both checks held."}.get(len(checks), f"All {len(checks)} checks held.")


def rank(check: Check) -> int:
    """Return the rank of a check in a run that is over: failed ones first, then no data, too close to call, passed."""
    return {"failed": 0, "no_data": 1, "too_close": 2, "passed": 3}[check.outcome]


def _named(checks: list[Check]) -> list[str]:
    """Return a sentence for each of the first checks that do not hold, those that failed first."""
    ordered = sorted(checks, key=rank)
    named = [f"{plain(check.sentence or f'{check.rule} did not hold', 400)}." for check in ordered[:_MOST_NAMED]]
    if len(ordered) > _MOST_NAMED:
        more = len(ordered) - _MOST_NAMED
        named.append(f"{more} more check does not hold." if more == 1 else f"{more} more checks do not hold.")
    return named


def exit_meaning(exit_code: int) -> str:
    known = next((code for code in ExitCode if code == exit_code), None)
    return f"exit code {exit_code}: {known.meaning}" if known is not None else f"exit code {exit_code}"


def facts(summary: Summary) -> list[str]:
    """Return the run in a few words: model, length, transport, seed."""
    run = summary.run
    judged = "" if abs(run.judged_s - run.duration_s) < 0.05 else f" ({_seconds(run.judged_s)} judged)"
    processes = "1 process" if run.processes == 1 else f"{run.processes} processes"
    speaks = f"{run.transport}, {run.stamps} stamps"
    return [f"{run.model} model", _seconds(run.duration_s) + judged, speaks, processes, f"seed {run.seed}"]


def applied_facts(summary: Summary) -> list[str]:
    """Return the shares of the planned load that were applied, for each kind of planned load."""
    applied = summary.applied
    shares = (
        ("arrivals started", applied.arrivals_started, applied.arrivals_planned),
        ("users connected", applied.users_connected, applied.users_planned),
        ("turns not skipped", applied.turns_kept, applied.turns_due),
    )
    found = [
        f"{what} {format_count(part)} of {format_count(whole)} ({format_share(part / whole)})"
        for what, part, whole in shares
        if whole
    ]
    if found and applied.turns_not_begun:  # no turn was skipped, and yet few of them have run
        found[-1] += f", but {format_count(applied.turns_not_begun)} of them never began"
    return found


def check_rows(summary: Summary) -> list[CheckRow]:
    return [_check_row(check) for check in summary.verdict.checks]


def _check_row(check: Check) -> CheckRow:
    word, tone = CHECK_WORDS[check.outcome]
    if check.is_excused:
        word, tone = "passed (too close to call)", "warn"
    note = plain(check.note)
    if check.aborted and "ended" not in note:
        note = f"{note}; it stopped the run" if note else "it stopped the run"
    limit = "" if check.limit is None else f"{check.op} {format_value(check.limit, check.unit)}"
    interval = interval_of(check)
    if check.outcome == "too_close":
        needs = (
            "more samples would not tell"
            if check.needs is None
            else f"needs about {format_count(check.needs)} more samples"
        )
        note = f"{note}; {needs}" if note else needs
    return CheckRow(
        plain(check.rule),
        word,
        tone,
        plain(observed_of(check)),
        note,
        plain(limit),
        interval,
        plain(check.sentence, 400),
    )


def error_rows(summary: Summary) -> list[ErrorRow]:
    """Return the errors, the most frequent first."""
    fetching = _http_steps(summary)
    ordered = sorted(summary.errors, key=lambda error: -error.count)
    return [_error_row(error, of_http_step=error.step in fetching) for error in ordered]


def _http_steps(summary: Summary) -> set[str]:
    """Return the names of the steps whose tries are all those of http steps."""
    tried: dict[str, set[str]] = {}
    for entry in summary.metrics:
        if entry.name == "error_rate" and "step" in entry.labels:
            tried.setdefault(entry.labels["step"], set()).add(entry.labels.get("kind", ""))
    return {step for step, kinds in tried.items() if kinds == {"http"}}


def what_to_do(row: ErrorRow) -> str:
    """Return what an error means and what to do about it, in sentences; empty where nothing is known about it."""
    meaning = f"{row.meaning[:1].upper()}{row.meaning[1:]}." if row.meaning else ""
    return f"{meaning} {row.advice}".strip()


def _error_row(error: ErrorCount, *, of_http_step: bool) -> ErrorRow:
    cause = explain(error.kind, of_http_step=of_http_step)
    aside = f"{format_count(error.in_warmup)} in warm-up, not judged" if error.in_warmup else ""
    return ErrorRow(
        plain(error.kind), plain(error.step), error.count, plain(error.example), cause.meaning, cause.advice, aside
    )


def warnings(summary: Summary) -> list[str]:
    """Return what readers must know before they trust the numbers, without the verdict's reasons."""
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
    return HealthRow(str(health.process), cells, health.complete, plain(health.machine, 60))


def _lag(ns: float | None) -> str:
    return NO_NUMBER if ns is None else format_duration(ns)


def machine_rows(machine: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the facts about the generator's machine: ``{"memory_bytes": 1073741824}`` -> ``("memory", "1 GiB")``."""
    return [
        (plain(key.removesuffix("_bytes").replace("_", " ")), _fact(key, value))
        for key, value in machine.items()
        if value is not None
    ]


def _fact(key: str, value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return format_size(value) if key.endswith("_bytes") else format_count(value)
    return plain(str(value))


def _seconds(seconds: float) -> str:
    return format_duration(seconds * 1e9)
