"""Compare pairs of slices that took turns on one machine: what to run next, and the record at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from loadws.gate.comparing.absolute import judge_thresholds
from loadws.gate.comparing.compare import Sides, Step, conclude_pairs, estimate_pairs, next_step
from loadws.gate.comparing.few_samples import about_samples, without_too_few
from loadws.gate.comparing.measured import measure
from loadws.gate.comparing.rules import RuleSet
from loadws.gate.comparing.verdict import Evidence, Finding, conclude, side
from loadws.gate.comparing.watched import watched
from loadws.gate.statistics.sequential import Design
from loadws.metrics.comparison import ComparisonRecord
from loadws.metrics.summary import Summary
from loadws.terms.errors import ExitCode
from loadws.terms.metrics import Metric


@dataclass(slots=True)
class PairSet:
    """The slices of one set, in pairs: the n-th of both sides are a pair."""

    a: list[Summary] = field(default_factory=list)
    b: list[Summary] = field(default_factory=list)

    def add(self, a: Summary, b: Summary) -> None:
        """Add a pair."""
        self.a.append(a)
        self.b.append(b)

    def sides(self, rules: RuleSet) -> list[Sides]:
        """Return the slices' measurements for each comparison rule."""
        return [
            Sides([measure(run.metrics, rule) for run in self.a], [measure(run.metrics, rule) for run in self.b])
            for rule in rules.comparisons
        ]


def next_pairs(rules: RuleSet, first: PairSet, second: PairSet, design: Design) -> Step:
    """Return which set needs how many more pairs, or that the comparison is decided. There must be a comparison rule."""
    return next_step(rules.comparisons, first.sides(rules), second.sides(rules), design)


def conclude_slices(
    scenario: str,
    made_at: str,
    names: tuple[str, str],
    rules: RuleSet,
    first: PairSet,
    second: PairSet,
    design: Design,
    own: Mapping[str, Metric],
    findings: Sequence[Finding] = (),
) -> ComparisonRecord:
    """Return the record of the existing pairs, also where time ran out, or the user stopped it.

    ``names`` describe the options of each side. ``findings`` are other facts: an interruption, a side without answers.
    """
    both = PairSet([*first.a, *second.a], [*first.b, *second.b])
    comparisons = without_too_few(
        conclude_pairs(rules.comparisons, first.sides(rules), second.sides(rules), design), (*both.a, *both.b)
    )
    moved, looked_at = watched(both.a, both.b, own, rules.comparisons, estimate_pairs, design.alpha)
    evidence = Evidence(
        method="pairs",
        comparisons=comparisons if both.a else (),
        checks=judge_thresholds(rules.thresholds, both.b) if both.b else (),
        watched=moved,
        looked_at=looked_at,
        findings=(*findings, *_about_nothing(both), *about_samples(comparisons, (*both.a, *both.b), "slice")),
    )
    sides = [
        side(name, [""] * len(runs), [run.run for run in runs])
        for name, runs in zip(names, (both.a, both.b), strict=True)
    ]
    return conclude(scenario, made_at, sides[0], sides[1], evidence, design.alpha)


def _about_nothing(both: PairSet) -> Iterator[Finding]:
    """Yield that nothing was compared, where that is so: no data is never a pass."""
    if not both.a:
        yield ExitCode.INCONCLUSIVE, "No pair of slices was completed, so that nothing was compared."
