"""Check the rules of the command line (``--rule``) against the scenario, as its own thresholds are.

They are in no file, so their place is ``--rule`` and a line for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from loadws.scenario.checks.findings import Findings
from loadws.scenario.checks.rules import check_thresholds
from loadws.scenario.checks.rules.compared import check_comparisons
from loadws.scenario.checks.rules.own import OwnMetrics
from loadws.scenario.model.model import ThresholdRule
from loadws.scenario.yaml.explain import Problem, Problems, SourceText
from loadws.scenario.yaml.tree import Node
from loadws.terms.comparisons import ComparisonRule
from loadws.terms.thresholds import Threshold

#: The place that messages name for a problem of such a rule.
PLACE = Path("--rule")


class OutsideRules(msgspec.Struct, frozen=True):
    """The rules of the command line, as many as can be parsed, and what is wrong with the others."""

    thresholds: tuple[Threshold, ...]
    comparisons: tuple[ComparisonRule, ...]
    problems: tuple[Problem, ...]


def check_outside(
    findings: Findings, thresholds: Sequence[str], comparisons: Sequence[str], own: OwnMetrics, place: Path = PLACE
) -> OutsideRules:
    """Return the rules parsed, and the problems with their excerpts. ``place`` is the option that the user wrote."""
    texts = [" ".join(rule.splitlines()) for rule in (*thresholds, *comparisons)]
    first, rest = tuple(texts[: len(thresholds)]), tuple(texts[len(thresholds) :])
    problems = Problems(SourceText(place, "\n".join(texts)))
    scenario = findings.scenario.model_copy(
        update={"thresholds": tuple(ThresholdRule(rule=text) for text in first), "compare": rest}
    )
    ours = replace(findings, scenario=scenario, root=_tree(first, rest), problems=problems)
    parsed = check_thresholds(ours, own), check_comparisons(ours, own)
    found = (*problems.of("error"), *problems.of("warning"))
    return OutsideRules(*parsed, tuple(replace(problem, excerpt=texts[problem.line - 1]) for problem in found))


def _tree(thresholds: Sequence[str], comparisons: Sequence[str]) -> Node:
    """Return the rules as if they stood in a file, each in a line of its own."""
    first, end = _items(thresholds, 0)
    rest, end = _items(comparisons, end)
    return Node({"thresholds": Node(first, 0, end), "compare": Node(rest, 0, end)}, 0, end)


def _items(texts: Sequence[str], start: int) -> tuple[tuple[Node, ...], int]:
    items = []
    for text in texts:
        items.append(Node(text, start, start + len(text), plain=True))
        start += len(text) + 1
    return tuple(items), start
