"""A short hash of the planned load: only runs with the same hash may be compared."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from loadws.scenario.model.model import Scenario
from loadws.scenario.model.step_names import walk_steps

_LETTERS = 12
#: The keys of a phase that do not change the load.
_LIMITS = {"max_dropped", "max_skipped"}


def plan_hash(scenario: Scenario) -> str:
    """Return the hash of the phases, of the types of users with their weights, and of the steps with their names.

    Target, variables, seed and rules are not part of the plan: they may differ between the runs that are compared.
    """
    plan: dict[str, Any] = {
        "load": [phase.model_dump(mode="json", exclude=_LIMITS) for phase in scenario.load],
        "users": [(user_type.name, user_type.weight) for user_type in scenario.user_types],
        "steps": [(type(step).__name__, step.name) for _, step in walk_steps(scenario)],
    }
    text = json.dumps(plan, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_LETTERS]
