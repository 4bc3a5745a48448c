"""permessage-deflate against wsproto's, against the examples of RFC 7692, and against bombs."""

from __future__ import annotations

import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.extensions import PerMessageDeflate
from wsproto.frame_protocol import FrameProtocol, Opcode

from loadws.transport.codec.deflate import SLICE_BYTES, TAIL, Deflater, Inflater
from loadws.transport.codec.frames import (
    BINARY,
    PING,
    TEXT,
    Decoder,
    Event,
    ProtocolViolation,
    encode,
    encode_fragmented,
)

LIMIT = 1 << 20
window_bits = st.integers(9, 15)
payloads = st.lists(st.binary(max_size=300) | st.sampled_from([b"", b"a" * 5000, b"hello hello hello"]), max_size=8)


def server(bits: int, context_takeover: bool) -> FrameProtocol:
    agreed = f"permessage-deflate; client_max_window_bits={bits}; server_max_window_bits={bits}"
    if not context_takeover:
        agreed += "; client_no_context_takeover; server_no_context_takeover"
    extension = PerMessageDeflate()
    extension.accept(agreed)
    return FrameProtocol(client=False, extensions=[extension])


def inflated(inflater: Inflater, data: bytes) -> bytes:
    return b"".join([*inflater.feed(data), *inflater.finish()])


@pytest.mark.slow
@given(payloads, window_bits, st.booleans(), st.integers(1, 4))
def test_wsproto_reads_what_we_deflate(sent: list[bytes], bits: int, context_takeover: bool, fragments: int) -> None:
    protocol = server(bits, context_takeover)
    deflater = Deflater(bits, context_takeover)
    for payload in sent:
        protocol.receive_bytes(encode_fragmented(BINARY, deflater.compress(payload), fragments, rsv1=True))
    read, whole = [], b""
    for frame in protocol.received_frames():
        assert isinstance(frame.payload, bytes)
        whole += frame.payload
        if frame.message_finished:
            read.append(whole)
            whole = b""
    assert read == sent


@pytest.mark.slow
@given(payloads, window_bits, st.booleans(), st.integers(1, 400))
def test_we_read_what_wsproto_deflates(sent: list[bytes], bits: int, context_takeover: bool, reads_of: int) -> None:
    protocol = server(bits, context_takeover)
    wire = b""
    for payload in sent:  # in two fragments, with a ping between
        half = len(payload) // 2
        wire += protocol.send_data(payload[:half], fin=False) + protocol.ping(b"p") + protocol.send_data(payload[half:])
    decoder = Decoder(LIMIT, Inflater(bits, context_takeover))
    events: list[Event] = []
    for start in range(0, len(wire), reads_of):
        events += decoder.feed(wire[start : start + reads_of])
    assert events == [event for payload in sent for event in ((PING, b"p"), (BINARY, payload))]


@pytest.mark.slow
@given(payloads, st.integers(8, 15), st.booleans())
def test_there_and_back(sent: list[bytes], bits: int, context_takeover: bool) -> None:
    deflater = Deflater(bits, context_takeover)
    inflater = Inflater(bits, context_takeover)
    assert [inflated(inflater, deflater.compress(payload)) for payload in sent] == sent


def test_context_takeover_makes_a_repeated_message_small() -> None:
    payload = bytes(range(200))
    kept, forgotten = Deflater(15, True), Deflater(15, False)
    assert len(kept.compress(payload)) > 150 > 20 > len(kept.compress(payload))
    assert forgotten.compress(payload) == forgotten.compress(payload)


@pytest.mark.slow
@given(st.lists(st.binary(max_size=300) | st.text("ab", max_size=600).map(str.encode), max_size=8), st.integers(1, 9))
def test_the_smallest_window(parts: list[bytes], level: int) -> None:
    """Of 256 bytes, for which zlib cannot deflate; its own inflater says whether something refers further back."""
    sent = b"".join([b"x", *parts, *parts])
    wire = Deflater(8, True, level).compress(sent)
    assert zlib.decompressobj(-8).decompress(wire + TAIL) == sent
    assert inflated(Inflater(8), wire) == sent


def test_a_higher_level_makes_it_smaller() -> None:
    payload = b"".join(b"%d bottles of %d" % (n * 7919 % 997, n) for n in range(2000))
    fast, small = (len(Deflater(level=level).compress(payload)) for level in (1, 9))
    assert fast > small


