"""Flows: steps where they can work, and answers that cannot be mistaken.

Errors are what would fail in every run. Warnings are what ``validate`` advises: where an overlap or a push makes ``where``
needed, and steps that nobody reaches.
"""

from __future__ import annotations

from collections.abc import Iterator

from loadws.scenario.checks.findings import Findings
from loadws.scenario.checks.load import is_endless
from loadws.scenario.explain import Where
from loadws.scenario.labels import connection_of, said_name, walk_around, walk_steps, walk_user_types
from loadws.scenario.model import UserType
from loadws.scenario.steps import (
    AnyStep,
    CheckStep,
    CloseStep,
    EveryStep,
    ExpectNoneStep,
    Flow,
    IfStep,
    ParallelStep,
    RecordStep,
    RepeatStep,
    RequestStep,
    WaitForStep,
    WhileStep,
    walk,
)

_TELL_APART = "tell the answers apart: reply: {where: ...}"
#: What a close frame has room for (RFC 6455, 5.5), in bytes of UTF-8.
LONGEST_REASON = 123


def check_flows(findings: Findings) -> None:
    for where, step in (*walk_steps(findings.scenario), *walk_around(findings.scenario)):
        _check_expression(findings, where, step)
        _check_reason(findings, where, step)
    _check_step_names(findings)
    for place, user_type in walk_user_types(findings.scenario):
        _check_reached(findings, place, user_type)
        _check_answers(findings, place, user_type)


# -- one step ---------------------------------------------------------------------------------------------------------


def _check_expression(findings: Findings, where: Where, step: AnyStep) -> None:
    """A constant where an expression is meant: the braces were forgotten."""
    found = _expression(step)
    if found is None or "{{" in found[1]:
        return
    path, text = found
    if isinstance(step, RepeatStep | RecordStep):
        findings.error((*where, *path), f'expected a number or a {{{{ template }}}}, got text "{text[:40]}"')
    else:
        advice = f'write "{{{{ {text[:40]} }}}}"'
        findings.error((*where, *path), "this is always the same: an expression stands in {{ }}", advice)


def _expression(step: AnyStep) -> tuple[Where, str] | None:
    match step:
        case IfStep():
            return ("if",), step.if_
        case WhileStep():
            return ("while",), step.while_
        case CheckStep():
            return ("check", "that"), step.check.that
        case RepeatStep(repeat=str(text)):
            return ("repeat",), text
        case RecordStep():
            return (("record", "value"), step.record.value) if isinstance(step.record.value, str) else None
    return None


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
        if is_endless(step):
            line = findings.line_of((*where, index))
            message = f"nobody comes here: the {step.verb!r} in line {line} does not end"
            findings.warning((*where, index + 1), message, "give the every a time: for" if step.verb == "every" else "")
            return


# -- answers ----------------------------------------------------------------------------------------------------------


def _check_answers(findings: Findings, place: Where, user_type: UserType) -> None:
    _check_claims(findings, place, user_type)
    steps = list(walk(user_type.flow, (*place, "flow")))
    for inner, step in steps:
        if isinstance(step, EveryStep) and step.overlap:
            for request, _ in _requests_without_where(step.do, (*inner, "do")):
                message = "turns overlap, and each may take the answer of another"
                findings.warning(request, message, _TELL_APART)
        if isinstance(step, ParallelStep):
            _check_branches(findings, inner, step)
    waiting: dict[str | None, Where] = {}
    for inner, step in steps:
        if _waits_for_pushes(step):
            waiting.setdefault(connection_of(step), inner)
    for request, name in _requests_without_where(user_type.flow, (*place, "flow")):
        if name in waiting:
            line = findings.line_of(waiting[name])
            message = f"a message that line {line} waits for may be taken for the answer"
            findings.warning(request, message, "tell them apart: reply: {where: ...}")


def _check_branches(findings: Findings, where: Where, step: ParallelStep) -> None:
    """Of several branches that ask on one connection, each takes the next message for its answer."""
    asking = [{name for _, name in _requests_without_where(branch, ())} for branch in step.parallel]
    for index, branch in enumerate(step.parallel):
        others = set().union(*asking[:index], *asking[index + 1 :])
        for request, name in _requests_without_where(branch, (*where, "parallel", index)):
            if name in others:
                message = "branches run side by side, and each may take the answer of another"
                findings.warning(request, message, _TELL_APART)


def _check_claims(findings: Findings, place: Where, user_type: UserType) -> None:
    waits = any(
        isinstance(step, RequestStep | ExpectNoneStep) or _waits_for_pushes(step) for _, step in walk(user_type.flow)
    )
    for index, handler in enumerate(user_type.on.message):
        if handler.where is None and waits:
            message = "this handler claims every message, and the requests and waits of the flow get none"
            findings.warning((*place, "on", "message", index), message, "give it a where")


def _waits_for_pushes(step: AnyStep) -> bool:
    return isinstance(step, ExpectNoneStep) or (isinstance(step, WaitForStep) and step.wait_for.close is None)


def _requests_without_where(flow: Flow, where: Where) -> Iterator[tuple[Where, str | None]]:
    """Their places, and the names of their connections."""
    for inner, step in walk(flow, where):
        if isinstance(step, RequestStep) and step.request.reply.where is None:
            yield inner, step.request.on
