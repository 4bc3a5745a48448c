"""What the process of a run and the process of its live outputs tell each other.

Down, over stdin: messages in MessagePack, each behind its length in four bytes. Up, over stderr: a line of JSON each, so
that stdout stays free for an output that is written there, and the traceback of a defect is seen as what it is.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

import msgspec

from loadws.metrics.frame import Frame
from loadws.metrics.runinfo import RunInfo
from loadws.outputs.destinations import Destination

_LENGTH = struct.Struct("!I")


class Open(msgspec.Struct, frozen=True, tag=True):
    """Open these outputs."""

    destinations: tuple[Destination, ...]


class Begin(msgspec.Struct, frozen=True, tag=True):
    """The load begins."""

    info: RunInfo


class Seen(msgspec.Struct, frozen=True, tag=True):
    """A frame, and when the run began, in nanoseconds since 1970."""

    frame: Frame
    unix_ns: int


class End(msgspec.Struct, frozen=True, tag=True):
    """The load is over."""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """All outputs are open."""


class NotReady(msgspec.Struct, frozen=True, tag=True):
    """An output cannot be opened."""

    message: str
    advice: str


class Done(msgspec.Struct, frozen=True, tag=True):
    """All is sent, or given up: what was lost, in sentences."""

    problems: tuple[str, ...]


Down = Open | Begin | Seen | End
Up = Ready | NotReady | Done
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Down).decode
_decode_line = msgspec.json.Decoder(Up).decode


def send(stream: BinaryIO, message: Down) -> None:
    """Send a message down. Raises ``OSError``."""
    content = _encode(message)
    stream.write(_LENGTH.pack(len(content)) + content)
    stream.flush()


def receive(stream: BinaryIO) -> Down | None:
    """Return the next message that came down; None where the other process has gone."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    content = stream.read(length)
    return _decode(content) if len(content) == length else None


def line_of(message: Up) -> bytes:
    """Return a message as a line to go up."""
    return msgspec.json.encode(message) + b"\n"


def of_line(line: bytes) -> Up | None:
    """Return the message of a line that came up; None where it is none, but a part of a traceback."""
    try:
        message: Up = _decode_line(line)
    except msgspec.DecodeError:
        return None
    return message
