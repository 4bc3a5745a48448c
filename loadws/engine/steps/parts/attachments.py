"""Packets of several frames, as those of Socket.IO with binary attachments: they are written one after the other."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import cast

from loadws.engine.runtime.connection.conversation import Conversation
from loadws.engine.runtime.strand import Strand
from loadws.engine.steps.parts.on_connection import ConnectedStep
from loadws.metrics.ledger import Messages
from loadws.transport.base import Connection, NotOpen, Outgoing, Payload, Repeated


class Attached(bytes):
    """The bytes of a packet of several ``frames``, so that its size is that of all of them."""

    frames: tuple[Payload, ...]

    @staticmethod
    def of(frames: tuple[Payload, ...]) -> Payload:
        """Return what a packet is sent as; the frame itself where it has one only."""
        if len(frames) == 1:
            return frames[0]
        contents = (frame if isinstance(frame, bytes) else frame.encode("utf-8", "replace") for frame in frames)
        whole = Attached(b"".join(contents))
        whole.frames = frames
        return whole


class _Attaching:
    """A connection that sends a packet frame by frame. The packet is sent when its last frame is; the others are control."""

    def __init__(self, connection: Connection, messages: Messages) -> None:
        self._connection = connection
        self._messages = messages

    def begin_send(self, payload: Payload | Repeated, out: Outgoing, fragments: int = 1) -> Awaitable[None] | None:
        """Send as ``Connection.begin_send`` does. Raises ``NotOpen``."""
        if not isinstance(payload, Attached):
            return self._connection.begin_send(payload, out, fragments)
        *before, last = payload.frames
        begun = [self._connection.begin_send(frame, Outgoing()) for frame in before]
        self._messages.control_sent += len(before)
        begun.append(self._connection.begin_send(last, out))
        unwritten = [each for each in begun if each is not None]
        return _all_of(unwritten) if unwritten else None

    def send_soon(self, payload: Payload, out: Outgoing, fragments: int = 1) -> None:
        """Send as ``Connection.send_soon`` does; the connection is dropped where only a part of a packet finds room.

        Raises:
            NotOpen: The connection has ended, or too much waits already.
        """
        if not isinstance(payload, Attached):
            self._connection.send_soon(payload, out, fragments)
            return
        last = len(payload.frames) - 1
        for number, frame in enumerate(payload.frames):
            try:
                self._connection.send_soon(frame, out if number == last else Outgoing())
            except NotOpen:
                if number:
                    self._connection.drop()
                raise
            self._messages.control_sent += number < last


async def _all_of(unwritten: Sequence[Awaitable[None]]) -> None:
    for each in unwritten:
        await each


def attaching(run: ConnectedStep, messages: Messages) -> ConnectedStep:
    """Return a step that may send packets of several frames. ``messages`` counts them."""

    def attached(strand: Strand, conversation: Conversation, connection: Connection) -> Awaitable[None]:
        return run(strand, conversation, cast("Connection", _Attaching(connection, messages)))

    return attached
