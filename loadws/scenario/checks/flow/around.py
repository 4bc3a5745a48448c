"""Check that the steps of ``setup`` and ``teardown`` need no user and no WebSocket, and that they end."""

from __future__ import annotations

from loadws.scenario.checks.findings import Findings
from loadws.scenario.model.step_names import walk_around
from loadws.scenario.model.steps import STEPS

#: The verbs of such steps. What measures or counts for a user has no place there: nothing of it is judged.
VERBS = tuple(verb for verb, step in STEPS.items() if step.is_for_setup)


def check_around(findings: Findings) -> None:
    for where, step in walk_around(findings.scenario):
        if not step.is_for_setup:
            message = f"{where[0]} is run once, without a user and a WebSocket, and {step.verb!r} needs them"
            findings.error(where, message, f"steps here are {', '.join(VERBS)}")
        elif step.pace().is_endless:
            findings.error(where, f"this {step.verb!r} does not end, and {where[0]} has to")
