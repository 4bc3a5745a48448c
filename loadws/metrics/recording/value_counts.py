"""One second's values of one metric, counted before they go into buckets.

Equal values are counted first, as whole multiples of the metric's scale, so that a bucket is looked up once for each
distinct value and not for each value (measurement.md, "Stamps").
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Generator, Sequence
from itertools import islice

from loadws.metrics.frame import HistogramPart, Labels
from loadws.metrics.histograms.histogram import LatencyHistogram, Span

_DISTINCT_A_SLICE = 500  # about 0.1 ms


class Tally:
    """The values so far. ``min``, ``max`` and ``sum`` are exact, in the metric's unit."""

    __slots__ = ("_counts", "max", "min", "missing", "out_of_range", "span", "sum")

    def __init__(self, span: Span) -> None:
        self.span = span
        self._counts: Counter[float] = Counter()
        self.min, self.max = math.inf, -math.inf
        self.sum: float = 0  # whole while the values are
        self.missing = self.out_of_range = 0

    def add(self, values: Sequence[float]) -> None:
        """Add values in the metric's unit, in about 0.1 µs each."""
        if not values:
            return
        scale, highest = self.span
        lowest, largest, total = min(values), max(values), sum(values)
        if not (
            lowest >= 0 and largest <= highest and total == total
        ):  # a NaN hides from min and max, not from the sum
            fitting = [value for value in values if 0 <= value <= highest]
            self.out_of_range += len(values) - len(fitting)
            self.add(fitting)
            return
        half = scale // 2 or scale / 2  # whole nanoseconds stay whole, which is three times as fast
        self._counts.update([(value + half) // scale for value in values])
        self.min, self.max = min(self.min, lowest), max(self.max, largest)
        self.sum += total

    def add_zeros(self, count: int) -> None:
        """Add ``count`` zeros at once."""
        if count:
            self._counts[0] += count
            self.min, self.max = min(self.min, 0), max(self.max, 0)

    def adding(self, other: Tally) -> Generator[None, None, None]:
        """Add the values of another tally of the same span, in slices of about 0.1 ms."""
        pairs = iter(other._counts.items())
        while some := dict(islice(pairs, _DISTINCT_A_SLICE)):
            self._counts.update(some)
            yield
        self.min, self.max = min(self.min, other.min), max(self.max, other.max)
        self.sum += other.sum
        self.missing += other.missing
        self.out_of_range += other.out_of_range

    def part(self, name: str, labels: Labels) -> Generator[None, None, HistogramPart]:
        """Make a frame's part of the tally, in slices of about 0.1 ms."""
        histogram = LatencyHistogram(*self.span)
        histogram.min, histogram.max, histogram.sum = self.min, self.max, self.sum
        histogram.missing, histogram.out_of_range = self.missing, self.out_of_range
        pairs = iter(self._counts.items())
        while some := dict(islice(pairs, _DISTINCT_A_SLICE)):
            histogram.record_counts({int(multiple): times for multiple, times in some.items()})
            yield
        return (yield from histogram.parting(name, labels))
