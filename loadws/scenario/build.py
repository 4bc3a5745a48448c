"""Build a scenario: a file -> ``Scenario``, or ``ScenarioError`` with every problem at once. Nothing waits or connects.

The stages: bytes, text, tree (``yaml.source``); the environment's values (``yaml.environment``); the shape (``validation``);
names of steps (``model.step_names``); cross-checks (``checks``); and the changes of the command line (``overrides``).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from loadws.scenario.checks import check_all
from loadws.scenario.checks.connecting.transport import check_transport
from loadws.scenario.checks.findings import Findings
from loadws.scenario.checks.rules.compared import check_comparisons
from loadws.scenario.checks.rules.outside import OutsideRules, check_outside
from loadws.scenario.checks.rules.own import own_metrics
from loadws.scenario.checks.untrusted import check_untrusted, refuse_link
from loadws.scenario.model.model import Scenario, ThresholdRule, UserType
from loadws.scenario.model.step_names import name_steps
from loadws.scenario.overrides import Overrides, cut_places, override_load, put, replaced_places, secret_settings
from loadws.scenario.secrecy.hidden_names import hide_names
from loadws.scenario.secrecy.secrets import mask, secret_values
from loadws.scenario.secrecy.shown_target import ShownTarget, shown_target
from loadws.scenario.validation import Shaped, shape
from loadws.scenario.yaml.environment import Environment
from loadws.scenario.yaml.explain import Problem, Problems, ScenarioError, SourceText
from loadws.scenario.yaml.source import decode, read_file, read_tree
from loadws.scenario.yaml.tree import Node, find
from loadws.terms.comparisons import ComparisonRule
from loadws.terms.errors import UsageError
from loadws.terms.masker import Masker
from loadws.terms.metrics import Metric
from loadws.terms.secrets import MASKED, shown_address
from loadws.terms.thresholds import Threshold

__all__ = ["Loaded", "Overrides", "load_scenario", "load_text"]


@dataclass(frozen=True)
class Loaded:
    """A scenario that can be run.

    ``text`` is the file as read and ``masked_text`` the same without its secrets; ``masker`` hides those that are known
    before the run, and ``shown_target`` is the target without its own. ``thresholds`` are in the order of
    ``scenario.thresholds`` and ``comparisons`` in that of ``scenario.compare``; ``own_metrics`` are those that ``record``
    and ``count`` declare.
    """

    scenario: Scenario
    path: Path
    text: str
    masked_text: str
    warnings: tuple[Problem, ...]
    own_metrics: Mapping[str, Metric]
    thresholds: tuple[Threshold, ...]
    comparisons: tuple[ComparisonRule, ...]
    masker: Masker
    shown_target: str


def load_scenario(path: Path, overrides: Overrides | None = None, env: Mapping[str, str] | None = None) -> Loaded:
    """Read and check a file. Raises ``ScenarioError``, or ``UsageError`` for overrides that do not fit it."""
    if overrides is not None and overrides.untrusted:
        refuse_link(path)
    return load_text(read_file(path), path, overrides, env)


def load_text(
    content: str | bytes, path: Path, overrides: Overrides | None = None, env: Mapping[str, str] | None = None
) -> Loaded:
    """Read and check text as ``load_scenario`` does a file at ``path``; files are relative to its folder.

    Raises:
        ScenarioError: The text has mistakes; the message shows each.
        UsageError: An override is not valid.
    """
    overrides = overrides or Overrides()
    reading = _Reading(decode(content, path), overrides, _environment(overrides, env))
    try:
        return reading.loaded()
    except ScenarioError as error:
        raise ScenarioError(reading.shown(error.problems)) from None
    except UsageError as error:
        error.mask(reading.masker.text)
        raise


def _environment(overrides: Overrides, env: Mapping[str, str] | None) -> Mapping[str, str]:
    if overrides.untrusted:
        return {}
    return os.environ if env is None else env


class _Reading:
    """One file on its way to a scenario, with the secrets that are known so far."""

    def __init__(self, source: SourceText, overrides: Overrides, env: Mapping[str, str]) -> None:
        self._source = source
        self._overrides = overrides
        self._env = env
        self._problems = Problems(source)
        self._written: Node | None = None  # the tree as it stands in the file
        self.masker = Masker(overrides.secrets)

    def loaded(self) -> Loaded:
        """Return the checked scenario.

        Raises:
            ScenarioError: The text has mistakes.
            UsageError: An override is not valid.
        """
        self._written = written = read_tree(self._problems)
        self.masker = self.masker.adding(secret_settings(written, self._overrides))
        environment = Environment(self._env, self._problems, is_refused=self._overrides.untrusted)
        root = self._filled_in(written, environment)
        target = self._target(written, root)
        self.masker = self.masker.adding((*secret_values(root, written, self._env), *target.values))
        findings = _findings(shape(root, self._problems, environment.undefined), self._problems, self.masker)
        if findings is None:
            raise ScenarioError(self._problems.of("error"))
        return self._judged(findings, target, written)

    def _filled_in(self, written: Node, environment: Environment) -> Node:
        """Return the tree with the environment's values and those of the command line."""
        places = replaced_places(written, self._overrides)
        root = environment.substitute(cut_places(written, places))
        for where, value in places.items():
            root = put(root, where, value)
        return root

    def _target(self, written: Node, root: Node) -> ShownTarget:
        as_written, _ = find(written, ("target",))
        target, _ = find(root, ("target",))
        if not (isinstance(as_written.value, str) and isinstance(target.value, str)):
            return ShownTarget(shown_address(str(target.value)) if isinstance(target.value, str) else "")
        return shown_target(as_written.value, target.value, self._env)

    def _judged(self, findings: Findings, target: ShownTarget, written: Node) -> Loaded:
        own = own_metrics(findings.scenario)
        if self._overrides.untrusted:
            check_untrusted(findings, is_target_ours=self._overrides.target is None)
            self._raise_errors()  # before any code is run, or a file read, that the scenario names
        check_transport(findings, self._overrides.transport)
        thresholds, comparisons = check_all(findings, own), check_comparisons(findings, own)
        option = Path(self._overrides.option("--rule"))
        outside = check_outside(findings, self._overrides.rules, self._overrides.comparisons, own, option)
        self._raise_errors(problem for problem in outside.problems if problem.severity == "error")
        scenario = _with_rules(findings.scenario, outside)
        rules = [own.for_rule(rule) for rule in (*(each.rule for each in scenario.thresholds), *scenario.compare)]
        return Loaded(
            scenario=override_load(scenario, self._overrides),
            path=self._source.path,
            text=self._source.text,
            masked_text=mask(self._source.text, written, masker=self.masker),
            warnings=self.shown((*self._problems.of("warning"), *outside.problems)),
            own_metrics={name: metric for metrics in (own.named, *rules) for name, metric in metrics.items()},
            thresholds=(*thresholds, *outside.thresholds),
            comparisons=outside.comparisons or comparisons,
            masker=self.masker,
            shown_target=self.masker.text(target.text, MASKED),
        )

    def _raise_errors(self, more: Iterable[Problem] = ()) -> None:
        if errors := (*self._problems.of("error"), *more):
            raise ScenarioError(errors)

    def shown(self, problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
        """Return the problems with their excerpts, all without secrets."""
        text = mask(self._source.text, self._written, "same length", self.masker)
        lines = SourceText(self._source.path, text).lines
        return tuple(
            replace(
                problem,
                message=self.masker.text(shown_address(problem.message)),
                advice=self.masker.text(shown_address(problem.advice)),
                excerpt=self._excerpt(problem, lines),
            )
            for problem in problems
        )

    def _excerpt(self, problem: Problem, lines: Sequence[str]) -> str:
        """Return the line of the file; a problem outside the file has its own excerpt."""
        if problem.path != self._source.path:
            return self.masker.text(problem.excerpt)
        return lines[problem.line - 1] if problem.line else ""


def _with_rules(scenario: Scenario, outside: OutsideRules) -> Scenario:
    rules = (ThresholdRule(rule=threshold.rule) for threshold in outside.thresholds)
    compare = tuple(rule.rule for rule in outside.comparisons) or scenario.compare
    return scenario.model_copy(update={"thresholds": (*scenario.thresholds, *rules), "compare": compare})


def _findings(shaped: Shaped, problems: Problems, masker: Masker) -> Findings | None:
    if shaped.scenario is None:
        return None
    path = problems.source.path
    scenario = name_steps(_named(hide_names(shaped.scenario, masker), path), masker.text)
    return Findings(scenario, shaped.root, problems, path.parent, shaped.cut)


def _named(scenario: Scenario, path: Path) -> Scenario:
    """Return the scenario with a name for itself, its phases and its user types."""
    load = tuple(
        phase.model_copy(update={"name": phase.name or f"phase-{number}"})
        for number, phase in enumerate(scenario.load, 1)
    )
    users = scenario.users and tuple(_named_type(each, number) for number, each in enumerate(scenario.users, 1))
    return scenario.model_copy(update={"name": scenario.name or path.stem, "load": load, "users": users})


def _named_type(user_type: UserType, number: int) -> UserType:
    if "name" in user_type.model_fields_set:
        return user_type
    return user_type.model_copy(update={"name": f"user-{number}"})
