"""A scenario file -> ``Scenario``, or ``ScenarioError`` with every problem at once. Nothing waits and nothing connects.

The way of a file: bytes, text, tree (``source``); environment put in (``environment``); shape judged (``shape``); steps
named (``labels``); cross-checks (``checks``); and what the command line changes (``overrides``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from loadws.scenario.checks import check_all
from loadws.scenario.checks.findings import Findings
from loadws.scenario.checks.rules.own import own_metrics
from loadws.scenario.checks.transport import check_transport
from loadws.scenario.environment import Environment
from loadws.scenario.explain import Problem, Problems, ScenarioError, SourceText
from loadws.scenario.labels import name_steps
from loadws.scenario.model import Scenario, UserType
from loadws.scenario.overrides import Overrides, cut_places, override_load, put, replaced_places
from loadws.scenario.secrets import mask
from loadws.scenario.shape import Shaped, shape
from loadws.scenario.source import decode, read_file, read_tree
from loadws.scenario.tree import Node
from loadws.terms.metrics import Metric
from loadws.terms.thresholds import Threshold

__all__ = ["Loaded", "Overrides", "load_scenario", "load_text"]


@dataclass(frozen=True)
class Loaded:
    """A scenario that can be run.

    ``text`` is the file as read and ``masked_text`` the same without its secrets. ``thresholds`` are in the order of
    ``scenario.thresholds``; ``own_metrics`` are those that ``record`` and ``count`` declare.
    """

    scenario: Scenario
    path: Path
    text: str
    masked_text: str
    warnings: tuple[Problem, ...]
    own_metrics: Mapping[str, Metric]
    thresholds: tuple[Threshold, ...]


def load_scenario(path: Path, overrides: Overrides | None = None, env: Mapping[str, str] | None = None) -> Loaded:
    """Reads and checks a file. Raises ``ScenarioError``, or ``UsageError`` for overrides that do not fit it."""
    return load_text(read_file(path), path, overrides, env)


def load_text(
    content: str | bytes, path: Path, overrides: Overrides | None = None, env: Mapping[str, str] | None = None
) -> Loaded:
    """The same for text that stands, or would stand, at ``path``; files are relative to its directory."""
    source = decode(content, path)
    problems = Problems(source)
    written: Node | None = None
    try:
        written = read_tree(problems)
        return _load(written, problems, overrides or Overrides(), os.environ if env is None else env)
    except ScenarioError as error:
        raise ScenarioError(_with_excerpts(error.problems, source, written)) from None


def _load(written: Node, problems: Problems, overrides: Overrides, env: Mapping[str, str]) -> Loaded:
    source = problems.source
    places = replaced_places(written, overrides)
    environment = Environment(env, problems)
    root = environment.substitute(cut_places(written, places))
    for where, value in places.items():
        root = put(root, where, value)
    findings = _findings(shape(root, problems, environment.undefined), problems)
    if findings is None:
        raise ScenarioError(problems.of("error"))
    own = own_metrics(findings.scenario)
    check_transport(findings, overrides.transport, overrides.cannot)
    thresholds = check_all(findings, own)
    if errors := problems.of("error"):
        raise ScenarioError(errors)
    rules = [own.for_rule(rule.rule) for rule in findings.scenario.thresholds]
    return Loaded(
        scenario=override_load(findings.scenario, overrides),
        path=source.path,
        text=source.text,
        masked_text=mask(source.text, written),
        warnings=_with_excerpts(problems.of("warning"), source, written),
        own_metrics={name: metric for metrics in (own.named, *rules) for name, metric in metrics.items()},
        thresholds=thresholds,
    )


def _findings(shaped: Shaped, problems: Problems) -> Findings | None:
    if shaped.scenario is None:
        return None
    path = problems.source.path
    scenario = name_steps(_named(shaped.scenario, path))
    return Findings(scenario, shaped.root, problems, path.parent, shaped.cut)


def _named(scenario: Scenario, path: Path) -> Scenario:
    """The scenario with a name for itself, its phases and its user types."""
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


def _with_excerpts(problems: tuple[Problem, ...], source: SourceText, written: Node | None) -> tuple[Problem, ...]:
    shown = SourceText(source.path, mask(source.text, written, "same length"))
    return tuple(
        replace(problem, excerpt=shown.lines[problem.line - 1]) if problem.line else problem for problem in problems
    )
