"""What a process is told of its run, in one record that is made once and handed on whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadws.scenario.model.model import Scenario
from loadws.terms.masker import Masker


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a run's load, its setup and its teardown have in common. Nothing here changes while they go.

    ``base`` is the folder that the scenario's files are relative to, ``env`` the environment that ``env()`` sees,
    ``say`` where a trace goes (None: no trace). ``setup_values`` are the variables that setup has set, ``nonce`` a
    number of the run's own, by which its probes are told from those of another. ``masker`` hides the secrets that are
    known before the run.
    """

    scenario: Scenario
    base: Path
    seed: int
    env: Mapping[str, str] = field(default_factory=dict)
    say: Callable[[str], None] | None = None
    setup_values: Mapping[str, Any] = field(default_factory=dict)
    nonce: int = 0
    masker: Masker = field(default_factory=Masker)
