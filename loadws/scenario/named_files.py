"""The files that a scenario names: data, payloads, certificates, Python modules. All are relative to its folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import JsonValue

from loadws.scenario.model.connection import Tls
from loadws.scenario.model.model import Scenario
from loadws.scenario.model.step_names import walk_around, walk_steps, walk_user_types
from loadws.scenario.model.steps import CallStep, ConnectStep, Payload
from loadws.scenario.model.steps.parts import ConditionSet
from loadws.scenario.model.unpacking import UNPACK, Way, ways_of
from loadws.scenario.protocol.find_protocol import is_file
from loadws.scenario.yaml.explain import Where


def named_files(scenario: Scenario) -> Iterator[tuple[Where, str]]:
    """Yield the name of each file that is read, with its place; names may be templates. Modules are not among them."""
    for name, source in scenario.data.items():
        yield ("data", name, "file"), source.file
    for where, payload in payloads(scenario):
        if payload.file is not None:
            yield (*where, "file"), payload.file
        if payload.binary is not None and payload.binary.file is not None:
            yield (*where, "binary", "file"), payload.binary.file
        if payload.protobuf is not None:
            yield (*where, "protobuf", "file"), payload.protobuf.file
    for where, ways in unpackings(scenario):
        for index, way in enumerate(ways):
            if way.protobuf is not None:
                yield (*where, index, "protobuf", "file"), way.protobuf.file
    protocol = scenario.connection.protocol
    if protocol is not None and is_file(protocol.name):
        yield ("connection", "protocol", "name"), protocol.name
    yield from _tls_files(("connection", "tls"), scenario.connection.tls)
    for where, step in walk_steps(scenario):
        if isinstance(step, ConnectStep) and step.connect.tls is not None:
            yield from _tls_files((*where, "connect", "tls"), step.connect.tls)


def named_modules(scenario: Scenario) -> Iterator[str]:
    """Yield the file of each module that ``call`` or ``unpack`` names; what it imports itself is not known."""
    calls = (step for _, step in (*walk_steps(scenario), *walk_around(scenario)) if isinstance(step, CallStep))
    ways = (way for _, several in unpackings(scenario) for way in several)
    for function in (*(step.call.function for step in calls), *(way.function for way in ways if way.function)):
        module, _, _ = function.partition(":")
        yield f"{module.replace('.', '/')}.py"


def payloads(scenario: Scenario) -> Iterator[tuple[Where, Payload]]:
    """Yield every payload that a step carries, with its place."""
    for where, step in (*walk_steps(scenario), *walk_around(scenario)):
        yield from (((*where, *place), payload) for place, payload in step.payloads())


def template_of(payload: Payload, base: Path) -> str | None:
    """Return the text in which a payload takes templates; None where it takes none, or its file cannot be read.

    ``base`` is the scenario's folder. What is in ``json`` is no text.
    """
    if payload.text is not None:
        return payload.text
    if payload.binary is not None:
        return payload.binary.hex or payload.binary.base64
    if payload.file is None or not payload.template:
        return None
    try:
        return (base / payload.file).read_bytes().decode()
    except (OSError, ValueError):
        return None


def value_of(payload: Payload) -> JsonValue:
    """Return the value in which a payload takes templates; None where it has no such form."""
    if payload.protobuf is not None:
        return payload.protobuf.value
    return payload.msgpack if "msgpack" in payload.model_fields_set else payload.json_


def unpackings(scenario: Scenario) -> Iterator[tuple[Where, tuple[Way, ...]]]:
    """Yield each setting of how messages are unpacked, with its place: of connections, and in a ``where``."""
    yield ("connection", UNPACK), scenario.connection.unpack
    for where, step in walk_steps(scenario):
        if isinstance(step, ConnectStep) and step.connect.unpack is not None:
            yield (*where, "connect", UNPACK), step.connect.unpack
    for where, conditions in wheres(scenario):
        if ways := ways_of(conditions):
            yield (*where, UNPACK), ways


def wheres(scenario: Scenario) -> Iterator[tuple[Where, Mapping[str, JsonValue]]]:
    """Yield each ``where`` that is not empty, with its place: of steps, of handlers, and of ``measure``."""
    for where, step in (*walk_steps(scenario), *walk_around(scenario)):
        for part in step.parts():
            if isinstance(part, ConditionSet) and part.place[-1] == "where" and part.conditions:
                yield (*where, *part.place), part.conditions
    for where, user_type in walk_user_types(scenario):
        for index, handler in enumerate(user_type.on.message):
            if handler.where:
                yield (*where, "on", "message", index, "where"), handler.where
    for index, measure in enumerate(scenario.measure):
        for key, moment in measure.moments():
            if moment.where:
                yield ("measure", index, key, "where"), moment.where


def _tls_files(where: Where, tls: Tls) -> Iterator[tuple[Where, str]]:
    for key in ("ca", "certificate", "key"):
        if (name := getattr(tls, key)) is not None:
            yield (*where, key), name
