"""A client's bytes without their masks, however the reads split them."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.target.unmask import Unmasker
from loadws.transport.codec.frames import encode
from loadws.transport.codec.masking import plain_frame, unmasked

#: Around every size at which a head or the way of unmasking changes.
SIZES = st.sampled_from([0, 1, 3, 4, 5, 125, 126, 1023, 1024, 1025, 65535, 65536])
PAYLOADS = st.one_of(st.binary(max_size=40), SIZES.map(lambda size: bytes(index % 251 for index in range(size))))
FRAMES = st.lists(st.tuples(st.sampled_from([0, 1, 2, 8, 9, 10]), PAYLOADS), min_size=1, max_size=4)


def _plain(frames: list[tuple[int, bytes]]) -> bytes:
    return b"".join(plain_frame(0x80 | opcode, payload) for opcode, payload in frames)


@pytest.mark.slow
@given(FRAMES)
def test_what_a_client_encodes_is_what_a_server_would_have(frames: list[tuple[int, bytes]]) -> None:
    unmasker = Unmasker()
    assert unmasker.feed(b"".join(encode(opcode, payload) for opcode, payload in frames)) == _plain(frames)
    assert unmasker.is_between_frames


@pytest.mark.slow
@given(FRAMES, st.lists(st.integers(1, 70_000), max_size=6))
def test_however_it_is_split(frames: list[tuple[int, bytes]], cuts: list[int]) -> None:
    whole = b"".join(encode(opcode, payload) for opcode, payload in frames)
    ends = [*sorted(cut for cut in cuts if cut < len(whole)), len(whole)]
    unmasker = Unmasker()
    parts = [unmasker.feed(whole[start:end]) for start, end in zip([0, *ends], ends, strict=False)]
    assert b"".join(parts) == _plain(frames)


def test_byte_by_byte() -> None:
    whole = encode(1, b"hello") + encode(2, bytes(300))
    unmasker = Unmasker()
    between = [(unmasker.feed(whole[at : at + 1]), unmasker.is_between_frames)[1] for at in range(len(whole))]
    assert [at for at, is_between in enumerate(between) if is_between] == [10, len(whole) - 1]


@pytest.mark.slow
@given(st.binary(min_size=4, max_size=4), PAYLOADS)
def test_a_mask_twice_is_none(key: bytes, payload: bytes) -> None:
    expected = bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))
    assert unmasked(key, payload) == expected
    assert unmasked(key, expected) == payload


def test_a_frame_without_a_mask_ends_it_and_what_came_before_is_kept() -> None:
    unmasker = Unmasker()
    assert unmasker.feed(encode(1, b"a") + b"\x81\x01b" + encode(1, b"c")) == b"\x81\x01a"
    assert unmasker.violation is not None
    assert (unmasker.violation.code, unmasker.violation.detail) == (1002, "a client's frame is not masked")
    assert unmasker.feed(encode(1, b"d")) == b""


def test_a_size_that_lies_holds_nothing() -> None:
    unmasker = Unmasker()
    head = b"\x82\xff" + struct.pack("!Q", 1 << 62) + b"\0\0\0\0"
    assert unmasker.feed(head + b"abc") == head[:1] + b"\x7f" + head[2:10] + b"abc"


@given(st.binary(max_size=300))
def test_nothing_breaks_it(data: bytes) -> None:
    Unmasker().feed(data)
