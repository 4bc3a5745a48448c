"""What a run comes to: one outcome, one exit code, every check, and the reasons in sentences.

Several things can hold of one run; the first in the order of ``ExitCode`` is its outcome (design.md, "Exit codes"), and
the reasons name them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from loadws.gate.check import judge_rule
from loadws.metrics.runinfo import Ending, Rule
from loadws.metrics.summary import Check, Outcome, Summary, Verdict
from loadws.terms.errors import ExitCode, most_severe
from loadws.terms.metrics import Metric
from loadws.terms.thresholds import parse_threshold
from loadws.terms.units import format_count

__all__ = ["judge", "judge_rule"]

#: Failures to connect that were an HTTP answer all the same: somebody is there.
_HTTP_ANSWERS = ("upgrade.bad_accept", "upgrade.bad_subprotocol", "upgrade.too_large")
_OUTCOMES: dict[ExitCode, Outcome] = {
    ExitCode.DEFECT: "invalid",
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.UNREACHABLE: "unreachable",
    ExitCode.INVALID: "invalid",
    ExitCode.INCONCLUSIVE: "inconclusive",
    ExitCode.PASSED: "passed",
}


def judge(summary: Summary, rules: Sequence[Rule], own: Mapping[str, Metric], ending: Ending | None) -> Verdict:
    """``own``: the scenario's own metrics. ``ending`` None: the run was killed. Raises ``ThresholdError``."""
    checks = tuple(_check(summary, rule, own, ending) for rule in rules)
    findings = list(_findings(summary, checks, ending))
    code = most_severe(code for code, _ in findings)
    reasons = tuple(reason for _, reason in findings if reason)
    return Verdict(_outcome(code, checks, ending), code.value, checks, reasons)


def _check(summary: Summary, rule: Rule, own: Mapping[str, Metric], ending: Ending | None) -> Check:
    aborted = ending is not None and ending.aborted_by == rule.rule
    return judge_rule(summary.metrics, parse_threshold(rule.rule, own), aborted=aborted)


def _outcome(code: ExitCode, checks: Sequence[Check], ending: Ending | None) -> Outcome:
    if code is not ExitCode.FAILED:
        return _OUTCOMES[code]
    if ending is not None and ending.aborted_by is not None:
        return "aborted"
    outcomes = {check.outcome for check in checks}
    return "no_data" if "no_data" in outcomes and "failed" not in outcomes else "failed"


def _findings(summary: Summary, checks: Sequence[Check], ending: Ending | None) -> Iterator[tuple[ExitCode, str]]:
    """Everything that holds of the run, with its reason; a failed check is its own reason."""
    yield from _about_the_end(summary, ending)
    if _unreachable(summary):
        yield ExitCode.UNREACHABLE, _unreachable_reason(summary)
    elif not completed(summary):
        yield ExitCode.FAILED, "The run completed nothing: no flow, no turn and no request came to its end."
    if not summary.generator.healthy:
        warnings = " ".join(summary.generator.warnings)
        yield ExitCode.INVALID, f"What was measured may be the generator's own doing. {warnings}"
    if any(check.outcome != "passed" for check in checks):
        yield ExitCode.FAILED, ""
    if summary.run.judged_s <= 0:
        yield (
            ExitCode.INCONCLUSIVE,
            "The run ended before any time that is judged: every phase that began is a warm-up.",
        )


def _about_the_end(summary: Summary, ending: Ending | None) -> Iterator[tuple[ExitCode, str]]:
    after = f"after {summary.run.duration_s:.1f} s"
    if ending is None:
        yield ExitCode.INTERRUPTED, f"The run was killed {after}; this is what it had said until then."
        return
    if ending.defect is not None:
        yield ExitCode.DEFECT, f"loadws itself failed: {ending.defect}. Please report it, with the run's folder."
    if ending.aborted_by is not None:
        yield ExitCode.FAILED, f"The threshold {ending.aborted_by!r} was broken and ended the run {after}."
    elif ending.interrupted is not None:
        yield (
            ExitCode.INTERRUPTED,
            f"The run was interrupted by {ending.interrupted} {after}; it says nothing of the rest.",
        )


def _unreachable(summary: Summary) -> bool:
    """Nothing opened, and there was no HTTP answer either."""
    ledger = summary.ledger
    answered = ledger.connections.refused or any(ledger.failures.get(kind) for kind in _HTTP_ANSWERS)
    return bool(ledger.connections.attempted) and not ledger.connections.opened and not answered


def _unreachable_reason(summary: Summary) -> str:
    failures = sorted(summary.ledger.failures.items(), key=lambda failure: (-failure[1], failure[0]))
    kinds = ", ".join(f"{format_count(count)} × {kind}" for kind, count in failures)
    return (
        f"{summary.run.target} could not be reached{f': {kinds}' if kinds else ''}. "
        "Is the server running there, and is the address right?"
    )


def completed(summary: Summary) -> int:
    """How much of what users set out to do came to a good end. Where they only connect, that is to connect."""
    ledger = summary.ledger
    ended = ledger.sessions.completed + ledger.arrivals.completed + ledger.turns.done
    said = ledger.messages.answered + ledger.messages.one_way
    flows = sum(entry.count for entry in summary.metrics if entry.name == "iterations" and "phase" in entry.labels)
    tried = [entry for entry in summary.entries("error_rate") if "kind" in entry.labels]
    more = [entry for entry in tried if entry.labels["kind"] != "connect"]
    counted = more if more or ledger.messages.sent else tried
    return ended + said + flows + sum(entry.count - entry.failed for entry in counted)
