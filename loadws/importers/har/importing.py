"""``import_har``: a recording becomes a scenario in which each socket is a user."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loadws.importers.har.bindings import Bindings
from loadws.importers.har.flow import Flow, as_yaml
from loadws.importers.har.handshake import Handshakes, sets_cookie_for
from loadws.importers.har.heartbeats import without_heartbeats
from loadws.importers.har.http_steps import can_be_asked, demand_authorization, http_step
from loadws.importers.har.loops import Step
from loadws.importers.har.pauses import Pauses
from loadws.importers.har.protocols import name_in_scenarios, protocol_of
from loadws.importers.har.reading import read_har
from loadws.importers.har.recording import BINARY, ERROR, TEXT, Exchange, Frame, Recording, Socket, header
from loadws.importers.har.traffic import Origins, Thing, named_values
from loadws.importers.notes import Imported, ImportFailed, Notes
from loadws.importers.origins import origin_of
from loadws.importers.vault import Vault
from loadws.importers.verbs import advice_on
from loadws.importers.writing import Draft, assembled, once_each
from loadws.importers.yaml_text import Steps

#: A scenario has at most 1 MiB and 100,000 values; a recording is cut well before.
_MOST_FRAMES, _MOST_BYTES, _MOST_VALUES = 5_000, 600_000, 50_000


def import_har(content: bytes, path: Path, speed: float = 1.0) -> Imported:
    """Return the scenario of a recording. Raises ``ImportFailed`` where the file holds no WebSocket that can be replayed."""
    notes = Notes()
    recording = read_har(content, path, notes)
    return _Import(recording, path, notes, Pauses(speed)).imported()


class _Import:
    """One recording on its way to a scenario."""

    def __init__(self, recording: Recording, path: Path, notes: Notes, pauses: Pauses) -> None:
        self._recording, self._path, self._notes, self._pauses = recording, path, notes, pauses
        self._vault = Vault()
        self._handshakes = Handshakes(self._vault, notes, _is_stripped(recording))

    def imported(self) -> Imported:
        sockets = self._at_one_target([socket for socket in self._recording.sockets if self._was_open(socket)])
        for thing in (*self._recording.exchanges, *(thing for each in sockets for thing in _things(each))):
            self._vault.remember(named_values(thing))
        draft = Draft([self._title(sockets)], self._target, once_each(len(sockets)))
        for socket in sockets:
            flow, handlers = self._user(socket)
            draft.add_user(f"socket-{len(draft.users) + 1}", flow, handlers, 1)
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
        steps = Flow(socket, frames, bindings, self._notes, self._pauses).steps()
        connect = self._handshakes.connect(socket.handshake, bindings)
        around = [*self._http_steps(bindings), Step(connect, line=socket.handshake.line)]
        flow = as_yaml([*around, *steps, Step(_close(socket), line=socket.handshake.line)], self._vault, self._notes)
        return flow, beats.handlers

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