@pytest.mark.parametrize(
    "wire",
    [
        ["f248cdc9c90700"],  # 7.2.3.1: one block
        ["f248cdc9c90700", "f200110000"],  # 7.2.3.2: the second refers to the first
        ["000500faff48656c6c6f00"],  # 7.2.3.3: no compression
        ["f348cdc9c9070000"],  # 7.2.3.4: a final block
        ["f348cdc9c9070000", "f248cdc9c90700"],  # and what comes after it
        ["f248050000 00ffff cac9c90700"],  # 7.2.3.5: two blocks
        ["f348cdc9c90700"],  # a final block, and its sender forgot what must follow it
        ["f348cdc9c90700", "f248cdc9c90700"],
    ],
)
def test_the_examples_of_the_rfc(wire: list[str]) -> None:
    for step in (1, 1000):
        inflater = Inflater()
        for message in wire:
            data = bytes.fromhex(message)
            pieces = [piece for at in range(0, len(data), step) for piece in inflater.feed(data[at : at + step])]
            assert b"".join([*pieces, *inflater.finish()]) == b"Hello"


def test_an_empty_message() -> None:
    deflater, inflater = Deflater(), Inflater()
    for payload in (b"", b"", b"x", b"", b"x"):
        compressed = deflater.compress(payload)
        assert compressed
        assert inflated(inflater, compressed) == payload
    assert inflated(inflater, b"") == b""  # what zlib says where it is flushed twice
    assert inflated(inflater, deflater.compress(b"y")) == b"y"


@pytest.mark.parametrize("size", [SLICE_BYTES - 1, SLICE_BYTES, SLICE_BYTES + 1, 3 * SLICE_BYTES])
@pytest.mark.parametrize("flush", [zlib.Z_SYNC_FLUSH, zlib.Z_FINISH])
def test_nothing_stays_behind_at_the_borders_of_a_slice(size: int, flush: int) -> None:
    stream = zlib.compressobj(wbits=-15)
    data = stream.compress(bytes(size)) + stream.flush(flush)
    data = data.removesuffix(b"\0\0\xff\xff") if flush == zlib.Z_SYNC_FLUSH else data + b"\0"
    inflater = Inflater()
    assert inflated(inflater, data).count(0) == size
    assert inflated(inflater, Deflater().compress(b"next")) == b"next"


def test_text_is_checked_after_it_is_inflated() -> None:
    deflater = Deflater()
    decoder = Decoder(LIMIT, Inflater())
    assert decoder.feed(unmasked(0xC1, deflater.compress("späť".encode()))) == [(TEXT, "späť")]
    assert decoder.feed(b"\x81\x05plain") == [(TEXT, "plain")]  # where compressing is not worth it
    with pytest.raises(ProtocolViolation, match=r"protocol\.utf8"):
        decoder.feed(unmasked(0xC1, deflater.compress(b"a\xff")))


def unmasked(first: int, payload: bytes) -> bytes:
    frame = FrameProtocol(client=False, extensions=[])._serialize_frame(Opcode.BINARY, payload)
    return bytes((first, *frame[1:]))


@pytest.mark.slow
def test_a_bomb_is_stopped_at_the_limit() -> None:
    bomb = Deflater(15, False).compress(bytes(64 << 20))
    assert len(bomb) < LIMIT
    decoder = Decoder(LIMIT, Inflater(max_size=LIMIT))
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolViolation) as raised:
            decoder.feed(unmasked(0xC2, bomb))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (raised.value.kind, raised.value.code) == ("protocol.too_large", 1009)
    assert peak < 3 * LIMIT


def test_the_limit_counts_what_comes_out() -> None:
    deflater = Deflater()
    decoder = Decoder(1000, Inflater(max_size=1000))
    for _ in range(3):  # each message by itself
        assert decoder.feed(unmasked(0xC2, deflater.compress(bytes(1000)))) == [(BINARY, bytes(1000))]
    with pytest.raises(ProtocolViolation, match="a message above 1000 bytes"):
        decoder.feed(unmasked(0xC2, deflater.compress(bytes(1001))))


@pytest.mark.parametrize("wire", [b"\xc2\x02\xff\xff", b"\xc2\x04\x00\x05\x00\x00"])
def test_what_is_not_deflate(wire: bytes) -> None:
    decoder = Decoder(LIMIT, Inflater())
    with pytest.raises(ProtocolViolation) as raised:
        decoder.feed(wire)
    assert (raised.value.kind, raised.value.code) == ("protocol.frame", 1002)
    assert raised.value.detail == "a compressed message is not DEFLATE"


@pytest.mark.parametrize("wire", [b"\xc9\x00", b"\x41\x00\xc0\x00"])
def test_rsv1_belongs_to_the_first_frame_of_a_message(wire: bytes) -> None:
    with pytest.raises(ProtocolViolation, match="a reserved bit is set"):
        Decoder(LIMIT, Inflater()).feed(wire)


def test_an_encoded_frame_says_that_it_is_compressed() -> None:
    assert encode(TEXT, Deflater().compress(b"x"), rsv1=True)[0] == 0xC1
