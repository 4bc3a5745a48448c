"""Warn of answers that may be confused: a ``request`` without ``where`` uses the next message, whatever it is.

All of this is advice, because the file does not say which messages a server sends. It is given only where the file shows
that other messages come on the same connection, or that several requests wait on it at once.
"""

from __future__ import annotations

from collections.abc import Iterator

from loadws.scenario.checks.findings import Findings
from loadws.scenario.model.model import UserType
from loadws.scenario.model.step_names import walk_user_types
from loadws.scenario.model.steps import (
    AnyStep,
    EveryStep,
    Flow,
    walk,
)
from loadws.scenario.yaml.explain import Where

_TELL_APART = "tell the answers apart: reply: {where: ...}"


def check_answers(findings: Findings) -> None:
    """Warn of requests that may use a message that is not their answer."""
    for place, user_type in walk_user_types(findings.scenario):
        _check_claims(findings, place, user_type)
        _check_turns(findings, place, user_type)
        _check_pushes(findings, place, user_type)


# -- several that wait at once ----------------------------------------------------------------------------------------


def _check_turns(findings: Findings, place: Where, user_type: UserType) -> None:
    for inner, step in walk(user_type.flow, (*place, "flow")):
        if isinstance(step, EveryStep) and step.overlap:
            for request, _ in _requests_without_where(step.do, (*inner, "do")):
                message = "turns overlap, and each may take the answer of another"
                findings.warning(request, message, _TELL_APART)
        if step.inside == "together":
            _check_branches(findings, inner, step)


def _check_branches(findings: Findings, where: Where, step: AnyStep) -> None:
    """Warn of branches that send requests on one connection, where each uses the next message as its answer."""
    branches = list(step.children())
    asking = [{name for _, name in _requests_without_where(branch, ())} for _, branch in branches]
    for index, (path, branch) in enumerate(branches):
        others = set().union(*asking[:index], *asking[index + 1 :])
        for request, name in _requests_without_where(branch, (*where, *path)):
            if name in others:
                message = "branches run side by side, and each may take the answer of another"
                findings.warning(request, message, _TELL_APART)


# -- messages that no request asked for -------------------------------------------------------------------------------


def _check_pushes(findings: Findings, place: Where, user_type: UserType) -> None:
    awaited = _awaited(place, user_type)
    handled = _handled(place, user_type)
    for request, name in _requests_without_where(user_type.flow, (*place, "flow")):
        if name in awaited:
            line = findings.line_of(awaited[name])
            message = f"a message that line {line} waits for may be taken for the answer"
            findings.warning(request, message, _TELL_APART)
        elif (handler := next((where for on, where in handled if on in (None, name)), None)) is not None:
            line = findings.line_of(handler)
            message = (
                f"the server sends messages unasked, too (line {line}), and this takes the next that no handler claims"
            )
            findings.warning(request, message, _TELL_APART)


def _awaited(place: Where, user_type: UserType) -> dict[str | None, Where]:
    """Return the first step of each connection that waits for messages that no request asked for."""
    found: dict[str | None, Where] = {}
    for where, step in walk(user_type.flow, (*place, "flow")):
        if step.awaits() == "pushed":
            found.setdefault(step.connection, where)
    return found


def _handled(place: Where, user_type: UserType) -> list[tuple[str | None, Where]]:
    """Return the handlers of messages, each with its connection; None stands for all. Of one without where see above."""
    handlers = enumerate(user_type.on.message)
    return [(each.on, (*place, "on", "message", index)) for index, each in handlers if each.where is not None]


def _check_claims(findings: Findings, place: Where, user_type: UserType) -> None:
    """Warn of a handler without ``where``, which leaves no message of its connection to requests and waits."""
    waiting = {step.connection for _, step in walk(user_type.flow) if step.awaits() in ("next", "answer", "pushed")}
    for index, handler in enumerate(user_type.on.message):
        if handler.where is None and waiting and handler.on in (None, *waiting):
            message = "this handler claims every message, and the requests and waits of the flow get none"
            findings.warning((*place, "on", "message", index), message, "give it a where")


def _requests_without_where(flow: Flow, where: Where) -> Iterator[tuple[Where, str | None]]:
    """Yield their places, and the names of their connections."""
    for inner, step in walk(flow, where):
        if step.awaits() == "next":
            yield inner, step.connection
