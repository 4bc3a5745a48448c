"""The rules of a comparison: comparison rules and thresholds, from texts, or defaults for what both sides measured."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from loadws.gate.comparing.measured import measure
from loadws.metrics.summary import Summary
from loadws.terms.comparisons import ComparisonRule, default_rules, is_comparison, parse_comparison
from loadws.terms.metrics import TABLE, Metric, own_counter, own_trend
from loadws.terms.rule_text import RuleError
from loadws.terms.thresholds import Threshold, parse_threshold

#: A limit with a sign, which only a change can have.
_CHANGE = re.compile(r"(?<=[<>=])\s*(\d[\d.]*(%|pp))\s*$")


class RuleSet(msgspec.Struct, frozen=True):
    """The rules of a comparison. ``thresholds`` are judged on the candidate alone."""

    comparisons: tuple[ComparisonRule, ...] = ()
    thresholds: tuple[Threshold, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.comparisons or self.thresholds)


class WrongRules(Exception):
    """Rules that cannot be read: each problem with the index of its rule."""

    def __init__(self, problems: Sequence[tuple[int, RuleError]]) -> None:
        super().__init__("; ".join(str(problem) for _, problem in problems))
        self.problems = tuple(problems)


def parse_rules(texts: Sequence[str], own: Mapping[str, Metric]) -> RuleSet:
    """Return the rules that the texts state.

    Raises:
        WrongRules: Some texts are not rules; it has every problem.
    """
    comparisons, thresholds, problems = [], [], []
    for index, text in enumerate(texts):
        try:
            if is_comparison(text):
                comparisons.append(parse_comparison(text, own))
            else:
                thresholds.append(parse_threshold(text, own))
        except RuleError as error:
            problems.append((index, _advised(text, error)))
    if problems:
        raise WrongRules(problems)
    return RuleSet(tuple(comparisons), tuple(thresholds))


def _advised(text: str, error: RuleError) -> RuleError:
    """Return the error with advice for a change that was written without its sign."""
    if is_comparison(text) or not _CHANGE.search(text):
        return error
    signed = _CHANGE.sub(r" +\1", text).strip()
    return RuleError(str(error), error.offset, f"a change has a sign: {signed}")


def defaults_of(baseline: Iterable[Summary], candidate: Iterable[Summary]) -> RuleSet:
    """Return the rules where none was given: the headlines of ``terms.comparisons`` that both sides have a value for."""
    sides = [list(baseline), list(candidate)]
    rules = default_rules(set(TABLE))
    return RuleSet(
        tuple(
            rule for rule in rules if all(any(measure(run.metrics, rule) is not None for run in side) for side in sides)
        )
    )


def own_metrics_of(runs: Iterable[Summary]) -> dict[str, Metric]:
    """Return the scenarios' own metrics that the runs have, as far as a summary alone tells."""
    own: dict[str, Metric] = {}
    for run in runs:
        for entry in run.metrics:
            if entry.name not in TABLE and entry.kind in ("histogram", "counter"):
                is_trend = entry.kind == "histogram"
                own[entry.name] = own_trend(entry.name, entry.unit) if is_trend else own_counter(entry.name)
    return own
