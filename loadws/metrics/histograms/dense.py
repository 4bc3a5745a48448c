"""Histograms with many buckets, encoded by the library ``hdrhistogram``, whose encoder is in C.

The values of a whole run fall into thousands of buckets: the library encodes these in half the time that
``wire_format`` needs. But it holds a histogram as one counter for each of 23,552 buckets. So ``wire_format`` encodes
the few values of a second, in slices while a load goes on. Both write the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping

from hdrh.histogram import HdrHistogram

#: The number of buckets from which on the library is faster than ``wire_format``.
FEWEST_BUCKETS = 1_000


def encode_dense(counts: Mapping[int, int], digits: int, highest: int, scale: float) -> str:
    """Return counts by bucket, none of them 0, in HdrHistogram's V2 wire format and in base64."""
    histogram = hdr_histogram(counts, digits, highest, scale)
    payload: bytes = histogram.encode()
    return payload.decode("ascii")


def hdr_histogram(counts: Mapping[int, int], digits: int, highest: int, scale: float) -> HdrHistogram:
    """Return the library's histogram of the same counts. ``scale`` is its integer to double conversion ratio."""
    histogram = HdrHistogram(1, highest, digits)
    kept = histogram.counts
    for bucket, times in counts.items():
        kept[bucket] = times
    if counts:
        histogram.set_internal_tacking_values(min(counts), max(counts), sum(counts.values()))
    # The library has no way to set the ratio: it is a field of the header that the encoder writes.
    histogram.encoder.payload.payload.conversion_ratio_bits = scale
    return histogram
