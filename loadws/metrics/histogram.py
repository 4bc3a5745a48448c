"""Histograms that merge, keep three significant digits, and never drop a value in silence.

HdrHistogram keeps whole numbers, so a value is recorded as the nearest whole multiple of its metric's ``scale``: a time (in
nanoseconds) as whole microseconds from 0 to one hour, a value of the scenario's own as whole millionths from 0 to 10^12.
What is negative, too large or not a number fits no bucket and is counted in ``out_of_range``. A time under half a
microsecond is recorded as 0: most lags are truly 0, and a bucket of 1 µs would say otherwise. Beside the buckets stand
the exact minimum, maximum and sum, in the metric's unit.

A percentile is the nearest rank's value, as in HdrHistogram: the highest value of its bucket, but never beyond the exact
extremes. ``missing`` are requests without an answer; a judged percentile ranks them above every value, for their times were
longer than anything that was measured (measurement.md; ``language.md``, Thresholds).

The layout of buckets is that of HdrHistogram's wire format (Tene, HdrHistogram.org): at 3 digits, 2,048 buckets of one
multiple, then 1,024 of two, 1,024 of four, and so on. The payload's header carries ``scale`` as its integer to double ratio.
"""

from __future__ import annotations

import ctypes
import math
import zlib
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import accumulate, count
from typing import NamedTuple

from hdrh.codec import HdrCookieException, HdrLengthException
from hdrh.histogram import HdrHistogram
from pyhdrh import add_array

from loadws.metrics.frame import HistogramPart, Labels
from loadws.metrics.summary import MetricEntry
from loadws.terms.errors import LoadwsError
from loadws.terms.units import NS_PER_S, NS_PER_US

DIGITS = 3
_UNIT_BITS = 11  # 2^11 buckets of one unit are what 3 digits need
_HALF_BITS = _UNIT_BITS - 1
_TICKS_PER_HALVING = 5


class Span(NamedTuple):
    """What the buckets of a metric hold: whole multiples of ``scale`` from 0 to ``highest``, both in the metric's unit."""

    scale: float
    highest: float


TIME = Span(NS_PER_US, 3_600 * NS_PER_S)
SESSION_TIME = Span(NS_PER_US, 24 * 3_600 * NS_PER_S)
OWN_VALUE = Span(1e-6, 1e12)


class HistogramError(LoadwsError):
    """A payload that is not a histogram of ours, or two histograms that cannot be added."""


def span_of(metric: str, unit: str = "ns") -> Span:
    """How values of a metric are recorded; ``unit`` is the one of an own trend."""
    if unit != "ns":
        return OWN_VALUE
    return SESSION_TIME if metric == "session_time" else TIME


def rank_of(percentile: float, count: int) -> int:
    """The nearest rank, from 1: the smallest with at least ``percentile`` % of ``count`` values at or below it.

    Exact, as 99.9 % of 1,000 is rank 999 and floats would say 1,000.
    """
    return max(1, math.ceil(Fraction(str(percentile)) * count / 100))


