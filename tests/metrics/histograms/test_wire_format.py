"""The wire format is HdrHistogram's: what we write, hdrh writes too, byte by byte, and each reads the other's."""

from __future__ import annotations

import base64
import zlib

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from loadws.metrics.histograms.wire_format import Packed, packing, unpacking
from tests.metrics.driven import driven

HIGHEST = 3_600_000_000
LAST_BUCKET = 22_973  # of HIGHEST
#: Of one, two and nine bytes, and where one ends.
COUNTS = st.one_of(
    st.integers(1, 200), st.integers(1, 2**61), st.sampled_from([63, 64, 8_191, 8_192, 2**55, 2**56 - 1, 2**61])
)
BY_BUCKET = st.dictionaries(st.one_of(st.integers(0, 70), st.integers(0, LAST_BUCKET)), COUNTS, max_size=40)


def packed(counts: dict[int, int]) -> str:
    return driven(packing(counts, 3, HIGHEST, 1_000.0))[0]


def unpacked(payload: str) -> Packed:
    return driven(unpacking(payload))[0]


def hdrh_of(counts: dict[int, int]) -> HdrHistogram:
    peer = HdrHistogram(1, HIGHEST, 3)
    peer.encoder.payload.payload.conversion_ratio_bits = 1_000.0
    for bucket, count in counts.items():
        peer.counts[bucket] = count
    peer.total_count = sum(counts.values())
    peer.max_value = peer.get_value_from_index(max(counts, default=0))
    return peer


def content(payload: str | bytes) -> bytes:
    return zlib.decompress(base64.b64decode(payload)[8:])


@pytest.mark.slow
@settings(deadline=None)
@given(BY_BUCKET)
def test_hdrh_writes_the_same(counts: dict[int, int]) -> None:
    assert content(hdrh_of(counts).encode()) == content(packed(counts))


@pytest.mark.slow
@settings(deadline=None)
@given(BY_BUCKET)
def test_hdrh_reads_ours(counts: dict[int, int]) -> None:
    read = HdrHistogram.decode(packed(counts))
    assert counts == {bucket: count for bucket, count in enumerate(read.counts) if count}
    assert (read.significant_figures, read.highest_trackable_value) == (3, HIGHEST)
    assert read.int_to_double_conversion_ratio == 1_000.0


@pytest.mark.slow
@settings(deadline=None)
@given(BY_BUCKET)
def test_we_read_what_hdrh_wrote(counts: dict[int, int]) -> None:
    assert Packed(counts, 3, 1, HIGHEST, 1_000.0) == unpacked(hdrh_of(counts).encode().decode())


def test_many_buckets_are_written_and_read_in_slices() -> None:
    counts = dict.fromkeys(range(0, 4_000, 2), 1)
    payload, slices = driven(packing(counts, 3, HIGHEST, 1_000.0))
    assert slices == 3  # 2,000 buckets, 500 at once
    read, slices = driven(unpacking(payload))
    assert (read.counts, slices) == (counts, 7)  # a number for each bucket, and one for each empty one


WHOLE = packed({5: 1})


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (base64.b64encode(b"HIST").decode(), "it is too short"),
        (base64.b64encode(b"\x1c\x84\x93\x13\0\0\0\0").decode(), "does not begin as"),  # not the compressed format
        (base64.b64encode(base64.b64decode(WHOLE) + b"x").decode(), "it has 54 bytes where it says 53"),
        (base64.b64encode(base64.b64decode(WHOLE)[:-1] + b"x").decode(), "incorrect data check"),
    ],
)
def test_what_is_not_in_the_format_is_refused(payload: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        unpacked(payload)


def _with_content(changed: bytes) -> str:
    body = zlib.compress(changed)
    return base64.b64encode(base64.b64decode(WHOLE)[:4] + len(body).to_bytes(4, "big") + body).decode()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (content(WHOLE)[:20], "its header is too short"),
        (b"HIST" + content(WHOLE)[4:], "its header is not one of"),
        (content(WHOLE) + b"\x02", "it has 3 bytes of counts where it says 2"),
        (content(WHOLE)[:-1] + b"\x80", "its last number is cut off"),
        (content(WHOLE) + bytes(2**20), "it is cut off or too long"),  # a bomb is read no further than that
    ],
)
def test_a_content_that_is_none_is_refused(changed: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        unpacked(_with_content(changed))
