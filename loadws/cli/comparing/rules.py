"""Read rules from the command line or a run, and show every problem at its place."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from loadws.cli.options import RunOptions
from loadws.gate.comparing.rules import RuleSet, WrongRules, parse_rules
from loadws.gate.known_labels import unknown_labels
from loadws.metrics.summary import Summary
from loadws.scenario.yaml.explain import Problem, explain, explain_all
from loadws.terms.comparisons import is_comparison
from loadws.terms.errors import LoadwsError
from loadws.terms.metrics import Metric
from loadws.terms.thresholds import wrong_share

PLACE = Path("--rule")


class RulesError(LoadwsError):
    """Rules that cannot be read. ``str()`` shows each at its place."""

    def for_people(self) -> str:
        """Return the problems, and that nothing was done."""
        return f"{self}\nloadws: nothing was compared"


def with_rules(options: RunOptions, texts: Sequence[str]) -> RunOptions:
    """Return the options of a run with rules, so that the scenario's checks see them: one without data is refused."""
    thresholds = tuple(text for text in texts if not is_comparison(text))
    comparisons = tuple(text for text in texts if is_comparison(text))
    return replace(options, overrides=replace(options.overrides, rules=thresholds, comparisons=comparisons))


def rules_from(texts: Sequence[str], own: Mapping[str, Metric], place: Path = PLACE) -> RuleSet:
    """Return the rules that the texts state.

    Raises:
        RulesError: A text is not a rule; the message shows each such text and the place in it.
    """
    flat = [" ".join(text.splitlines()) for text in texts]
    try:
        return parse_rules(flat, own)
    except WrongRules as wrong:
        problems = [
            Problem(place, index + 1, error.offset + 1, str(error), error.advice, excerpt=flat[index])
            for index, error in wrong.problems
        ]
        raise RulesError(explain_all(problems)) from None


def warn_of_shares(rules: RuleSet) -> None:
    """Say on stderr which rules have a limit on a share that was probably meant as percent."""
    for rule in rules.thresholds:
        if wrong := wrong_share(rule):
            print(f"warning: {rule.rule}: {'; '.join(filter(None, wrong))}", file=sys.stderr)


def rules_for(texts: Sequence[str], own: Mapping[str, Metric], runs: Sequence[Summary], place: Path = PLACE) -> RuleSet:
    """Return the rules that the texts state, for runs that are there already: their labels must name what the runs have.

    A count of what no run has is only warned of: it is 0, which may be true.

    Raises:
        RulesError: A text is not a rule, or a label names what no run has.
    """
    rules = rules_from(texts, own, place)
    problems = []
    for rule in (*(each.threshold for each in rules.comparisons), *rules.thresholds):
        for unknown in unknown_labels(rule, runs):
            index, text = _where(rule.rule, texts)
            column = max(0, text.find(unknown.value, text.find("{"))) + 1
            problem = Problem(place, index + 1, column, unknown.message, unknown.advice, excerpt=text)
            if unknown.is_certain:
                problems.append(problem)
            else:
                doubtful = Problem(place, index + 1, column, f"{unknown.message}: its count is 0", unknown.advice,
                                   excerpt=text, severity="warning")  # fmt: skip
                print(explain(doubtful), file=sys.stderr)
    if problems:
        raise RulesError(explain_all(problems))
    return rules


def _where(rule: str, texts: Sequence[str]) -> tuple[int, str]:
    """Return the number of a rule among the texts, from 0, and its text."""
    flat = [" ".join(text.splitlines()) for text in texts]
    return (flat.index(rule), rule) if rule in flat else (0, flat[0])
