"""Histograms that can be merged, keep three significant digits, and never drop a value without counting it.

HdrHistogram keeps whole numbers, so a value is recorded as the nearest whole multiple of its metric's ``scale``: a time
(in nanoseconds) as whole microseconds from 0 to one hour, a value of a scenario's own metric as whole millionths from 0
to 10^12. A negative value, one that is too large, or one that is not a number fits no bucket and is counted in
``out_of_range``. A time under half a microsecond is recorded as 0, because most lags are really 0. Beside the buckets
there are the exact minimum, maximum and sum, in the metric's unit.

A percentile is the nearest rank's value, as in HdrHistogram: the highest value of its bucket, but never beyond the
exact extremes. ``missing`` are requests without an answer; a judged percentile ranks them above every value, because
their times were longer than every measured one (measurement.md; ``language.md``, Thresholds).

The layout of buckets is that of HdrHistogram's wire format (Tene, HdrHistogram.org): at 3 digits, 2,048 buckets of one
multiple, then 1,024 of two, 1,024 of four, and so on. The payload's header carries ``scale`` as its integer to double
ratio. Only buckets with values are kept, so a histogram needs about 100 bytes for each distinct value, where all the
buckets of HdrHistogram need 190 kB.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Generator, Iterator, Mapping, Sequence
from functools import cache
from itertools import accumulate, count
from typing import NamedTuple, TypeVar

from loadws.metrics.frame import HistogramPart, Labels
from loadws.metrics.histograms.dense import FEWEST_BUCKETS, encode_dense
from loadws.metrics.histograms.wire_format import Packed, packing, unpacking
from loadws.metrics.summary import MetricEntry
from loadws.terms.errors import LoadwsError
from loadws.terms.percentiles import rank_of
from loadws.terms.units import NS_PER_S, NS_PER_US

DIGITS = 3
_UNIT_BITS = 11  # 2^11 buckets of one unit are what 3 digits need
_HALF_BITS = _UNIT_BITS - 1
_ROUGH_BITS = 7  # 2^6 rough buckets for each doubling
_ROUGHEST = _UNIT_BITS - _ROUGH_BITS
#: From here on a rough bucket is 2^4 buckets. Below, where the buckets of a doubling are fewer, it is fewer of them.
_FINE_BUCKETS, _DROPPED = 1 << _HALF_BITS, (1 << _ROUGHEST) - 1
_ROUGH_OF_FINE = tuple(bucket | (1 << max(bucket.bit_length() - _ROUGH_BITS, 0)) - 1 for bucket in range(_FINE_BUCKETS))
_TICKS_PER_HALVING = 5
Result = TypeVar("Result")


class Span(NamedTuple):
    """The range of a metric's buckets: whole multiples of ``scale`` from 0 to ``highest``, both in the metric's unit."""

    scale: float
    highest: float


TIME = Span(NS_PER_US, 3_600 * NS_PER_S)
SESSION_TIME = Span(NS_PER_US, 24 * 3_600 * NS_PER_S)
OWN_VALUE = Span(1e-6, 1e12)


class HistogramError(LoadwsError):
    """A payload that is not a histogram of loadws, or two histograms that cannot be added."""


def span_of(metric: str, unit: str = "ns") -> Span:
    """Return how values of a metric are recorded; ``unit`` is that of a scenario's own trend."""
    if unit != "ns":
        return OWN_VALUE
    return SESSION_TIME if metric == "session_time" else TIME


