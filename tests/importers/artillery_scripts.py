"""Made-up Artillery scripts, and the scenarios that become of them."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from loadws.importers.artillery.import_script import import_artillery
from loadws.importers.notes import Imported
from loadws.scenario.build import Loaded, load_text

CONFIG = """\
config:
  target: ws://127.0.0.1:8766
  phases: [{duration: 10, arrivalRate: 1}]
"""


def imported(
    flow: str = "- send: hi",
    config: str = CONFIG,
    folder: Path = Path(),
    environment: str | None = None,
    engine: str = "ws",
) -> Imported:
    """The scenario of a script with one flow, whose steps are written as YAML."""
    steps = "".join(f"      {line}\n" for line in dedent(flow).splitlines())
    script = f"{dedent(config)}scenarios:\n  - engine: {engine}\n    flow:\n{steps}"
    return import_artillery(script.encode(), folder / "load.yml", environment, folder)


def loaded(scenario: Imported, folder: Path = Path()) -> Loaded:
    """The scenario as loadws reads it, with a value for each variable that it wants. Raises ``ScenarioError``."""
    for name, text in scenario.files:
        (folder / name).write_text(text)
    return load_text(scenario.text, folder / "load.yaml", env={each.environment: "5555" for each in scenario.required})


def flow_of(scenario: Imported) -> str:
    """The steps between ``connect`` and ``close``, as they are written; the scenario must be valid."""
    loaded(scenario)
    flow = scenario.text.partition("\nflow:\n")[2]
    assert flow.startswith("  - connect\n") and "  - close\n" in flow
    return dedent(flow.removeprefix("  - connect\n").partition("  - close\n")[0])


def notes_of(scenario: Imported) -> list[str]:
    return [note.text for note in scenario.notes]
