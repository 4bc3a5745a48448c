"""Check flows: expressions, close reasons, names of steps, and steps that are never reached.

A fault that would fail every run is an error; the rest are warnings, which ``validate`` shows.
"""

from __future__ import annotations

from loadws.scenario.checks.findings import Findings
from loadws.scenario.checks.flow.expressions import check_expressions
from loadws.scenario.model.model import UserType
from loadws.scenario.model.step_names import said_name, walk_around, walk_steps, walk_user_types
from loadws.scenario.model.steps import AnyStep, CloseStep, Flow, HttpStep, OnConnection, walk
from loadws.scenario.yaml.explain import Where

#: What a close frame has room for (RFC 6455, 5.5), in bytes of UTF-8.
LONGEST_REASON = 123


def check_flows(findings: Findings) -> None:
    for where, step in (*walk_steps(findings.scenario), *walk_around(findings.scenario)):
        check_expressions(findings, where, step)
        _check_reason(findings, where, step)
    _check_step_names(findings)
    for place, user_type in walk_user_types(findings.scenario):
        _check_reached(findings, place, user_type)
        _check_login(findings, place, user_type)


# -- one step ---------------------------------------------------------------------------------------------------------


def _check_reason(findings: Findings, where: Where, step: AnyStep) -> None:
    if isinstance(step, CloseStep) and "{{" not in step.close.reason:
        length = len(step.close.reason.encode())
        if length > LONGEST_REASON:
            message = f"a close reason has at most {LONGEST_REASON} bytes, and this has {length}"
            findings.error((*where, "close", "reason"), message)


def _check_step_names(findings: Findings) -> None:
    first: dict[str, tuple[str, int]] = {}
    for where, step in walk_steps(findings.scenario):
        name = said_name(step)
        if name is None:
            continue
        place = (*where, "name") if step.name else (*where, step.verb, "name")
        verb, line = first.setdefault(name, (step.verb, findings.line_of(place)))
        if verb != step.verb:
            message = f"{name!r} is the name of a {verb!r} step already, in line {line}"
            findings.error(place, message, "two kinds of steps cannot share a name")


# -- reach ------------------------------------------------------------------------------------------------------------


def _check_reached(findings: Findings, place: Where, user_type: UserType) -> None:
    _check_reached_in(findings, user_type.flow, (*place, "flow"))
    for where, step in walk(user_type.flow, (*place, "flow")):
        for path, flow in step.children():
            _check_reached_in(findings, flow, (*where, *path))


def _check_reached_in(findings: Findings, flow: Flow, where: Where) -> None:
    for index, step in enumerate(flow[:-1]):
        if step.pace().is_endless:
            line = findings.line_of((*where, index))
            message = f"this step is never reached: the {step.verb!r} in line {line} does not end"
            findings.warning(
                (*where, index + 1),
                message,
                "give the every a time: for" if step.pace().interval_ns is not None else "",
            )
            return


def _check_login(findings: Findings, place: Where, user_type: UserType) -> None:
    """Warn of an ``http`` step before any message in a flow whose connection is open before the flow begins."""
    if user_type.is_whole_session or findings.lost_steps:
        return
    for index, step in enumerate(user_type.flow):
        if isinstance(step, HttpStep):
            message = "the connection is open before this: a flow without connect begins on an open connection"
            advice = "if this step logs in, write connect after it: the flow is then a whole session"
            findings.warning((*place, "flow", index), message, advice)
            return
        if _speaks(step):
            return


def _speaks(step: AnyStep) -> bool:
    """Return whether the step, or one inside it, uses a connection, or may."""
    return any(isinstance(each.body, OnConnection) or each.is_opaque for _, each in walk((step,)))
