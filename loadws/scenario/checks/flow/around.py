"""``setup`` and ``teardown``: steps that need no user and no WebSocket, and that end."""

from __future__ import annotations

from loadws.scenario.checks.findings import Findings
from loadws.scenario.checks.load import is_endless
from loadws.scenario.model.step_names import walk_around

#: What may be done once and for all. What measures or counts for a user has no place there: nothing of it is judged.
VERBS = ("http", "set", "check", "log", "think", "repeat", "while", "if", "pick", "call")


def check_around(findings: Findings) -> None:
    for where, step in walk_around(findings.scenario):
        if step.verb not in VERBS:
            message = f"{where[0]} is run once, without a user and a WebSocket, and {step.verb!r} needs them"
            findings.error(where, message, f"steps here are {', '.join(VERBS)}")
        elif is_endless(step):
            findings.error(where, f"this {step.verb!r} does not end, and {where[0]} has to")
