"""Check rules: thresholds whose metric, labels and aggregate exist, and that the scenario can give data to."""

from __future__ import annotations

from loadws.scenario.checks.findings import Findings
from loadws.scenario.checks.rules.beside_others import check_beside_others
from loadws.scenario.checks.rules.labels import check_labels
from loadws.scenario.checks.rules.own import METRIC, OwnMetrics
from loadws.scenario.checks.rules.produced import check_produced
from loadws.scenario.model.model import ThresholdRule
from loadws.terms.rule_text import RuleError
from loadws.terms.thresholds import Threshold, parse_threshold, wrong_bound, wrong_share


def check_thresholds(findings: Findings, own: OwnMetrics) -> tuple[Threshold, ...]:
    """Return the rules parsed, as many as can be."""
    rules = enumerate(findings.scenario.thresholds)
    parsed = [_check_rule(findings, index, rule, own) for index, rule in rules]
    check_beside_others(findings, parsed)
    return tuple(threshold for threshold in parsed if threshold)


def _check_rule(findings: Findings, index: int, rule: ThresholdRule, own: OwnMetrics) -> Threshold | None:
    where = ("thresholds", index)
    if "after" in rule.model_fields_set and not rule.abort:
        findings.error(
            (*where, "after"), "after says when a rule may abort the run: it goes with abort: true", at_key=True
        )
    try:
        threshold = parse_threshold(rule.rule, own.for_rule(rule.rule))
    except RuleError as error:
        if not _metric_was_cut(findings, rule.rule):
            findings.error_in((*where, "rule"), rule.rule, error.offset, str(error), error.advice)
        return None
    if unclear := wrong_bound(threshold):
        findings.error((*where, "rule"), *unclear)
    if wrong := wrong_share(threshold):
        findings.warning((*where, "rule"), *wrong)
    check_labels(findings, index, threshold)
    check_produced(findings, index, threshold)
    return threshold


def _metric_was_cut(findings: Findings, rule: str) -> bool:
    match = METRIC.match(rule)
    return match is not None and not findings.cut_words.isdisjoint(match.groups())
