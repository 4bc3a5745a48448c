"""Check the protocol of the connections: its file, its options, and the verbs that need it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from loadws.scenario.checks.findings import Findings
from loadws.scenario.checks.flow.sendable import why_not_opened, why_not_sent
from loadws.scenario.matching.capture import ENVELOPE
from loadws.scenario.matching.matching import OF_PROTOCOLS
from loadws.scenario.model.connection import ProtocolUse
from loadws.scenario.model.step_names import walk_around, walk_steps, walk_user_types
from loadws.scenario.model.steps import (
    AnyStep,
    CallMethodStep,
    ConnectStep,
    ProtocolStep,
    PublishStep,
    ReconnectStep,
    SubscribeStep,
    UnsubscribeStep,
)
from loadws.scenario.model.steps.parts import CaptureSet, ConditionSet, Part
from loadws.scenario.model.unpacking import UNPACK
from loadws.scenario.protocol.find_protocol import NoSuchProtocol, load_protocol
from loadws.scenario.protocol.protocol_file import VERBS, Asking, ProtocolFile, Sending
from loadws.scenario.protocol.protocol_rules import MissingLibrary, codec_of
from loadws.scenario.template.values import show
from loadws.scenario.yaml.explain import ScenarioError, Where, any_of
from loadws.terms.errors import did_you_mean

_PLACE: Where = ("connection", "protocol")
_ADVICE = "write connection: {protocol: json-rpc}, or another protocol"


def check_protocol(findings: Findings) -> None:
    """Check what a scenario says about its protocol, and that nothing needs one where there is none."""
    use = findings.scenario.connection.protocol
    if use is None:
        if _PLACE not in {node.where[:2] for node in findings.cut}:
            _refuse_all(findings)
        return
    file = _file(findings, use)
    if file is None:
        return
    if not _check_options(findings, use, file) and (why := why_not_opened(file, use)):
        findings.error(_PLACE, why, at_key=True)
    for where, step in _steps(findings):
        if isinstance(step, ProtocolStep):
            _check_step(findings, where, step, file, use)
        elif isinstance(step, PublishStep) and step.carrier is not None:
            _check_step(findings, (*where, "publish"), step.carrier, file, use)
    _check_subscriptions(findings)
    _check_renewals(findings, use, file)


def _steps(findings: Findings) -> Iterator[tuple[Where, AnyStep]]:
    yield from walk_steps(findings.scenario)
    yield from walk_around(findings.scenario)


def _file(findings: Findings, use: ProtocolUse) -> ProtocolFile | None:
    """Return the protocol; None where there is none, or its file has problems, which are reported at their places there."""
    where: Where = (*_PLACE, "name")
    try:
        file = load_protocol(use.name, findings.base)
        codec_of(file, 0)
        return file
    except (NoSuchProtocol, MissingLibrary) as error:
        findings.error(where, str(error), error.advice)
    except ScenarioError as error:
        for problem in error.problems:
            if problem.line:
                findings.problems.adopt(problem)
            else:
                findings.error(where, f"the file {use.name!r}: {problem.message}", problem.advice)
    return None


def _check_options(findings: Findings, use: ProtocolUse, file: ProtocolFile) -> bool:
    """Check the options, and return whether there is something wrong."""
    before = len(findings.problems.of("error"))
    for name, value in use.options.items():
        if isinstance(file.options.get(name), str) and not isinstance(value, str):
            message = f"{name!r} of the protocol {use.name!r} is one text, and this is {show(value)}"
            advice = "a connection has one; a template may give each user its own"
            findings.error((*_PLACE, name), message, advice if isinstance(value, list) else "")
        if name not in file.options:
            known = (*type(use).model_fields, *file.options)
            advice = did_you_mean(name, known) or f"keys here are {any_of(known)}"
            findings.error((*_PLACE, name), f"the protocol {use.name!r} has no option {name!r}", advice, at_key=True)
    if use.capture is not None and (file.open is None or file.open.confirmed is None):
        message = f"the protocol {use.name!r} opens without a message to capture from"
        findings.error((*_PLACE, "capture"), message, at_key=True)
    if use.heartbeat is not None and not any(beat.every is not None for beat in file.heartbeats):
        message = f"the protocol {use.name!r} lets the server begin its heartbeats"
        findings.error((*_PLACE, "heartbeat"), message, at_key=True)
    return len(findings.problems.of("error")) > before


# -- steps ------------------------------------------------------------------------------------------------------------


def _check_step(findings: Findings, where: Where, step: ProtocolStep, file: ProtocolFile, use: ProtocolUse) -> None:
    sending = file.verb(step.verb)
    place = (*where, step.verb)
    if sending is None:
        has = any_of([verb for verb in VERBS if file.verb(verb) is not None])
        findings.error(place, f"{file.about} has no {step.verb!r}", f"its verbs are {has}", at_key=True)
        return
    calls: list[tuple[Where, Mapping[str, JsonValue]]] = [(place, step.arguments())]
    if isinstance(step, CallMethodStep) and step.call_method.batch is not None:
        calls = [((*place, "batch", index), call) for index, call in enumerate(step.call_method.batch)]
        if not file.batches:
            findings.error((*place, "batch"), f"{file.about} has no batches", at_key=True)
        for name in step.arguments():
            findings.error((*place, name), f"{name!r} stands in each call of the batch", at_key=True)
    for where_of_call, given in calls:
        is_wrong = _check_arguments(findings, where_of_call, given, step, sending, file)
        if not is_wrong and (why := why_not_sent(file, use, sending, step, given)):
            findings.error(where_of_call, why, at_key=True)
    is_answered = isinstance(sending, Asking) and sending.reply is not False
    if not is_answered and getattr(step.body, "confirmed", None) is not None:
        message = f"{file.about} confirms no {step.verb!r}"
        advice = "wait for the first message instead: first: {within: 5s}" if isinstance(step, SubscribeStep) else ""
        findings.error((*place, "confirmed"), message, advice, at_key=True)


def _check_arguments(
    findings: Findings,
    place: Where,
    given: Mapping[str, JsonValue],
    step: ProtocolStep,
    sending: Sending,
    file: ProtocolFile,
) -> bool:
    """Check the arguments of a step, and return whether there is something wrong."""
    before = len(findings.problems.of("error"))
    for name, value in given.items():
        if name not in sending.arguments:
            findings.error((*place, name), *_unknown(name, step, sending, file), at_key=True)
        elif name in sending.choices and value not in sending.choices[name]:
            choices = " or ".join(map(show, sending.choices[name]))
            findings.error((*place, name), f"{file.about} has {name!r} as {choices}, and this is {show(value)}")
    for name in sending.needs:
        if name not in given:
            findings.error(place, f"missing key {name!r}", f"{file.about} needs it", at_key=True)
    return len(findings.problems.of("error")) > before


def _unknown(name: str, step: ProtocolStep, sending: Sending, file: ProtocolFile) -> tuple[str, str]:
    keys = [
        field.alias or key for key, field in type(step.body).model_fields.items() if key not in ("name", "on_failure")
    ]
    known = (*sending.arguments, *keys)
    advice = did_you_mean(name, known) or f"keys here are {any_of(known)}"
    return f"{file.about} has no {name!r} in {step.verb!r}", advice


def _check_subscriptions(findings: Findings) -> None:
    """Check that what a step ends was begun by a step of the same user."""
    for place, user_type in walk_user_types(findings.scenario):
        steps = [(where, step) for where, step in walk_steps(findings.scenario) if where[: len(place)] == place]
        if findings.lost_steps or any(step.is_opaque for _, step in steps) or user_type.is_in_python:
            continue
        names = [step.subscription for _, step in steps if isinstance(step, SubscribeStep)]
        for where, step in steps:
            if isinstance(step, UnsubscribeStep) and step.unsubscribe.subscription not in names:
                name = step.unsubscribe.subscription
                advice = did_you_mean(name, names) or "it is the name of a subscribe step"
                findings.error((*where, "unsubscribe", "subscription"), f"no step subscribes as {name!r}", advice)


def _check_renewals(findings: Findings, use: ProtocolUse, file: ProtocolFile) -> None:
    """Warn of subscriptions that end with a connection in whose place another comes, which subscribes to nothing."""
    if use.subscribe_again:
        if file.subscribe is None:
            findings.error(
                (*_PLACE, "subscribe_again"), f"{file.about} has no subscriptions", "leave it out", at_key=True
            )
        return
    for place, _ in walk_user_types(findings.scenario):
        steps = [(where, step) for where, step in walk_steps(findings.scenario) if where[: len(place)] == place]
        opens = (*place, "on", "open")
        if any(where[: len(opens)] == opens and isinstance(step, SubscribeStep) for where, step in steps):
            continue
        if not any(_reconnects(step) for _, step in steps) and not findings.scenario.connection.reconnect:
            continue
        for where, step in steps:
            if isinstance(step, SubscribeStep):
                message = "a subscription ends with its connection, and one that is reconnected has none"
                advice = f"write protocol: {{name: {use.name}, subscribe_again: true}}, or subscribe in on: open"
                findings.warning((*where, "subscribe"), message, advice, at_key=True)
                break


def _reconnects(step: AnyStep) -> bool:
    return isinstance(step, ReconnectStep) or (isinstance(step, ConnectStep) and bool(step.connect.reconnect))


# -- without a protocol -----------------------------------------------------------------------------------------------


def _refuse_all(findings: Findings) -> None:
    for where, step in _steps(findings):
        if step.of_protocol:
            findings.error((*where, step.verb), f"{step.verb!r} needs a protocol", _ADVICE, at_key=True)
            continue
        if isinstance(step, PublishStep) and (carrier := step.carrier) is not None:
            findings.error(
                (*where, "publish", carrier.verb), f"{carrier.verb!r} needs a protocol", _ADVICE, at_key=True
            )
        parts = list(step.parts())
        unpacks = any(_unpacks(part) for part in parts)
        for part in parts:
            if isinstance(part, ConditionSet) and part.conditions is not None:
                _refuse_conditions(findings, (*where, *part.place), part.conditions, unpacks=unpacks)
            if isinstance(part, CaptureSet):
                _refuse_captures(findings, (*where, *part.place), part.captures or {}, unpacks=unpacks)
    for place, user_type in walk_user_types(findings.scenario):
        for index, handler in enumerate(user_type.on.message):
            chosen, unpacks = handler.where or {}, UNPACK in (handler.where or ())
            at = (*place, "on", "message", index)
            _refuse_conditions(findings, (*at, "where"), chosen, unpacks=unpacks)
            _refuse_captures(findings, (*at, "capture"), handler.capture or {}, unpacks=unpacks)
    for index, measure in enumerate(findings.scenario.measure):
        for key, moment in measure.moments():
            chosen = moment.where or {}
            _refuse_conditions(findings, ("measure", index, key, "where"), chosen, unpacks=UNPACK in chosen)


def _unpacks(part: Part) -> bool:
    return isinstance(part, ConditionSet) and part.place[-1] == "where" and UNPACK in (part.conditions or ())


def _refuse_captures(
    findings: Findings, where: Where, captures: Mapping[str, JsonValue], *, unpacks: bool = False
) -> None:
    """Refuse captures from an envelope, which only messages of a protocol have, and values of one that ``unpacks``."""
    for name, place in captures.items():
        if isinstance(place, dict) and ENVELOPE in place and not unpacks:
            message = f"a capture from the {ENVELOPE} needs a protocol"
            findings.error((*where, name, ENVELOPE), message, _ADVICE, at_key=True)


def _refuse_conditions(findings: Findings, where: Where, conditions: object, *, unpacks: bool = False) -> None:
    """Refuse conditions on what only messages of a protocol have. Of one that ``unpacks``, the envelope is all of it."""
    for key in conditions if isinstance(conditions, dict) else ():
        if key in OF_PROTOCOLS and not (unpacks and key == ENVELOPE):
            findings.error((*where, key), f"the condition {key!r} needs a protocol", _ADVICE, at_key=True)