class LatencyHistogram:
    """The values of one metric. ``min`` and ``max`` are exact, and inf and -inf while there is no value."""

    def __init__(self, scale: float = TIME.scale, highest: float = TIME.highest) -> None:
        self.span = Span(scale, highest)
        self._hdr = HdrHistogram(1, round(highest / scale), DIGITS)
        self._hdr.encoder.payload.payload.conversion_ratio_bits = scale
        self.clear()

    def clear(self) -> None:
        """Empty again, in microseconds; ``HdrHistogram.reset`` takes a millisecond."""
        ctypes.memset(self._hdr.counts, 0, ctypes.sizeof(self._hdr.counts))
        self._hdr.total_count = self._hdr.max_value = 0
        self._running: list[int] | None = None
        self.min, self.max = math.inf, -math.inf
        self.sum: float = 0  # whole while the values are
        self.missing = self.out_of_range = 0

    def __del__(self) -> None:
        # hdrh's histogram and its encoder refer to each other: 200 kB that only the collector would free.
        self._hdr.encoder = None

    @property
    def count(self) -> int:
        """How many values are in the buckets."""
        return int(self._hdr.total_count)

    @property
    def mean(self) -> float:
        """Exact. Raises ``ValueError`` where there is no value."""
        if not self.count:
            raise ValueError("there is no mean of nothing")
        return self.sum / self.count

    def record(self, value: float, count: int = 1) -> None:
        """``value`` in the metric's unit, ``count`` times."""
        scale, highest = self.span
        if not 0 <= value <= highest:
            self.out_of_range += count
            return
        self.record_counts({int((value + scale / 2) // scale): count})
        self.min, self.max = min(self.min, value), max(self.max, value)
        self.sum += value * count

    def record_counts(self, counts: Mapping[int, int]) -> None:
        """How often each whole multiple of the scale was seen, all of them in range.

        Minimum, maximum and sum are exact, which multiples are not: they are the caller's to set.
        """
        buckets = self._hdr.counts
        for multiple, times in counts.items():  # inline, for a call, even of max(), takes longer than all the rest
            shift = multiple.bit_length() - _UNIT_BITS
            if shift > 0:
                buckets[(shift << _HALF_BITS) + (multiple >> shift)] += times
            else:
                buckets[multiple] += times
        self._hdr.total_count += sum(counts.values())
        self._hdr.max_value = max(self._hdr.max_value, max(counts, default=0))
        self._running = None

    def add(self, other: LatencyHistogram) -> None:
        """Another second's, process's or step's values on top of these. Raises ``HistogramError`` where the spans differ."""
        if self.span != other.span:
            raise HistogramError(f"a histogram with the span {other.span} cannot be added to one with {self.span}")
        self._add_buckets(other)
        self._running = None
        self.min, self.max = min(self.min, other.min), max(self.max, other.max)
        self.sum += other.sum
        self.missing += other.missing
        self.out_of_range += other.out_of_range

    def _add_buckets(self, other: LatencyHistogram) -> None:
        """Of buckets that lie the same way, up to the last that holds anything: up to a millisecond 1,000 of 23,552.

        ``HdrHistogram.add`` goes through all of both, which are 190 kB each.
        """
        ours, theirs = self._hdr, other._hdr
        length = theirs.get_counts_array_index(theirs.max_value) + 1
        add_array(ctypes.addressof(ours.counts), ctypes.addressof(theirs.counts), length, ours.word_size)
        ours.total_count += theirs.total_count
        ours.max_value = max(ours.max_value, theirs.max_value)

    def encode(self) -> str:
        """The buckets in HdrHistogram's V2 wire format, compressed and in base64."""
        payload: bytes = self._hdr.encode()
        return payload.decode("ascii")

    def part(self, name: str, labels: Labels) -> HistogramPart:
        some = self.count > 0  # JSON has no infinity
        return HistogramPart(
            name=name,
            labels=labels,
            payload=self.encode(),
            count=self.count,
            min=self.min if some else 0.0,
            max=self.max if some else 0.0,
            sum=self.sum,
            missing=self.missing,
            out_of_range=self.out_of_range,
        )

    @classmethod
    def decode(cls, part: HistogramPart) -> LatencyHistogram:
        """What ``part`` came from; its payload knows its own span. Raises ``HistogramError``."""
        hdr = _decode_payload(part.payload)
        if hdr.total_count != part.count:
            raise HistogramError(f"the histogram of {part.name!r} has {hdr.total_count} values, not {part.count}")
        scale = hdr.int_to_double_conversion_ratio
        histogram = cls.__new__(cls)
        histogram.span = Span(scale, hdr.highest_trackable_value * scale)
        histogram._hdr = hdr
        histogram._running = None
        histogram.min, histogram.max = (part.min, part.max) if part.count else (math.inf, -math.inf)
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

    def value_at_rank(self, rank: int) -> float:
        """The ``rank``-th smallest value, from 1, in the metric's unit; inf where that is one of the missing.

        Raises ``ValueError`` for a rank that there is not.
        """
        if not 1 <= rank <= self.count + self.missing:
            raise ValueError(f"there is no rank {rank} among {self.count} values and {self.missing} missing")
        if rank > self.count:
            return math.inf
        if rank in (1, self.count):
            return self.min if rank == 1 else self.max
        index = bisect_left(self._cumulative(), rank)
        return min(max(_top_of_bucket(index) * self.span.scale, self.min), self.max)

    def count_above(self, value: float) -> int:
        """Return how many values are greater, as exactly as the buckets tell; requests without an answer not included."""
        if not self.count or value >= self.max:
            return 0
        if value < self.min:
            return self.count
        multiple = int(value / self.span.scale)
        shift = max(0, multiple.bit_length() - _UNIT_BITS)
        index = (shift << _HALF_BITS) + (multiple >> shift)
        last = self._hdr.get_counts_array_index(self._hdr.max_value)
        return sum(self._hdr.counts[index + 1 : last + 1])

    def percentiles(self, percentiles: Sequence[float]) -> list[float]:
        """Of the measured values alone, in the metric's unit. Raises ``ValueError`` where there is none."""
        return [self.value_at_rank(rank_of(p, self.count)) for p in percentiles]

    def percentile_with_missing(self, percentile: float) -> float:
        """The same with all that is ``missing`` above every value: inf where the rank lies among it."""
        return self.value_at_rank(rank_of(percentile, self.count + self.missing))

    def curve(self) -> list[tuple[float, float]]:
        """(percentile, value) at HdrHistogram's usual ticks, up to (100, maximum); empty where there is no value.

        Five ticks from 0 to 50 %, five from there to 75 %, and so on: even steps on an axis of log 1 / (1 - p).
        """
        points = []
        for percentile in _ticks():
            rank = rank_of(percentile, self.count)
            if rank >= self.count:
                break
            points.append((percentile, self.value_at_rank(rank)))
        return [*points, (100.0, self.max)] if self.count else []

    def _cumulative(self) -> list[int]:
        """How many values lie in each bucket and those below it."""
        if self._running is None:
            last = self._hdr.get_counts_array_index(self._hdr.max_value)
            self._running = list(accumulate(self._hdr.counts[: last + 1]))
        return self._running


def _top_of_bucket(index: int) -> int:
    """The highest whole multiple that falls into a bucket."""
    shift = max((index >> _HALF_BITS) - 1, 0)
    return ((index - (shift << _HALF_BITS) + 1) << shift) - 1


def _ticks() -> Iterator[float]:
    """0, 10, .. 40, 50, 55, .. 70, 75, 77.5, ..: ever closer to 100."""
    for halving in count():
        for tick in range(_TICKS_PER_HALVING):
            yield 100 - 100 * 0.5**halving * (1 - tick / (2 * _TICKS_PER_HALVING))


def _decode_payload(payload: str) -> HdrHistogram:
    """hdrh says what is wrong with a payload in many ways, an assertion among them."""
    try:
        hdr = HdrHistogram.decode(payload)
    except (ValueError, AssertionError, IndexError, zlib.error, HdrCookieException, HdrLengthException) as error:
        raise HistogramError(f"this is not a histogram: {str(error) or type(error).__name__}") from error
    if (hdr.significant_figures, hdr.lowest_trackable_value) != (DIGITS, 1):
        raise HistogramError(f"this histogram does not have {DIGITS} digits from 1 on, so it is not one of ours")
    return hdr