class LatencyHistogram:
    """The values of one metric. ``min`` and ``max`` are exact, and inf and -inf while there is no value."""

    __slots__ = ("_buckets", "_running", "count", "max", "min", "missing", "out_of_range", "span", "sum")

    def __init__(self, scale: float = TIME.scale, highest: float = TIME.highest) -> None:
        self.span = Span(scale, highest)
        self.count = 0  # of the values in the buckets
        self.min, self.max = math.inf, -math.inf
        self.sum: float = 0  # whole while the values are
        self.missing = self.out_of_range = 0
        self._buckets: dict[int, int] = {}
        self._running: tuple[list[int], list[int]] | None = None

    @property
    def buckets(self) -> int:
        """Return how many buckets have values, which is what the histogram costs."""
        return len(self._buckets)

    @property
    def mean(self) -> float:
        """Return the exact mean.

        Raises:
            ValueError: There is no value.
        """
        if not self.count:
            raise ValueError("there is no mean of nothing")
        return self.sum / self.count

    def record(self, value: float, count: int = 1) -> None:
        """Record ``value``, in the metric's unit, ``count`` times."""
        scale, highest = self.span
        if not 0 <= value <= highest:
            self.out_of_range += count
            return
        self.record_counts({int((value + scale / 2) // scale): count})
        self.min, self.max = min(self.min, value), max(self.max, value)
        self.sum += value * count

    def record_counts(self, counts: Mapping[int, int]) -> None:
        """Record how often each whole multiple of the scale was seen; all must be in range.

        Minimum, maximum and sum are exact, which multiples are not: the caller sets them.
        """
        buckets = self._buckets
        for multiple, times in counts.items():  # inline, for a call takes longer than all the rest
            shift = multiple.bit_length() - _UNIT_BITS
            bucket = (shift << _HALF_BITS) + (multiple >> shift) if shift > 0 else multiple
            buckets[bucket] = buckets.get(bucket, 0) + times
        self.count += sum(counts.values())
        self._running = None

    def add(self, other: LatencyHistogram) -> None:
        """Add the values of another second, process or step.

        Raises:
            HistogramError: The spans differ.
        """
        if self.span != other.span:
            raise HistogramError(f"a histogram with the span {other.span} cannot be added to one with {self.span}")
        if self._buckets:
            buckets = self._buckets
            for bucket, times in other._buckets.items():
                buckets[bucket] = buckets.get(bucket, 0) + times
        else:
            self._buckets = dict(other._buckets)
        self._running = None
        self.count += other.count
        self.min, self.max = min(self.min, other.min), max(self.max, other.max)
        self.sum += other.sum
        self.missing += other.missing
        self.out_of_range += other.out_of_range

    def rough(self) -> LatencyHistogram:
        """Return the same values within 1.6 %, in at most 64 buckets for each doubling: fast to add up and to look at.

        Count, minimum, maximum, sum and missing stay exact.
        """
        rough = LatencyHistogram(*self.span)
        buckets = rough._buckets
        for bucket, times in self._buckets.items():  # inline, for a call takes longer than all the rest
            bucket = bucket | _DROPPED if bucket >= _FINE_BUCKETS else _ROUGH_OF_FINE[bucket]
            buckets[bucket] = buckets.get(bucket, 0) + times
        rough.count, rough.min, rough.max, rough.sum = self.count, self.min, self.max, self.sum
        rough.missing, rough.out_of_range = self.missing, self.out_of_range
        return rough

    def encode(self) -> str:
        """Return the buckets in HdrHistogram's V2 wire format, compressed and in base64."""
        if len(self._buckets) < FEWEST_BUCKETS:
            return _driven(self._encoding())
        scale, highest = self.span
        return encode_dense(self._buckets, DIGITS, round(highest / scale), scale)

    def part(self, name: str, labels: Labels) -> HistogramPart:
        """Return all of this histogram as a frame's part."""
        return _driven(self.parting(name, labels))

    def parting(self, name: str, labels: Labels) -> Generator[None, None, HistogramPart]:
        """Make the same part in slices of about 0.1 ms, for a process whose load must not wait."""
        some = self.count > 0  # JSON has no infinity
        payload = yield from self._encoding()
        return HistogramPart(
            name=name,
            labels=labels,
            payload=payload,
            count=self.count,
            min=self.min if some else 0.0,
            max=self.max if some else 0.0,
            sum=self.sum,
            missing=self.missing,
            out_of_range=self.out_of_range,
        )

    def _encoding(self) -> Generator[None, None, str]:
        scale, highest = self.span
        return packing(self._buckets, DIGITS, round(highest / scale), scale)

    @classmethod
    def decode(cls, part: HistogramPart) -> LatencyHistogram:
        """Return the histogram that ``part`` was made from; its payload contains its span. Raises ``HistogramError``."""
        return _driven(cls.decoding(part))

    @classmethod
    def decoding(cls, part: HistogramPart) -> Generator[None, None, LatencyHistogram]:
        """Decode a part in slices of about 0.1 ms.

        Raises:
            HistogramError: The text is no histogram of this kind.
        """
        packed = yield from _unpacking(part.payload)
        histogram = cls(packed.scale, packed.highest * packed.scale)
        histogram._buckets = packed.counts
        histogram.count = sum(packed.counts.values())
        if histogram.count != part.count:
            raise HistogramError(f"the histogram of {part.name!r} has {histogram.count} values, not {part.count}")
        if part.count:
            histogram.min, histogram.max = part.min, part.max
        histogram.sum = part.sum
        histogram.missing, histogram.out_of_range = part.missing, part.out_of_range
        return histogram

    @classmethod
    def of_entry(cls, entry: MetricEntry) -> LatencyHistogram:
        """Return the histogram of a summary's entry. Raises ``HistogramError`` where it holds none."""
        return cls.decode(
            HistogramPart(
                name=entry.name,
                labels=entry.labels,
                payload=entry.histogram or "",
                count=entry.count,
                min=entry.min or 0.0,
                max=entry.max or 0.0,
                sum=(entry.mean or 0.0) * entry.count,
                missing=entry.missing,
                out_of_range=entry.out_of_range,
            )
        )

    @classmethod
    def of_payload(cls, payload: str) -> LatencyHistogram:
        """Return the buckets of an encoded histogram, without exact extremes. Raises ``HistogramError``."""
        packed = _driven(_unpacking(payload))
        histogram = cls(packed.scale, packed.highest * packed.scale)
        histogram._buckets = packed.counts
        histogram.count = sum(packed.counts.values())
        return histogram

    def items(self) -> Iterator[tuple[float, int]]:
        """Yield the highest value of each bucket that holds something, in the metric's unit, and its count."""
        for bucket, times in sorted(self._buckets.items()):
            yield _top_of_bucket(bucket) * self.span.scale, times

    def value_at_rank(self, rank: int) -> float:
        """Return the ``rank``-th smallest value, from 1, in the metric's unit; inf where that is one of the missing.

        Raises:
            ValueError: There is no such rank.
        """
        if not 1 <= rank <= self.count + self.missing:
            raise ValueError(f"there is no rank {rank} among {self.count} values and {self.missing} missing")
        if rank > self.count:
            return math.inf
        if rank in (1, self.count):
            return self.min if rank == 1 else self.max
        buckets, running = self._cumulative()
        top = _top_of_bucket(buckets[bisect_left(running, rank)])
        return min(max(top * self.span.scale, self.min), self.max)

    def values(self) -> Iterator[tuple[float, int]]:
        """Yield each value in order, as its bucket represents it, and how often it was measured, without the missing
        ones.
        """
        for bucket, times in sorted(self._buckets.items()):
            yield min(max(_top_of_bucket(bucket) * self.span.scale, self.min), self.max), times

    def count_above(self, value: float) -> int:
        """Return how many values are greater, as exactly as the buckets tell, without requests that had no answer."""
        if not self.count or value >= self.max:
            return 0
        if value < self.min:
            return self.count
        bucket = _bucket_of(int(value / self.span.scale))
        return sum(times for above, times in self._buckets.items() if above > bucket)

    def percentiles(self, percentiles: Sequence[float]) -> list[float]:
        """Return percentiles of the measured values alone, in the metric's unit. Raises ``ValueError`` where there is
        none.
        """
        return [self.value_at_rank(rank_of(p, self.count)) for p in percentiles]

    def percentile_with_missing(self, percentile: float) -> float:
        """Return a percentile where all ``missing`` rank above every value: inf where the rank falls on one of them."""
        return self.value_at_rank(rank_of(percentile, self.count + self.missing))

    def curve(self) -> list[tuple[float, float]]:
        """Return (percentile, value) at HdrHistogram's usual ticks, up to (100, maximum); empty where there is no
        value.

        There are five ticks from 0 to 50 %, five from there to 75 %, and so on: even steps on an axis of log 1 / (1 -
        p).
        """
        points = []
        for percentile in _ticks():
            rank = rank_of(percentile, self.count)
            if rank >= self.count:
                break
            points.append((percentile, self.value_at_rank(rank)))
        return [*points, (100.0, self.max)] if self.count else []

    def _cumulative(self) -> tuple[list[int], list[int]]:
        """Return the buckets in order, and how many values lie in each and those below it."""
        if self._running is None:
            buckets = sorted(self._buckets)
            self._running = buckets, list(accumulate(map(self._buckets.__getitem__, buckets)))
        return self._running


def _bucket_of(multiple: int) -> int:
    shift = max(multiple.bit_length() - _UNIT_BITS, 0)
    return (shift << _HALF_BITS) + (multiple >> shift)


@cache  # as many as there are buckets: some thousand
def _top_of_bucket(index: int) -> int:
    """Return the highest whole multiple that falls into a bucket."""
    shift = max((index >> _HALF_BITS) - 1, 0)
    return ((index - (shift << _HALF_BITS) + 1) << shift) - 1


def _ticks() -> Iterator[float]:
    """Yield 0, 10, … 40, 50, 55, … 70, 75, 77.5, …: ever closer to 100."""
    for halving in count():
        for tick in range(_TICKS_PER_HALVING):
            yield 100 - 100 * 0.5**halving * (1 - tick / (2 * _TICKS_PER_HALVING))


def _unpacking(payload: str) -> Generator[None, None, Packed]:
    try:
        packed = yield from unpacking(payload)
    except ValueError as error:
        raise HistogramError(f"this is not a histogram: {error}") from error
    if (packed.digits, packed.lowest) != (DIGITS, 1):
        raise HistogramError(f"this histogram does not have {DIGITS} digits from 1 on, so it is not one of ours")
    if max(packed.counts, default=0) > _bucket_of(packed.highest):
        raise HistogramError("this histogram has values above the highest that it can have")
    return packed


def _driven(work: Generator[None, None, Result]) -> Result:
    """Run work in slices to its end, at once, and return what it returns."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            result: Result = done.value
            return result
