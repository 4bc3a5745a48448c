"""The messages between a run's parent and its processes, and their encoding on a pipe.

A message is its length in four bytes and then its fields in MessagePack: plain data of known types, which runs no code
when it is read. Times are nanoseconds of CLOCK_MONOTONIC, which all processes of a machine share (Linux, macOS,
Windows), so the parent can name a moment at which all of them begin.

The order of a run: down ``Order``, up ``Ready``, down ``Begin``; then up ``Measured`` every second, ``FlowsDone`` where
a phase ends by its flows, which ``EndPhase`` answers; down ``Stop`` when the run has to end early; up ``Ended`` or
``Broken``. After ``Ended`` the next ``Order`` may come; the process ends when its stdin is closed.
"""

from __future__ import annotations

import struct
from typing import Any, Generic, TypeVar

import msgspec
import trio
from trio.abc import ReceiveStream, SendStream

from loadws.fleet.shard import ShardOrder
from loadws.metrics.frame import Frame
from loadws.metrics.runinfo import Ending

Message = TypeVar("Message")
_LENGTH = struct.Struct("!I")
_CHUNK_BYTES = 256 * 1024


class Order(msgspec.Struct, frozen=True, tag=True):
    """The first message down of a run."""

    order: ShardOrder


class Begin(msgspec.Struct, frozen=True, tag=True):
    at_ns: int


class EndPhase(msgspec.Struct, frozen=True, tag=True):
    """The end of a phase: every process has run its share of the phase's flows."""

    phase: int
    at_ns: int


class Stop(msgspec.Struct, frozen=True, tag=True):
    """The end of the run: sent once, gracefully; sent twice, at once."""

    reason: str


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The report that the process is set up and waits for ``Begin``."""


class Measured(msgspec.Struct, frozen=True, tag=True):
    frame: Frame


class FlowsDone(msgspec.Struct, frozen=True, tag=True):
    """The report that this process's share of the phase's flows has ended."""

    phase: int


class Ended(msgspec.Struct, frozen=True, tag=True):
    """The last message up of a run. The last frame came before it."""

    ending: Ending


class Broken(msgspec.Struct, frozen=True, tag=True):
    """The last message up of a process that failed: the error in a line, and where it was raised."""

    error: str
    trace: str


Down = Order | Begin | EndPhase | Stop
Up = Ready | Measured | FlowsDone | Ended | Broken


class Sender:
    """A writer of whole messages, one after another, for any number of tasks."""

    def __init__(self, stream: SendStream) -> None:
        self._stream = stream
        self._lock = trio.Lock()

    async def send(self, message: Down | Up) -> None:
        """Send a message.

        Raises:
            trio.BrokenResourceError: The other end does not read any more.
        """
        content = msgspec.msgpack.encode(message)
        async with self._lock:
            await self._stream.send_all(_LENGTH.pack(len(content)) + content)


class Receiver(Generic[Message]):
    """A reader of messages until the other side's end closes. A message that is cut off there is dropped."""

    def __init__(self, stream: ReceiveStream, kind: Any) -> None:
        self._stream = stream
        self._decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(kind)
        self._unread = bytearray()

    async def receive(self) -> Message | None:
        """Return the next message; None where there will be no more."""
        while (message := self._whole()) is None:
            chunk = await self._stream.receive_some(_CHUNK_BYTES)
            if not chunk:
                return None
            self._unread += chunk
        return message

    def _whole(self) -> Message | None:
        """Remove the next message from the unread bytes and return it; None where it is not complete yet."""
        if len(self._unread) < _LENGTH.size:
            return None
        end = _LENGTH.size + _LENGTH.unpack_from(self._unread)[0]
        if len(self._unread) < end:
            return None
        message = self._decoder.decode(self._unread[_LENGTH.size : end])
        del self._unread[:end]
        return message
