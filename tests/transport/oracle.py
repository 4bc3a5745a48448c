"""What a stream of frames says: by our decoder, however the reads split it, and by wsproto, the oracle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from wsproto.frame_protocol import FrameProtocol, Opcode, ParseFailed

from loadws.transport.base import close_payload
from loadws.transport.codec.frames import Decoder, Event, ProtocolViolation

LIMIT = 1 << 20
#: Registered since wsproto was written, which therefore refuses it: 1014.
NEWER_CLOSE_CODE = b"\x03\xf6"


def told(reads: Iterable[bytes], decoder: Decoder | None = None) -> tuple[list[Event], str | None, int | None]:
    """All events, and the violation's kind and code where there was one."""
    decoder = decoder or Decoder(LIMIT)
    events: list[Event] = []
    for read in reads:
        try:
            events += decoder.feed(read)
        except ProtocolViolation as violation:
            assert decoder.feed(b"\x81\x01a") == []
            return events + violation.events, violation.kind, violation.code
    return events, None, None


def told_by_wsproto(data: bytes) -> tuple[list[Event], int | None]:
    events: list[Event] = []
    try:
        for opcode, payload in read_by_wsproto(data, client=True):
            events.append((opcode, close_as_sent(*payload) if isinstance(payload, tuple) else payload))
    except ParseFailed as failed:
        return events, int(failed.code)
    return events, None


def close_as_sent(code: int, reason: str) -> bytes:
    return close_payload(None if code == 1005 else code, reason)


def read_by_wsproto(wire: bytes, client: bool = False) -> Iterator[tuple[int, str | bytes | tuple[int, str]]]:
    """Each message whole, each control frame, in the order of the wire; nothing after a close frame."""
    protocol = FrameProtocol(client, extensions=[])
    protocol.receive_bytes(wire)
    texts, binaries = list[str](), list[bytes]()
    for frame in protocol.received_frames():
        if frame.opcode.iscontrol():
            yield int(frame.opcode), frame.payload
            if frame.opcode is Opcode.CLOSE:
                return
        elif isinstance(frame.payload, str):
            texts.append(frame.payload)
        elif isinstance(frame.payload, bytes):
            binaries.append(frame.payload)
        if frame.message_finished and not frame.opcode.iscontrol():
            yield int(frame.opcode), "".join(texts) if frame.opcode is Opcode.TEXT else b"".join(binaries)
            texts.clear()
            binaries.clear()
