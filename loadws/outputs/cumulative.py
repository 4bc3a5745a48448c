"""What was measured since the run began, for receivers that expect figures that only grow: Prometheus, OTLP.

A histogram is kept in two forms, both in the base unit. *Classic* has fixed bounds, and counts of the values up to each.
*Exponential* has bounds that are powers of b = 2^(2^-SCHEMA), so that each is 4.4 % above the last: bucket i holds the
values v with b^(i-1) < v <= b^i. Prometheus calls that a native histogram, and OpenTelemetry an exponential
one (its index is one less). A value that is recorded as 0 is in the zero bucket.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from itertools import accumulate

from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.metrics.summarising.totals import Count
from loadws.outputs.base_units import BaseUnit, base_unit
from loadws.outputs.bounded_labels import Key
from loadws.outputs.second import Catalogue, Second

SCHEMA = 4
_BUCKETS_PER_DOUBLING = 2**SCHEMA
#: Bounds of times, in seconds, and of other values.
TIME_BOUNDS = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
)  # fmt: skip
VALUE_BOUNDS = tuple(float(f"{digit}e{power}") for power in range(-3, 7) for digit in ("1", "2.5", "5"))


class Distribution:
    """All values of a metric with one set of labels since the run began, in the base unit."""

    def __init__(self, unit: BaseUnit) -> None:
        self._unit = unit
        self.bounds = TIME_BOUNDS if unit.sign == "s" else VALUE_BOUNDS
        self._in_bucket = [0] * (len(self.bounds) + 1)
        self.count = self.missing = self.zeros = 0
        self.sum = 0.0
        self.min, self.max = math.inf, -math.inf
        self.zero_threshold = 0.0
        self.exponential: Counter[int] = Counter()

    @property
    def in_bucket(self) -> tuple[int, ...]:
        """Return how many values lie above the bound before and up to each bound, the last of them infinite."""
        return tuple(self._in_bucket)

    @property
    def up_to(self) -> tuple[int, ...]:
        """Return how many values lie up to each bound, the last of them infinite."""
        return tuple(accumulate(self._in_bucket))

    def add(self, histogram: LatencyHistogram) -> None:
        """Add the values of a second. A bucket of theirs counts by its highest value, which is within 0.1 %."""
        divisor = self._unit.divisor
        self.zero_threshold = histogram.span.scale / 2 / divisor
        for value, times in histogram.values():
            in_unit = value / divisor
            self._in_bucket[bisect_left(self.bounds, in_unit)] += times
            if in_unit > self.zero_threshold:
                self.exponential[math.ceil(math.log2(in_unit) * _BUCKETS_PER_DOUBLING)] += times
            else:
                self.zeros += times
        self.count += histogram.count
        self.missing += histogram.missing
        if histogram.count:
            self.sum += histogram.sum / divisor
            self.min, self.max = min(self.min, histogram.min / divisor), max(self.max, histogram.max / divisor)

    def runs(self) -> list[tuple[int, list[int]]]:
        """Return the exponential buckets as runs without a gap: the first index and the counts. Gaps of one are filled."""
        runs: list[tuple[int, list[int]]] = []
        for index, times in sorted(self.exponential.items()):
            if runs and index <= runs[-1][0] + len(runs[-1][1]) + 1:
                start, counts = runs[-1]
                counts += [0] * (index - start - len(counts)) + [times]
            else:
                runs.append((index, [times]))
        return runs


class Cumulative:
    """All metrics of a run so far, by name and labels; gauges as they were last."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.distributions: dict[str, dict[Key, Distribution]] = {}
        self.counts: dict[str, dict[Key, Count]] = {}
        self.gauges: dict[str, float] = {}

    def add(self, second: Second) -> None:
        """Add a second."""
        for (name, key), histogram in second.histograms.items():
            by_key = self.distributions.setdefault(name, {})
            if key not in by_key:
                by_key[key] = Distribution(base_unit(self._catalogue[name]))
            by_key[key].add(histogram)
        for (name, key), count in second.counts.items():
            self.counts.setdefault(name, {}).setdefault(key, Count()).add(count)
        self.gauges |= second.gauges
