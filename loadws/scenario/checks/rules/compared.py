"""The scenario's comparison rules (``compare``): each parses, and the scenario can give it data."""

from __future__ import annotations

from msgspec.structs import replace

from loadws.scenario.checks.findings import Findings
from loadws.scenario.checks.rules.labels import check_labels
from loadws.scenario.checks.rules.own import OwnMetrics
from loadws.scenario.checks.rules.produced import check_produced
from loadws.scenario.yaml.tree import with_child
from loadws.terms.comparisons import ComparisonRule, is_comparison, parse_comparison
from loadws.terms.rule_text import RuleError

_THRESHOLD_ADVICE = "a limit for one run alone is written under thresholds; a change has a sign: +10%"


def check_comparisons(findings: Findings, own: OwnMetrics) -> tuple[ComparisonRule, ...]:
    """Return the rules of ``compare`` parsed, as many as can be."""
    placed = _in_place_of_thresholds(findings)
    rules = enumerate(findings.scenario.compare)
    parsed = (_check(placed, index, rule, own) for index, rule in rules)
    return tuple(rule for rule in parsed if rule is not None)


def _check(findings: Findings, index: int, rule: str, own: OwnMetrics) -> ComparisonRule | None:
    try:
        parsed = parse_comparison(rule, own.for_rule(rule))
    except RuleError as error:
        advice = error.advice if is_comparison(rule) else _THRESHOLD_ADVICE
        findings.error_in(("thresholds", index), rule, error.offset, str(error), advice)
        return None
    check_labels(findings, index, parsed.threshold)
    check_produced(findings, index, parsed.threshold)
    return parsed


def _in_place_of_thresholds(findings: Findings) -> Findings:
    """Return the findings with ``compare`` where the checks of rules look for thresholds. Nodes know their true places."""
    node = findings.root.child("compare")
    return findings if node is None else replace(findings, root=with_child(findings.root, "thresholds", node))
