"""``import_har``: a recording becomes a scenario in which each socket is a user."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loadws.importers.har.bindings import Bindings
from loadws.importers.har.flow import Flow, as_yaml, hides_secret
from loadws.importers.har.handshake import Handshakes, sets_cookie_for
from loadws.importers.har.heartbeats import without_heartbeats
from loadws.importers.har.http_steps import can_be_asked, demand_authorization, http_step
from loadws.importers.har.loops import Step
from loadws.importers.har.pauses import Pauses
from loadws.importers.har.protocols import name_in_scenarios, protocol_of
from loadws.importers.har.reading import read_har
from loadws.importers.har.recording import BINARY, ERROR, TEXT, Exchange, Frame, Recording, Socket, header
from loadws.importers.har.spoken.speaking import Speaking, connection_of, differing_options, speaking_of, variable_of
from loadws.importers.har.spoken.verb_steps import SpokenFlow
from loadws.importers.har.traffic import Origins, Thing, named_values
from loadws.importers.notes import Imported, ImportFailed, Notes
from loadws.importers.origins import origin_of
from loadws.importers.vault import Vault
from loadws.importers.verbs import advice_on
from loadws.importers.writing import Draft, assembled, once_each
from loadws.importers.yaml_text import Steps

#: A scenario has at most 1 MiB and 100,000 values; a recording is cut well before.
_MOST_FRAMES, _MOST_BYTES, _MOST_VALUES = 5_000, 600_000, 50_000


def import_har(content: bytes, path: Path, speed: float = 1.0, *, raw_frames: bool = False) -> Imported:
    """Return the scenario of a recording. ``raw_frames``: messages stay as they are, whatever protocol they follow.

    Raises:
        ImportFailed: The file holds no WebSocket that can be replayed.
    """
    notes = Notes()
    recording = read_har(content, path, notes)
    return _Import(recording, path, notes, Pauses(speed)).imported(raw_frames=raw_frames)


class _Import:
    """One recording on its way to a scenario."""

    def __init__(self, recording: Recording, path: Path, notes: Notes, pauses: Pauses) -> None:
        self._recording, self._path, self._notes, self._pauses = recording, path, notes, pauses
        self._vault = Vault()
        self._handshakes = Handshakes(self._vault, notes, _is_stripped(recording))
        self._speaking: Speaking | None = None
        self._options: list[dict[str, Any]] = []  # of the protocol, for each socket
        self._greetings: dict[str, Any] = {}

    def imported(self, *, raw_frames: bool) -> Imported:
        sockets = self._at_one_target([socket for socket in self._recording.sockets if self._was_open(socket)])
        for thing in (*self._recording.exchanges, *(thing for each in sockets for thing in _things(each))):
            self._vault.remember(named_values(thing))
        self._speaking = None if raw_frames else speaking_of(sockets, self._notes)
        draft = Draft([self._title(sockets)], self._target, once_each(len(sockets)))
        users = [self._user(socket) if self._speaking is None else self._speaker(socket) for socket in sockets]
        for (flow, handlers), settings in zip(users, self._settings(len(users)), strict=True):
            draft.add_user(f"socket-{len(draft.users) + 1}", Steps([*settings, *flow]), handlers, 1)
        if self._speaking is not None:
            draft.connection = connection_of(self._speaking.name, self._options, self._greetings)
        self._say_what_is_missing()
        return assembled(draft, self._vault, self._notes)

    def _title(self, sockets: Sequence[Socket]) -> str:
        protocols = sorted({protocol for socket in sockets if (protocol := protocol_of(socket))})
        count = "1 WebSocket" if len(sockets) == 1 else f"{len(sockets)} WebSockets"
        program = self._recording.program or "an unnamed program"
        return ", ".join([f"Imported from {self._path.name} ({program}): {count}", *protocols])

    # -- which sockets

    def _was_open(self, socket: Socket) -> bool:
        line, status = socket.handshake.line, socket.handshake.status
        if origin_of(socket.handshake.url) is None:
            self._notes.loss(line, "this WebSocket was left out: its address is none that can be connected to")
        elif status >= 300:
            self._notes.loss(line, f"this WebSocket was left out: the server refused it with {status}")
        elif not socket.frames and not 101 <= status < 300:
            self._notes.loss(line, "this WebSocket was left out: it never opened, or had not when the file was written")
        else:
            return True
        return False

    def _at_one_target(self, sockets: Sequence[Socket]) -> list[Socket]:
        """Return the sockets of the origin with the most messages: a scenario has one target.

        Raises:
            ImportFailed: No WebSocket was open in the recording.
        """
        if not sockets:
            first = self._recording.sockets[0].handshake.line
            message = f"{self._path}:{first}: no WebSocket of this recording was open, so there is nothing to replay"
            raise ImportFailed(message, "record the page again, and export it while its WebSocket is open or after")
        weights: dict[str | None, int] = {}
        for socket in sockets:
            origin = origin_of(socket.handshake.url)
            weights[origin] = weights.get(origin, 0) + 1 + len(socket.frames)
        self._target = max(weights, key=lambda origin: weights[origin]) or ""
        for socket in sockets:
            if origin_of(socket.handshake.url) != self._target:
                text = "this WebSocket was left out: it is on another server, and a scenario has one target"
                self._notes.loss(socket.handshake.line, text)
        return [socket for socket in sockets if origin_of(socket.handshake.url) == self._target]

    # -- one socket

    def _user(self, socket: Socket) -> tuple[Steps, list[dict[str, Any]]]:
        protocol = protocol_of(socket)
        self._say_protocol(socket)
        beats = without_heartbeats(self._messages(socket), protocol, self._notes)
        frames = self._bounded(beats.frames)
        bindings = self._bound(socket, frames)
        steps = Flow(socket, frames, bindings, self._notes, self._pauses).steps()
        return self._whole(socket, steps, bindings), beats.handlers

    def _speaker(self, recorded: Socket) -> tuple[Steps, list[dict[str, Any]]]:
        """Return the user of a socket in the verbs of its protocol, which needs no handlers."""
        assert self._speaking is not None
        socket = self._speaking.opened(recorded, self._recording.exchanges)
        conversation = self._speaking.conversation(self._bounded(self._messages(socket)))
        self._speaking.say(conversation, socket.handshake.line, self._notes)
        self._say_emptiness(recorded)
        bindings = self._bound(socket, conversation.frames)
        steps = SpokenFlow(conversation, socket.handshake.at_s, bindings, self._notes, self._pauses).steps()
        flow = self._whole(socket, steps, bindings)
        options = self._speaking.options(conversation, bindings)
        if conversation.greeting is not None:
            self._greetings |= bindings.captured(conversation.greeting)
        if hides_secret(options, self._vault.masker()):
            self._notes.loss(
                socket.handshake.line, "options of the protocol hold a secret that no variable can replace"
            )
            options = {}
        self._options.append(options)
        return flow, []

    def _settings(self, count: int) -> list[list[Any]]:
        """Return what each user sets before it connects: options of the protocol in which users differ."""
        differing = sorted(differing_options(self._options)) if self._options else []
        if not differing:
            return [[] for _ in range(count)]
        return [[{"set": {variable_of(name): said.get(name) for name in differing}}] for said in self._options]

    def _bound(self, socket: Socket, frames: Sequence[Frame]) -> Bindings:
        """Return the values of a user, learnt from its handshake, its messages and the exchanges before them."""
        before = [
            each for each in self._recording.exchanges if each.at_s <= socket.handshake.at_s and can_be_asked(each)
        ]
        before.sort(key=lambda exchange: exchange.at_s)
        bindings = Bindings(Origins([*before, socket.handshake, *frames]), self._vault)
        for exchange in before:
            if sets_cookie_for(exchange, socket.handshake):
                bindings.need(exchange)
        bindings.learn(socket.handshake)
        for frame in frames:
            bindings.learn(frame)
        return bindings

    def _whole(self, socket: Socket, steps: Sequence[Step], bindings: Bindings) -> Steps:
        """Return the flow: what is asked before, the opening, the messages, and the close."""
        line = socket.handshake.line
        connect = Step(self._handshakes.connect(socket.handshake, bindings), line=line)
        around = [*self._http_steps(bindings), connect]
        return as_yaml([*around, *steps, Step(_close(socket), line=line)], self._vault, self._notes)

    def _http_steps(self, bindings: Bindings) -> list[Step]:
        steps = []
        for exchange in sorted(bindings.needed, key=lambda exchange: exchange.at_s):
            step = http_step(exchange, bindings, self._handshakes, self._target)
            if _is_stripped(self._recording) and exchange.method != "GET":
                demand_authorization(self._vault, step)
            steps.append(Step(step, line=exchange.line))
        return steps

    def _messages(self, socket: Socket) -> list[Frame]:
        """Return the messages; other frames (errors, control frames) get a note."""
        kept = []
        for frame in socket.frames:
            if frame.opcode in (TEXT, BINARY):
                kept.append(frame)
            elif frame.opcode == ERROR:
                self._notes.loss(frame.line, "the page saw an error here; an error cannot be replayed")
            elif frame.opcode == 0:
                self._notes.loss(frame.line, "this message was left out: it is a fragment without its beginning")
            else:
                self._notes.change(frame.line, "pings, pongs and closes are loadws' own, so they were left out")
        return kept

    def _bounded(self, frames: list[Frame]) -> list[Frame]:
        """Return the messages that fit into a scenario."""
        size = values = 0
        for index, frame in enumerate(frames):
            size += len(frame.payload) if frame.is_sent else 40
            values += 1 + (str(frame.payload).count(",") if frame.is_sent and frame.json is not None else 4)
            if index >= _MOST_FRAMES or size > _MOST_BYTES or values > _MOST_VALUES:
                text = f"the messages from here on were left out: a scenario has no room for more than these {index}"
                self._notes.loss(frame.line, text)
                return frames[:index]
        return frames

    # -- notes

    def _say_protocol(self, socket: Socket) -> None:
        if (name := name_in_scenarios(socket)) is not None:
            sent = [frame.payload for frame in socket.frames if frame.is_sent]
            received = [frame.payload for frame in socket.frames if not frame.is_sent]
            self._notes.change(socket.handshake.line, advice_on(name, sent, received))
        self._say_emptiness(socket)

    def _say_emptiness(self, socket: Socket) -> None:
        if not socket.has_messages and self._recording.is_firefox:
            text = (
                "Firefox writes no WebSocket messages into recordings: only the connection was carried over; use Chrome"
            )
            self._notes.loss(socket.handshake.line, text)
        elif not socket.frames:
            self._notes.loss(socket.handshake.line, "the recording has no messages of this WebSocket")

    def _say_what_is_missing(self) -> None:
        if _is_stripped(self._recording):
            text = (
                "Chrome leaves cookies and the header Authorization out of a recording, so they are variables: set them, to "
                "nothing where the server needs none, or export with sensitive data"
            )
            self._notes.change(0, text)
        if self._pauses.clamped:
            count = self._pauses.clamped
            said = "1 pause of more than a minute was" if count == 1 else f"{count} pauses of more than a minute were"
            self._notes.change(0, f"{said} cut to one minute")


def _things(socket: Socket) -> Sequence[Thing]:
    return (socket.handshake, *socket.frames)


def _close(socket: Socket) -> dict[str, Any]:
    """Return the step that ends the session, with the recorded code if RFC 6455 allows it in a close frame."""
    code = socket.close_code
    is_sendable = code is not None and (1000 < code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999)
    return {"close": {"code": code} if is_sendable else {}}


def _is_stripped(recording: Recording) -> bool:
    """Return whether cookies and credentials were removed from a recording: Chrome removes them by default."""
    requests: list[Exchange] = [*recording.exchanges, *(socket.handshake for socket in recording.sockets)]
    has_some = any(
        header(request.headers, name) for request in requests for name in ("cookie", "authorization")
    ) or any(header(request.answer_headers, "set-cookie") for request in requests)
    return recording.is_chrome and not has_some
