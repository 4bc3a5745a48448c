"""``loadws validate``: print every problem of every file, and an overview of files without problems."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from loadws.cli.planning.samples import short_of_samples
from loadws.cli.reading import load_shown
from loadws.plan.plan import make_plan
from loadws.scenario.build import Loaded, Overrides
from loadws.scenario.model.steps import walk
from loadws.scenario.yaml.explain import ScenarioError, explain
from loadws.terms.errors import ExitCode


def validate_command(paths: Iterable[Path], transport: str, untrusted: bool = False) -> int:
    """Return ``USAGE`` where any file has an error; warnings do not count."""
    overrides = Overrides(transport=transport, untrusted=untrusted)
    valid = [_validate(path, overrides) for path in paths]
    return ExitCode.PASSED if all(valid) else ExitCode.USAGE


def _validate(path: Path, overrides: Overrides) -> bool:
    try:
        loaded = load_shown(path, overrides)
    except ScenarioError as error:
        print(f"{error}\n{', '.join(f'{name or path}: {count}' for name, count in error.counts())}")
        return False
    warnings = [*loaded.warnings, *short_of_samples(loaded, make_plan(loaded.scenario, 0))]
    for warning in warnings:
        print(explain(warning))
    print(f"{path}: valid ({_contents(loaded, len(warnings))})")
    return True


def _contents(loaded: Loaded, warnings: int) -> str:
    scenario = loaded.scenario
    steps = sum(1 for user_type in scenario.user_types for _ in walk(user_type.flow))
    counts = [
        _counted(len(scenario.load), "phase"),
        _counted(len(scenario.user_types), "user type"),
        _counted(steps, "step"),
        _counted(len(loaded.thresholds), "threshold"),
    ]
    return ", ".join([*counts, _counted(warnings, "warning")] if warnings else counts)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
