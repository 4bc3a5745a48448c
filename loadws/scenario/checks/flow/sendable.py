"""Check that a protocol can say what a scenario gives it: arguments without templates are encoded once, before the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import JsonValue

from loadws.scenario.model.connection import ProtocolUse
from loadws.scenario.model.steps import ProtocolStep
from loadws.scenario.protocol.protocol_file import HEARTBEAT, KEY, ProtocolFile, Sending, arguments_in
from loadws.scenario.protocol.protocol_rules import codec_of, compile_sending
from loadws.scenario.template.scope import Scope
from loadws.scenario.template.values import EvaluationError

#: The largest packet that is read, in bytes; nothing is read here.
_NOTHING = 0


def why_not_opened(file: ProtocolFile, use: ProtocolUse) -> str | None:
    """Return why no connection can open with these options; None where one can, or only the run can tell."""
    if file.open is None or file.open.send is None:
        return None
    return _why_not(file, file.open.send, {**file.options, HEARTBEAT: 1.0}, use.options)


def why_not_sent(
    file: ProtocolFile, use: ProtocolUse, sending: Sending, step: ProtocolStep, given: Mapping[str, JsonValue]
) -> str | None:
    """Return why a step can never send what it has to; None where it can, or only the run can tell."""
    tree = sending.sent_by(step.says())
    if KEY in arguments_in(tree):
        return None
    return _why_not(file, tree, {**file.options, **sending.may}, {**use.options, **given})


def _why_not(
    file: ProtocolFile, tree: JsonValue, defaults: Mapping[str, JsonValue], given: Mapping[str, JsonValue]
) -> str | None:
    used = set(arguments_in(tree))
    if any("{{" in text for name, value in given.items() if name in used for text in _texts(value)):
        return None
    codec = codec_of(file, _NOTHING)
    try:
        record = compile_sending(tree, {**defaults, **given})(Scope(clock=int, extra={"carried": ""}))
        (codec.frames or codec.framed)(record)
    except EvaluationError as error:
        return str(error)
    return None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
