"""The protocol of a recording's sockets, and the ``connection`` of a scenario that speaks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadws.importers.har.bindings import Bindings
from loadws.importers.har.protocols import name_in_scenarios
from loadws.importers.har.recording import Exchange, Frame, Socket
from loadws.importers.har.spoken.conversation import Conversation, Raw, read_conversation
from loadws.importers.har.spoken.opening import is_this_version, opened_by_loadws
from loadws.importers.leaves import fits_scenario
from loadws.importers.notes import Notes
from loadws.importers.templates import rendered
from loadws.importers.verbs import LARGEST, READ_BOTH_WAYS
from loadws.scenario.protocol.find_protocol import load_protocol
from loadws.scenario.protocol.protocol_file import ProtocolFile
from loadws.scenario.protocol.protocol_rules import Codec, MissingLibrary, codec_of


@dataclass(frozen=True)
class Speaking:
    """The protocol of all sockets of a recording: its name in scenarios, its file, and how its frames are read."""

    name: str
    file: ProtocolFile
    codec: Codec

    def opened(self, socket: Socket, exchanges: Sequence[Exchange]) -> Socket:
        """Return a socket as loadws opens it."""
        return opened_by_loadws(self.name, self.file, socket, exchanges)

    def conversation(self, frames: Sequence[Frame]) -> Conversation:
        """Return the frames of a socket in the terms of the protocol."""
        return read_conversation(self.file, self.codec.reader, frames)

    def say(self, conversation: Conversation, line: int, notes: Notes) -> None:
        """Add notes on how the messages of a socket were carried over."""
        raw = sum(isinstance(item, Raw) for item in conversation.items)
        count = "1 message of its own was" if conversation.own == 1 else f"{conversation.own} messages of its own were"
        text = f"the messages are {self.file.about}, and became its verbs"
        if conversation.own:
            text += f"; {count} left out, because loadws opens, answers and sends heartbeats by itself"
        if raw:
            text += f"; {raw} of those sent stayed as they were"
        notes.change(line, text)
        if self.file.open is not None and self.file.open.send is not None and conversation.opening is None:
            notes.change(
                line,
                "the recording has no opening of the protocol, so the options of connection.protocol are not known",
            )

    def options(self, conversation: Conversation, bindings: Bindings) -> dict[str, Any]:
        """Return the options with which a connection opens as the page did, without those that are the default."""
        opening, file = conversation.opening, self.file
        if opening is None or not fits_scenario(opening.tree):
            return {}
        filled = bindings.filled(opening.tree, opening)
        return {name: rendered(value) for name, value in filled.items() if opening.tree[name] != file.options[name]}


def speaking_of(sockets: Sequence[Socket], notes: Notes) -> Speaking | None:
    """Return the protocol that all sockets speak, if the scenario can speak it; None, with a note, where it cannot."""
    names = {name_in_scenarios(socket) for socket in sockets if socket.frames}
    name = next(iter(names), None)
    if name is None and len(names) < 2:
        return None
    line = sockets[0].handshake.line
    if len(names) > 1 or name is None:
        notes.change(
            line, "the WebSockets speak different protocols, and a scenario has one: messages stay as they are"
        )
        return None
    file = load_protocol(name, Path())
    if file.codec not in READ_BOTH_WAYS or not all(is_this_version(file, socket) for socket in sockets):
        return None
    try:
        return Speaking(name, file, codec_of(file, LARGEST))
    except MissingLibrary as error:
        notes.change(line, f"the messages of {file.about} stay as they are: {error.advice} to have its verbs")
        return None


def connection_of(name: str, options: Sequence[Mapping[str, Any]], captures: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``connection`` with the protocol; ``options`` are those of each user.

    Where users differ in one, it is a variable that each of them sets before it connects.
    """
    merged: dict[str, Any] = {}
    differing = differing_options(options)
    for said in options:
        merged |= {key: "{{ " + variable_of(key) + " }}" if key in differing else value for key, value in said.items()}
    if captures:
        merged["capture"] = dict(captures)
    return {"protocol": {"name": name, **merged} if merged else name}


def differing_options(options: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Return the options that are not the same for all users."""
    names = {name for said in options for name in said}
    return frozenset(name for name in names if any(said.get(name) != options[0].get(name) for said in options))


def variable_of(option: str) -> str:
    """Return the variable of an option that users differ in."""
    return f"protocol_{option}"
