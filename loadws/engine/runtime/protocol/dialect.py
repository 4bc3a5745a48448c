"""A protocol as the connections of one process speak it: made once, when steps are compiled, and shared by all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadws.scenario.matching.capture import compile_captures
from loadws.scenario.model.connection import ProtocolUse
from loadws.scenario.model.model import Scenario
from loadws.scenario.protocol.find_protocol import load_protocol
from loadws.scenario.protocol.protocol_file import Beat, Opening, ProtocolFile
from loadws.scenario.protocol.protocol_rules import (
    Make,
    PushRule,
    ReplyRule,
    Test,
    compile_sending,
    content_of,
    framing_of,
    test_of,
)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One kind of heartbeat. ``every_ns`` is None where loadws sends none by itself; ``make`` where it sends none at all."""

    every_ns: int | None
    make: Make | None
    received: Test | None
    answers: bool
    timeout_ns: int | None

    @staticmethod
    def of(beat: Beat, every_ns: int | None) -> Heartbeat:
        """Compile a heartbeat; ``every_ns`` replaces the protocol's own time between two of ours."""
        return Heartbeat(
            beat.every if every_ns is None or beat.every is None else every_ns,
            compile_sending(beat.send, {}) if beat.every is not None or beat.answer else None,
            test_of(beat.received) if beat.received is not None else None,
            beat.answer,
            beat.timeout,
        )


@dataclass(frozen=True, slots=True)
class OpeningRules:
    """How a connection opens. ``make`` is None where nothing is sent; connecting waits only where there is ``confirmed``."""

    make: Make | None
    confirmed: Test | None
    content: Callable[[Any], Any]
    refused: Test | None
    why: Callable[[Any], Any]
    within_ns: int


class Dialect:
    """A protocol, ready to be spoken. ``one_call``: a call waits until the one before it is answered."""

    def __init__(self, file: ProtocolFile, use: ProtocolUse, opening: OpeningRules | None) -> None:
        self.file = file
        self.opening = opening
        self.capture = compile_captures(use.capture) if use.capture else None
        self.one_call = file.one_call
        self.heartbeats = tuple(Heartbeat.of(beat, use.heartbeat) for beat in file.heartbeats)
        self.pushed = tuple(PushRule(pushed) for pushed in file.pushed)
        self.replies = ReplyRule(file.replies) if file.replies is not None else None
        self.options = {**file.options, **use.options}
        self.reader, self.framed = framing_of(file)


def opening_of(opening: Opening | None, options: dict[str, Any]) -> OpeningRules | None:
    """Compile how a connection opens, with the options that the scenario gives the protocol."""
    if opening is None:
        return None
    return OpeningRules(
        compile_sending(opening.send, options) if opening.send is not None else None,
        test_of(opening.confirmed) if opening.confirmed is not None else None,
        content_of(opening.payload),
        test_of(opening.refused) if opening.refused is not None else None,
        content_of(opening.why),
        opening.within,
    )


def dialect_of(scenario: Scenario, base: Path) -> Dialect | None:
    """Return the protocol that a scenario's connections speak; None where they speak none.

    Raises ``ScenarioError`` and ``NoSuchProtocol`` where its file has changed since it was checked.
    """
    use = scenario.connection.protocol
    if use is None:
        return None
    file = load_protocol(use.name, base)
    return Dialect(file, use, opening_of(file.open, {**file.options, **use.options}))
