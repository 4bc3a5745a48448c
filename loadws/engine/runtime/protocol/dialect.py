"""A protocol as the connections of one process speak it: made once, when steps are compiled, and shared by all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from loadws.scenario.matching.capture import compile_captures
from loadws.scenario.matching.jsonpath import Find, compile_path
from loadws.scenario.model.connection import ProtocolUse
from loadws.scenario.model.model import Scenario
from loadws.scenario.protocol.find_protocol import load_protocol
from loadws.scenario.protocol.mqtt_packets import is_of
from loadws.scenario.protocol.protocol_file import HEARTBEAT, Beat, ProtocolFile
from loadws.scenario.protocol.protocol_rules import (
    Failed,
    Make,
    PushRule,
    ReplyRule,
    Test,
    codec_of,
    compile_sending,
    content_of,
    fault_words,
    test_of,
)
from loadws.terms.units import NS_PER_S


class Heartbeat(msgspec.Struct, frozen=True):
    """One kind of heartbeat. ``every_ns`` is None where loadws sends none by itself; ``make`` where it sends none at all.

    ``due_ns`` is how often the server sends something; None where it has no such duty. ``agreed`` finds, in what confirms
    the opening, the seconds that the server says for either; None where it says none.
    """

    every_ns: int | None
    due_ns: int | None
    agreed: Find | None
    make: Make | None
    received: Test | None
    answers: bool
    timeout_ns: int | None

    @staticmethod
    def of(beat: Beat, said_ns: int | None) -> Heartbeat:
        """Compile a heartbeat; ``said_ns`` replaces the protocol's own time between two."""
        return Heartbeat(
            beat.every if said_ns is None or beat.every is None else said_ns,
            beat.due if said_ns is None or beat.due is None else said_ns,
            compile_path(beat.agreed) if beat.agreed is not None else None,
            compile_sending(beat.send, {}) if beat.every is not None or beat.answer else None,
            test_of(beat.received) if beat.received is not None else None,
            beat.answer,
            beat.timeout,
        )

    def time_ns(self, own_ns: int | None, greeting: Any) -> int | None:
        """Return the time between two: the longer one of ours and the server's; None where there are none."""
        if own_ns is None or self.agreed is None:
            return own_ns
        said = self.agreed(greeting)
        if type(said) not in (int, float) or said <= 0:
            return None
        return max(own_ns, int(said * NS_PER_S))


class OpeningRules(msgspec.Struct, frozen=True):
    """How a connection opens. ``make`` is None where nothing is sent; connecting waits only where there is ``confirmed``."""

    make: Make | None
    confirmed: Test | None
    content: Callable[[Any], Any]
    refused: Test | None
    why: Callable[[Any], Failed]
    within_ns: int


class Dialect:
    """A protocol, ready to be spoken.

    ``frames`` makes all frames of a record, where one may have several. ``one_call``: a call waits until the one before it
    is answered. ``farewell`` is what is sent before a close; None for nothing. ``matches`` tells whether a message with this
    key belongs to a subscription with that one; None: they are equal.
    """

    def __init__(self, file: ProtocolFile, use: ProtocolUse, opening: OpeningRules | None, most: int) -> None:
        self.file = file
        self.opening = opening
        self.capture = compile_captures(use.capture) if use.capture else None
        self.one_call = file.one_call
        self.subscribes_again = use.subscribe_again
        self.heartbeats = tuple(Heartbeat.of(beat, use.heartbeat) for beat in file.heartbeats)
        self.pushed = tuple(PushRule(pushed) for pushed in file.pushed)
        self.replies = ReplyRule(file.replies) if file.replies is not None else None
        self.options = {**file.options, **use.options}
        self.farewell = compile_sending(file.closing, self.options) if file.closing is not None else None
        self.matches = is_of if file.subscribe is not None and file.subscribe.key.topics else None
        codec = codec_of(file, most)
        self.reader, self.framed, self.frames = codec.reader, codec.framed, codec.frames


def opening_of(file: ProtocolFile, use: ProtocolUse) -> OpeningRules | None:
    """Compile how a connection opens, with the options that the scenario gives the protocol."""
    opening = file.open
    if opening is None:
        return None
    options = {**file.options, **use.options, HEARTBEAT: _heartbeat_s(file, use)}
    return OpeningRules(
        compile_sending(opening.send, options) if opening.send is not None else None,
        test_of(opening.confirmed) if opening.confirmed is not None else None,
        content_of(opening.payload),
        test_of(opening.refused) if opening.refused is not None else None,
        fault_words(opening.why, opening.code),
        opening.within,
    )


def _heartbeat_s(file: ProtocolFile, use: ProtocolUse) -> float:
    """Return the seconds between heartbeats of ours; 0 where there are none."""
    every = next((beat.every for beat in file.heartbeats if beat.every is not None), None)
    return 0 if every is None else (every if use.heartbeat is None else use.heartbeat) / NS_PER_S


def dialect_of(scenario: Scenario, base: Path) -> Dialect | None:
    """Return the protocol that a scenario's connections speak; None where they speak none.

    Raises ``ScenarioError`` and ``NoSuchProtocol`` where its file has changed since it was checked.
    """
    use = scenario.connection.protocol
    if use is None:
        return None
    file = load_protocol(use.name, base)
    return Dialect(file, use, opening_of(file, use), scenario.connection.max_message_size)
