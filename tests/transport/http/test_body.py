"""Bodies of answers, decoded: what may come is bounded before the work is done."""

from __future__ import annotations

import tracemalloc
import zlib
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.transport.http.body import LARGEST_BODY, LARGEST_ENCODED, Body
from loadws.transport.http.messages import HttpFailed

#: zlib's own two bytes.
FRAME = zlib.compress(b"")[:2]
TEXT = b"so many words, " * 100


def zipped(data: bytes, level: int = 9) -> bytes:
    """gzip without a time in it, so that tests have the same names in every process."""
    stream = zlib.compressobj(level, wbits=zlib.MAX_WBITS | 16)
    return stream.compress(data) + stream.flush()


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


def decoded(encoding: str, *pieces: bytes) -> bytes:
    body = Body((("content-encoding", encoding),) if encoding else ())
    for piece in pieces:
        body.feed(piece)
    return body.whole()


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "identity": bytes,
    "gzip": zipped,
    "x-gzip": zipped,
    "deflate": zlib.compress,
}


@given(st.sampled_from(sorted(ENCODERS)), st.binary(max_size=300), st.lists(st.integers(0, 400), max_size=4))
def test_a_body_is_decoded_in_whatever_pieces_it_comes(encoding: str, data: bytes, cuts: list[int]) -> None:
    wire = ENCODERS[encoding](data)
    at = [0, *sorted(cuts), len(wire)]
    pieces = [wire[start:stop] for start, stop in pairwise(at)]
    assert decoded(encoding, *pieces) == data


@pytest.mark.parametrize(
    ("encoding", "wire", "body"),
    [
        ("deflate", raw_deflate(TEXT), TEXT),  # without zlib's frame, as some servers send it
        ("gzip, gzip", zipped(zipped(TEXT)), TEXT),
        ("deflate, gzip", zipped(zlib.compress(TEXT)), TEXT),  # the last that was applied stands last
        (" GZIP ", zipped(TEXT), TEXT),
        ("gzip", zipped(TEXT) + zipped(b"more"), TEXT + b"more"),  # two members
        ("gzip", zipped(TEXT) + bytes(100), TEXT),  # padding
        ("deflate", zlib.compress(TEXT) + b"rest", TEXT),
        ("br", b"as it came", b"as it came"),  # nobody asked for it
        ("gzip, br", b"as it came", b"as it came"),
        ("gzip", b"", b""),  # an answer without a body, as to HEAD
    ],
    ids=lambda value: repr(value)[:20],
)
def test_encodings(encoding: str, wire: bytes, body: bytes) -> None:
    assert decoded(encoding, wire) == decoded(encoding, *(wire[at : at + 1] for at in range(len(wire)))) == body


def _bomb(size: int, layers: int) -> bytes:
    data = bytes(size)
    for _ in range(layers):
        data = zipped(data)
    return data


@pytest.mark.parametrize(
    ("encoding", "wire", "kind"),
    [
        ("gzip", b"no gzip", "http.encoding"),
        ("deflate", b"\xff" * 10, "http.encoding"),
        ("gzip", zipped(TEXT)[:-9], "http.encoding"),  # cut short
        ("gzip, gzip, gzip", b"x", "http.encoding"),
        ("gzip", _bomb(LARGEST_BODY + 1, 1), "http.too_large"),
        ("gzip, gzip", _bomb(LARGEST_BODY + 1, 2), "http.too_large"),
        ("gzip, gzip", zipped(zipped(b"") * 60_000), "http.too_large"),  # a stage in between grows
        ("", bytes(LARGEST_BODY + 1), "http.too_large"),
        ("deflate", FRAME + b"\x00\x00\x00\xff\xff" * (LARGEST_ENCODED // 5 + 1), "http.too_large"),  # for nothing
    ],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
def test_what_is_no_body(encoding: str, wire: bytes, kind: str) -> None:
    with pytest.raises(HttpFailed) as failed:
        decoded(encoding, wire)
    assert failed.value.kind == kind


@pytest.mark.parametrize("encoding", ["", "gzip", "deflate"])
def test_the_largest_body_is_taken_however_badly_it_is_encoded(encoding: str) -> None:
    body = bytes(range(256)) * (LARGEST_BODY // 256)
    wire = {"": body, "gzip": zipped(body, 0), "deflate": zlib.compress(body, 0)}[encoding]
    assert decoded(encoding, wire) == body


@pytest.mark.parametrize(("encoding", "layers"), [("gzip", 1), ("gzip, gzip", 2)])
def test_a_bomb_costs_a_bounded_memory(encoding: str, layers: int) -> None:
    wire = _bomb(3 * 10**7, layers)
    tracemalloc.start()
    try:
        with pytest.raises(HttpFailed):
            decoded(encoding, wire)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * LARGEST_BODY


@given(st.sampled_from(["gzip", "deflate", "gzip, deflate"]), st.binary())
def test_whatever_comes_is_a_body_or_a_failure(encoding: str, data: bytes) -> None:
    try:
        decoded(encoding, data)
    except HttpFailed as failed:
        assert failed.kind in ("http.encoding", "http.too_large")
