"""Check the ``measure`` of a scenario: that its steps exist, and that its conditions can be read."""

from __future__ import annotations

from loadws.scenario.checks.findings import Findings
from loadws.scenario.model.step_names import walk_steps
from loadws.terms.errors import did_you_mean


def check_measures(findings: Findings) -> None:
    """Add an error for each step that no user has; conditions are checked with all others."""
    steps = {step.label for _, step in walk_steps(findings.scenario)}
    for index, measure in enumerate(findings.scenario.measure):
        for key, moment in measure.moments():
            if moment.step is not None and moment.step not in steps and not findings.lost_steps:
                advice = did_you_mean(moment.step, steps) or "give the step that is meant this name"
                findings.error(("measure", index, key, "step"), f"there is no step {moment.step!r}", advice)
