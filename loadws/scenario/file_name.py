"""Read a scenario's name, also from a file with faults: reports are found by it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from loadws.scenario.yaml.environment import Environment
from loadws.scenario.yaml.explain import Problems, ScenarioError
from loadws.scenario.yaml.source import decode, read_file, read_tree

#: The name in a file that is no YAML as a whole: at the beginning of a line, in plain words or in quotes.
_NAME = re.compile(
    r"^name:[ \t]*(?:\"(?P<a>[^\"\n]*)\"|'(?P<b>[^'\n]*)'|(?P<c>[^#\n\"'{\[]*?))[ \t]*(?:#.*)?$", re.MULTILINE
)


def name_in(path: Path, env: Mapping[str, str]) -> str | None:
    """Return the name of the scenario in a file; None where the file cannot be read, or has no readable name."""
    with suppress(ScenarioError):
        source = decode(read_file(path), path)
        problems = Problems(source)
        try:
            root = Environment(env, problems).substitute(read_tree(problems))
        except ScenarioError:
            return _in_text(source.text, path)
        name = root.child("name")
        if name is None:
            return path.stem
        return name.value if isinstance(name.value, str) and name.where not in _undefined(problems) else None
    return None


def _undefined(problems: Problems) -> set[tuple[str | int, ...]]:
    return {problem.where for problem in problems.of("error")}


def _in_text(text: str, path: Path) -> str | None:
    found = _NAME.search(text)
    if found is None:
        return None if re.search(r"^name:", text, re.MULTILINE) else path.stem
    name = next((part for part in found.groups() if part is not None), "").strip()
    return name if name and "${" not in name else None
