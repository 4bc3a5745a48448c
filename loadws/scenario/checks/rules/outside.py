"""Rules that the command line adds (``--rule``): checked against the scenario as its own thresholds are.

They stand in no file, so their place is ``--rule`` and a line for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from loadws.scenario.checks.findings import Findings
from loadws.scenario.checks.rules import check_thresholds
from loadws.scenario.checks.rules.own import OwnMetrics
from loadws.scenario.model.model import ThresholdRule
from loadws.scenario.yaml.explain import Problem, Problems, SourceText
from loadws.scenario.yaml.tree import Node
from loadws.terms.thresholds import Threshold

#: Where a problem of such a rule is said to be.
PLACE = Path("--rule")


def check_outside(
    findings: Findings, rules: Sequence[str], own: OwnMetrics
) -> tuple[tuple[Threshold, ...], tuple[Problem, ...]]:
    """Return the rules parsed, as many as can be, and what is wrong with them, with their excerpts."""
    texts = [" ".join(rule.splitlines()) for rule in rules]
    problems = Problems(SourceText(PLACE, "\n".join(texts)))
    thresholds = tuple(ThresholdRule(rule=text) for text in texts)
    scenario = findings.scenario.model_copy(update={"thresholds": thresholds})
    parsed = check_thresholds(replace(findings, scenario=scenario, root=_tree(texts), problems=problems), own)
    found = (*problems.of("error"), *problems.of("warning"))
    return parsed, tuple(replace(problem, excerpt=texts[problem.line - 1]) for problem in found)


def _tree(texts: Sequence[str]) -> Node:
    """Return the rules as if they stood in a file, each in a line of its own."""
    items, start = [], 0
    for text in texts:
        items.append(Node(text, start, start + len(text), plain=True))
        start += len(text) + 1
    return Node({"thresholds": Node(tuple(items), 0, start)}, 0, start)
