"""Read rules from the command line, and show every problem at its place."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from loadws.cli.options import RunOptions
from loadws.gate.comparing.rules import RuleSet, WrongRules, parse_rules
from loadws.scenario.yaml.explain import Problem, explain_all
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
