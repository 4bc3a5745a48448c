"""The facts about a run that every part of a process needs, in one record that is made once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from loadws.scenario.model.model import Scenario
from loadws.terms.masker import Masker


class RunFacts(msgspec.Struct, frozen=True):
    """The facts that a run's load, its setup and its teardown share. Nothing here changes during the run.

    ``base`` is the folder that the scenario's files are relative to, ``env`` the environment that ``env()`` sees,
    ``say`` receives the lines of a trace (None: no trace). ``setup_values`` are the variables that setup has set.
    ``nonce`` is a number that tells the probes of this run from those of another. ``masker`` hides the secrets that are
    known before the run. ``machines`` is how many machines make the load.
    """

    scenario: Scenario
    base: Path
    seed: int
    env: Mapping[str, str] = msgspec.field(default_factory=dict)
    say: Callable[[str], None] | None = None
    setup_values: Mapping[str, Any] = msgspec.field(default_factory=dict)
    nonce: int = 0
    machines: int = 1
    masker: Masker = msgspec.field(default_factory=Masker)
