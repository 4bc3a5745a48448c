"""The verdict of a comparison: one outcome, one exit code and the reasons, as the record that is written and shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from loadws.gate.comparing.compare import Comparison, Found
from loadws.gate.comparing.sentences import sentence
from loadws.gate.units_of_work import units_of
from loadws.metrics.comparison import (
    COMPARISON_VERSION,
    ComparisonOutcome,
    ComparisonRecord,
    Interval,
    RuleResult,
    Side,
    Watched,
)
from loadws.metrics.summary import Check, Run, Summary
from loadws.terms.errors import ExitCode, most_severe

#: (an outcome of the comparison, the reason in a sentence); the reason is empty where a rule's own sentence gives it.
Finding = tuple[ExitCode, str]
_OUTCOMES: dict[ExitCode, ComparisonOutcome] = {
    ExitCode.DEFECT: "invalid",
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.TERMINATED: "interrupted",
    ExitCode.UNREACHABLE: "invalid",
    ExitCode.INVALID: "invalid",
    ExitCode.FAILED: "failed",
    ExitCode.INCONCLUSIVE: "inconclusive",
    ExitCode.PASSED: "passed",
}
_NOTHING = "No rule could be judged: both sides have no value in common. Name what to compare with --rule."


class Evidence(msgspec.Struct, frozen=True):
    """All results: each rule, the thresholds, other values that changed, and facts beside the rules."""

    method: str
    comparisons: tuple[Comparison, ...] = ()
    checks: tuple[Check, ...] = ()
    watched: tuple[Watched, ...] = ()
    looked_at: int = 0
    findings: tuple[Finding, ...] = ()
    gates: bool = True


def conclude(
    scenario: str, made_at: str, baseline: Side, candidate: Side, evidence: Evidence, alpha: float
) -> ComparisonRecord:
    """Return the record of a comparison with its verdict."""
    findings = list(_findings(evidence))
    code = most_severe(each for each, _ in findings)
    return ComparisonRecord(
        schema_version=COMPARISON_VERSION,
        scenario=scenario,
        made_at=made_at,
        method=evidence.method,  # type: ignore[arg-type]
        outcome=_OUTCOMES[code],
        exit_code=code.value,
        reasons=tuple(dict.fromkeys(reason for _, reason in findings if reason)),
        baseline=baseline,
        candidate=candidate,
        alpha=alpha,
        gates=evidence.gates,
        rules=tuple(_rule_result(each) for each in evidence.comparisons),
        checks=evidence.checks,
        watched=evidence.watched,
        looked_at=evidence.looked_at,
    )


def side(name: str, names: Sequence[str], runs: Sequence[Run]) -> Side:
    """Return the record of one side. A field in which its runs differ is empty."""
    return Side(
        name=name,
        runs=tuple(names),
        machine_name=_common([run.machine_name for run in runs]),
        loadws_version=_common([run.loadws_version for run in runs]),
        plan_hash=_common([run.plan_hash for run in runs]),
        started_at=min((run.started_at for run in runs), default=""),
    )


def about_runs(which: str, names: Sequence[str], runs: Sequence[Summary]) -> Iterator[Finding]:
    """Yield the consequences of the compared runs' verdicts for the comparison. A run whose thresholds failed can be
    compared.

    A run of which half or more failed cannot: the latencies of the rest tell nothing about the candidate.
    """
    for name, run in zip(names, runs, strict=True):
        verdict = run.verdict
        why = f" {verdict.reasons[0]}" if verdict.reasons else ""
        match verdict.outcome:
            case "invalid":
                yield ExitCode.INVALID, f"The {which} run {name} is invalid: loadws may have decided its values.{why}"
            case "interrupted" | "aborted":
                yield ExitCode.INCONCLUSIVE, f"The {which} run {name} did not run to its end.{why}"
            case "unreachable":
                yield ExitCode.INCONCLUSIVE, f"The {which} run {name} measured nothing.{why}"
            case _ if run.run.judged_s <= 0:
                yield ExitCode.INCONCLUSIVE, f"The {which} run {name} has no judged time."
            case _ if (units := units_of(run)).are_mostly_failed:
                code = ExitCode.FAILED if which == "candidate" else ExitCode.INCONCLUSIVE
                yield code, f"Half or more of what the users of the {which} run {name} began has failed: {units.text}."


def _findings(evidence: Evidence) -> Iterator[Finding]:
    yield from evidence.findings
    if evidence.gates:
        for each in evidence.comparisons:
            yield _CODES[each.outcome], ""
    for check in evidence.checks:
        yield _CHECK_CODES[check.outcome], ""
    if not evidence.comparisons and not evidence.checks and not evidence.findings:
        yield ExitCode.INCONCLUSIVE, _NOTHING


_CODES = {
    "passed": ExitCode.PASSED,
    "failed": ExitCode.FAILED,
    "inconclusive": ExitCode.INCONCLUSIVE,
    "no_data": ExitCode.FAILED,  # as a threshold without data: never a pass
}
_CHECK_CODES = {
    "passed": ExitCode.PASSED,
    "failed": ExitCode.FAILED,
    "no_data": ExitCode.FAILED,
    "too_close": ExitCode.INCONCLUSIVE,
}


def _rule_result(comparison: Comparison) -> RuleResult:
    rule, found = comparison.rule, comparison.found
    return RuleResult(
        rule=str(rule),
        outcome=comparison.outcome,
        sentence=sentence(comparison),
        unit=comparison.unit,
        relative=rule.relative,
        limit=rule.limit,
        before=found.before,
        after=found.after,
        first=_interval(found),
        smallest=comparison.smallest,
        more=comparison.more,
        second=None if comparison.second is None else _interval(comparison.second),
    )


def _interval(found: Found) -> Interval:
    return Interval(found.change, found.low, found.high, found.p, found.adjusted_p, found.n, found.unknown)


def _common(values: Sequence[str]) -> str:
    return values[0] if values and len(set(values)) == 1 else ""
