"""Check that the functions of ``call`` exist, are async, and accept their arguments."""

from __future__ import annotations

from loadws.scenario.checks.findings import Findings
from loadws.scenario.data.functions import FunctionError, check_arguments, find_function
from loadws.scenario.model.step_names import walk_around, walk_steps
from loadws.scenario.model.steps import CallStep


def check_calls(findings: Findings) -> None:
    for where, step in (*walk_steps(findings.scenario), *walk_around(findings.scenario)):
        if isinstance(step, CallStep):
            place = (*where, "call", "function")
            try:
                check_arguments(find_function(findings.base, step.call.function), step.call.args)
            except FunctionError as error:
                findings.error(place, str(error), error.advice)
