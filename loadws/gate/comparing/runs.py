"""Compare whole runs of two sides: what each measured, which rules apply, what else changed, and the verdict.

Several runs on each side are compared by one value of each run. One run on each side is compared by its windows of
time: this does not include the noise between runs, and the report calls it weaker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from loadws.gate.comparing.absolute import judge_thresholds
from loadws.gate.comparing.compare import (
    Comparison,
    Measured,
    Sides,
    Windows,
    compare_one_run,
    compare_runs,
    estimate_runs,
)
from loadws.gate.comparing.few_samples import about_samples, without_too_few
from loadws.gate.comparing.identity import counts_errors_differently, hindrances
from loadws.gate.comparing.measured import measure, windows_of
from loadws.gate.comparing.rules import RuleSet
from loadws.gate.comparing.verdict import Evidence, Finding, about_runs, conclude, side
from loadws.gate.comparing.watched import watched
from loadws.gate.statistics.bootstrap import Window
from loadws.gate.statistics.outcome import ALPHA
from loadws.metrics.comparison import ComparisonRecord
from loadws.metrics.frame import Frame
from loadws.metrics.summary import Summary
from loadws.terms.comparisons import ComparisonRule
from loadws.terms.errors import ExitCode
from loadws.terms.metrics import Metric

_SHOWN_ONLY = "The rules are shown and gate nothing; --across-machines gates all the same."
#: Why a rule is not judged any more: its values would be two different things.
_ERRORS_DIFFER = (
    "error_rate is not compared: the two sides were made by versions of loadws that count tries differently. "
    "Make a new baseline."
)


class MeasuredRun(msgspec.Struct, frozen=True):
    """One run of a side. ``name`` is where it was found; ``frames`` reads its frames, where they were kept."""

    name: str
    summary: Summary
    frames: Callable[[], Iterable[Frame]] | None = None


def compare_sides(
    baseline: Sequence[MeasuredRun],
    candidate: Sequence[MeasuredRun],
    rules: RuleSet,
    made_at: str,
    own: Mapping[str, Metric],
    across_machines: bool = False,
    alpha: float = ALPHA,
) -> ComparisonRecord:
    """Return the comparison of unpaired runs, at least one on each side."""
    before, after = [run.summary for run in baseline], [run.summary for run in candidate]
    comparable, left_out = _comparable(rules.comparisons, before, after)
    others = [] if across_machines else list(hindrances([run.run for run in before], [run.run for run in after]))
    sides = [Sides(_values(before, rule), _values(after, rule)) for rule in comparable]
    is_single = len(baseline) == len(candidate) == 1
    if is_single:
        comparisons = compare_one_run(comparable, sides, _windows(baseline[0], candidate[0], comparable), alpha)
    else:
        comparisons = compare_runs(comparable, sides, alpha)
    comparisons = without_too_few(comparisons, (*before, *after))
    moved, looked_at = watched(before, after, own, comparable, estimate_runs, alpha)
    findings: list[Finding] = [
        *about_runs("baseline", [run.name for run in baseline], before),
        *about_runs("candidate", [run.name for run in candidate], after),
        *left_out,
        *((ExitCode.INCONCLUSIVE, f"{other} {_SHOWN_ONLY}") for other in others),
        *about_samples(comparisons, (*before, *after), "run"),
    ]
    evidence = Evidence(
        method=_method(comparisons),
        comparisons=comparisons,
        checks=judge_thresholds(rules.thresholds, after),
        watched=moved,
        looked_at=looked_at,
        findings=tuple(findings),
        gates=not others,
    )
    return conclude(
        after[0].run.scenario,
        made_at,
        side("baseline", [run.name for run in baseline], [run.run for run in before]),
        side("candidate", [run.name for run in candidate], [run.run for run in after]),
        evidence,
        alpha,
    )


def _comparable(
    rules: Sequence[ComparisonRule], baseline: Sequence[Summary], candidate: Sequence[Summary]
) -> tuple[list[ComparisonRule], list[Finding]]:
    """Return the rules that can be judged, and why the others cannot."""
    if not counts_errors_differently(baseline, candidate):
        return list(rules), []
    kept = [rule for rule in rules if rule.selection.metric != "error_rate"]
    return kept, [(ExitCode.INCONCLUSIVE, _ERRORS_DIFFER)] if len(kept) < len(rules) else []


def _values(runs: Sequence[Summary], rule: ComparisonRule) -> list[Measured]:
    return [measure(run.metrics, rule) for run in runs]


def _windows(baseline: MeasuredRun, candidate: MeasuredRun, rules: Sequence[ComparisonRule]) -> list[Windows]:
    before, after = _windows_of(baseline, rules), _windows_of(candidate, rules)
    return [Windows(*each) for each in zip(before, after, strict=True)]


def _windows_of(run: MeasuredRun, rules: Sequence[ComparisonRule]) -> list[list[Window]]:
    if run.frames is None:
        return [[] for _ in rules]
    judged = {phase.name for phase in run.summary.run.phases if not phase.warmup}
    return windows_of(run.frames(), rules, judged)


def _method(comparisons: Sequence[Comparison]) -> str:
    units = {comparison.unit for comparison in comparisons}
    return "windows" if "windows" in units else "runs" if units else "none"
