"""What a run and the process of its dashboard tell each other: down over stdin, up over stdout.

Each message is MessagePack behind its length in four bytes.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

import msgspec

from loadws.metrics.frame import Frame
from loadws.metrics.runinfo import RunInfo

_LENGTH = struct.Struct("!I")


class Open(msgspec.Struct, frozen=True, tag=True):
    """Listen there."""

    host: str
    port: int


class Begin(msgspec.Struct, frozen=True, tag=True):
    """The load begins."""

    info: RunInfo


class Seen(msgspec.Struct, frozen=True, tag=True):
    """One process measured this in one second."""

    frame: Frame


class Over(msgspec.Struct, frozen=True, tag=True):
    """The load is over: its outcome, and why, in a sentence."""

    outcome: str
    why: str


class Finished(msgspec.Struct, frozen=True, tag=True):
    """The report is there: browsers that look on are to be sent to it."""

    report: str


class Ready(msgspec.Struct, frozen=True, tag=True):
    """Browsers can come, to this port."""

    port: int


class NotReady(msgspec.Struct, frozen=True, tag=True):
    """The port cannot be listened on."""

    message: str
    advice: str


class Done(msgspec.Struct, frozen=True, tag=True):
    """The browsers that looked on have the report, or did not take it in time."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The process ends by a defect: what was raised, and where."""

    why: str


Down = Open | Begin | Seen | Over | Finished
Up = Ready | NotReady | Done | Failed
_encode = msgspec.msgpack.Encoder().encode
decode_down = msgspec.msgpack.Decoder(Down).decode
decode_up = msgspec.msgpack.Decoder(Up).decode


def send(stream: BinaryIO, message: Down | Up) -> None:
    """Send a message. Raises ``OSError`` where the other process has gone."""
    content = _encode(message)
    stream.write(_LENGTH.pack(len(content)) + content)
    stream.flush()


def receive(stream: BinaryIO) -> bytes | None:
    """Return the next message, encoded; None where the other process has gone."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    content = stream.read(length)
    return content if len(content) == length else None
