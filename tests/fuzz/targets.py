"""What is fuzzed: each takes any bytes and raises only where we are wrong.

The first bytes say how the rest is split into reads, so that the fuzzer finds splits as well as contents. wsproto is the
oracle of plain frames; of the rest, however the reads split it, the same must come out, and only our own errors escape.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from loadws.transport.base import LOSS_KINDS, Compression, ConnectFailed, HandshakeRefused, close_payload
from loadws.transport.codec.deflate import Deflater, Inflater
from loadws.transport.codec.frames import BINARY, TEXT, Decoder, Event
from loadws.transport.codec.masking import masked_frame, plain_frame, prepared_frame, unmasked
from loadws.transport.opening.upgrade_response import Answer, accept_for
from tests.transport.oracle import NEWER_CLOSE_CODE, told, told_by_wsproto

LIMIT = 2_000
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
UPGRADED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: " + accept_for(KEY) + b"\r\nSec-WebSocket-Protocol: chat\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n\r\n"
)
REFUSED = b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"


class Target(NamedTuple):
    """``seeds`` are good inputs, from which the fuzzer starts."""

    check: Callable[[bytes], None]
    seeds: tuple[bytes, ...]


def frames(data: bytes) -> None:
    reads, wire = _split(data)
    whole = told([wire], Decoder(LIMIT))
    assert told(reads, Decoder(LIMIT)) == whole
    assert _asking_first(Decoder(LIMIT), reads) == whole
    if NEWER_CLOSE_CODE not in wire:
        wire += bytes(16)  # wsproto judges whole headers only; and it knows no limit, so ours is out of reach
        events, _, code = told([wire], Decoder(1 << 63))
        assert (events, code) == told_by_wsproto(wire)


def compressed(data: bytes) -> None:
    reads, wire = _split(data[1:])
    takeover = bool(data[:1] > b"\x7f")
    events, kind, _ = told([wire], Decoder(LIMIT, Inflater(15, takeover, LIMIT)))
    in_reads, kind_in_reads, _ = told(reads, Decoder(LIMIT, Inflater(15, takeover, LIMIT)))
    assert in_reads == events
    # A message may break more than one rule: zlib gives nothing of a piece whose end is no DEFLATE, so that what is wrong
    # in its beginning is told only where that came by itself.
    assert (kind_in_reads is None) == (kind is None)
    assert kind is None or kind in LOSS_KINDS
    assert all(len(payload) <= LIMIT for _, payload in events)


def deflated(data: bytes) -> None:
    """What we compress, the other side reads, whatever the window and with or without what came before."""
    bits, takeover = 8 + data[0] % 8 if data else 15, bool(data[1:2] > b"\x7f")
    deflater, inflater = Deflater(bits, takeover), Inflater(bits, takeover, 1 << 20)
    for message in data[2:].split(b"\xff"):
        pieces = [*inflater.feed(deflater.compress(message)), *inflater.finish()]
        assert b"".join(pieces) == message


def masks(data: bytes) -> None:
    """Both ways of masking, on either side of where one takes over from the other."""
    payload = data[1:] * (1 + data[0] % 8 if data else 1)
    for frame in (masked_frame(0x82, payload), prepared_frame(0x82, payload)()):
        start = len(frame) - len(payload)
        key, body = frame[start - 4 : start], frame[start:]
        assert unmasked(key, body) == payload == bytes(each ^ key[at % 4] for at, each in enumerate(body))


def answer(data: bytes) -> None:
    reads, wire = _split(data)
    for pieces in ([wire], reads):
        reading = Answer(KEY, ("chat",), Compression(6, True), follows=data[:1] > b"\x7f")
        try:
            for piece in (*pieces, b""):
                passed = reading.feed(piece)
                if passed is not None:
                    assert passed.endswith(reading.after)
                    break
        except (ConnectFailed, HandshakeRefused):
            pass


TARGETS = {
    "frames": Target(
        frames,
        (
            b"\x00\x00" + plain_frame(0x81, b"hello") + plain_frame(0x89, b"ping") + plain_frame(0x82, bytes(200)),
            b"\x03\x09" + plain_frame(0x01, "é".encode()[:1]) + plain_frame(0x80, "é".encode()[1:]),
            b"\x01\x02" + plain_frame(0x88, close_payload(1000, "bye")),
            b"\x00\x00" + plain_frame(0x82, bytes(126)),  # the least size in two bytes
        ),
    ),
    "compressed": Target(
        compressed,
        (
            b"\x00\x00\x05" + plain_frame(0xC1, Deflater().compress(b"hello, hello, hello")),
            b"\x00\x00\x00" + plain_frame(0xC2, Deflater().compress(bytes(LIMIT))),
            b"\xff\x02\x05" + plain_frame(0x41, Deflater().compress(b"a" * 300)[:3]) + plain_frame(0x80, b"\x00"),
        ),
    ),
    "deflated": Target(deflated, (b"\x00\x00hello\xffhello\xff\xffagain", b"\x07\xff" + bytes(range(200)))),
    "masks": Target(masks, (b"\x00hello", b"\x10" + bytes(range(256)))),
    "answer": Target(answer, (b"\x00\x00" + UPGRADED + plain_frame(0x81, b"hi"), b"\x05\x20" + REFUSED)),
}


def _split(data: bytes) -> tuple[list[bytes], bytes]:
    """Reads of two sizes in turn, each from a byte; 0 is all that is left."""
    sizes, wire = data[:2].ljust(2, b"\x00"), data[2:]
    cuts = [0]
    while cuts[-1] < len(wire):
        cuts.append(min(len(wire), cuts[-1] + (sizes[len(cuts) % 2] or len(wire))))
    return [wire[start:stop] for start, stop in pairwise(cuts)], wire


def _asking_first(decoder: Decoder, reads: list[bytes]) -> tuple[list[Event], str | None, int | None]:
    """As the connection does: each read is asked for its only message before it is fed."""
    events: list[Event] = []
    for read in reads:
        only = decoder.only_message(read)
        if only is not None:
            events.append((TEXT if isinstance(only, str) else BINARY, only))
            continue
        more, kind, code = told([read], decoder)
        events += more
        if kind is not None:
            return events, kind, code
    return events, None, None
