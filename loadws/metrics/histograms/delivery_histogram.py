"""The times of one probe's receivers as buckets and counts, small enough to be sent for each probe.

The unit is the microsecond, exact below 128; from there on each doubling has 64 buckets, so that a bucket's middle is
within 0.8 % of every value in it. Counts of several processes are added up, which is impossible for percentiles (the
layout is that of HdrHistogram's, with 6 bits instead of 11).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from loadws.terms.units import NS_PER_US

_BITS = 6


def bucket_of(time_ns: int) -> int:
    micros = time_ns // NS_PER_US
    shift = max(micros.bit_length() - _BITS - 1, 0)
    return (shift << _BITS) + (micros >> shift)


def middle_ns(bucket: int) -> int:
    """Return the middle of a bucket."""
    shift = max((bucket >> _BITS) - 1, 0)
    lowest = (bucket - (shift << _BITS)) << shift
    return lowest * NS_PER_US + (NS_PER_US << shift) // 2


def spread(times_ns: Iterable[int]) -> tuple[int, ...]:
    """Count times by bucket, and return bucket, count, bucket, count, and so on; empty buckets are left out."""
    return tuple(number for pair in Counter(map(bucket_of, times_ns)).items() for number in pair)


def add_spread(counts: Counter[int], flat: tuple[int, ...]) -> None:
    for bucket, count in zip(flat[::2], flat[1::2], strict=True):
        counts[bucket] += count


def median_ns(counts: Mapping[int, int], first_ns: int, last_ns: int) -> int:
    """Return the time of the receiver in the middle (of an even number, the earlier of the two), within the extremes.

    Raises:
        ValueError: There is no receiver.
    """
    left = (sum(counts.values()) + 1) // 2
    for bucket in sorted(counts):
        left -= counts[bucket]
        if left <= 0:
            return min(max(middle_ns(bucket), first_ns), last_ns)
    raise ValueError("there is no median of nothing")
