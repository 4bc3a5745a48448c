"""The values of one metric over some time: open to be added to, or closed to be small.

An open histogram takes 190 kB, a closed one is a part of a few hundred bytes. Parts can also be put beside one another,
and be merged when there is time for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from loadws.metrics.frame import HistogramPart
from loadws.metrics.histogram import LatencyHistogram
from loadws.metrics.statistics import supports


class Values:
    """The same values, in any mixture of parts and an open histogram."""

    __slots__ = ("_open", "_parts")

    def __init__(self) -> None:
        self._parts: list[HistogramPart] = []
        self._open: LatencyHistogram | None = None

    @property
    def pieces(self) -> int:
        return len(self._parts) + (self._open is not None)

    def put(self, part: HistogramPart) -> None:
        """Beside the others; costs nothing now."""
        self._parts.append(part)

    def add(self, histogram: LatencyHistogram) -> None:
        """Raises ``HistogramError`` where the spans differ."""
        if self._open is None:
            self._open = LatencyHistogram(*histogram.span)
        self._open.add(histogram)

    def join(self, other: Values) -> None:
        """Everything of another, which stays as it is; costs nothing now where that is closed."""
        self._parts.extend(other._parts)
        if other._open is not None:
            self.add(other._open)

    def close(self) -> Iterator[None]:
        """Into one small piece, in slices of a tenth of a millisecond."""
        if self.pieces > 1:
            yield from self._gather()
        if self._open is not None:
            self._parts, self._open = [self._open.part("", {})], None
            yield

    def whole(self) -> LatencyHistogram | None:
        """All of them in one, not to be changed; None where there are none."""
        if self.pieces > 1:
            for _ in self._gather():
                pass
        return LatencyHistogram.decode(self._parts[0]) if self._parts else self._open

    def _gather(self) -> Iterator[None]:
        """Into the open histogram, part by part."""
        while self._parts:
            self.add(LatencyHistogram.decode(self._parts.pop()))
            yield


def supported_percentiles(histogram: LatencyHistogram, percentiles: Collection[float]) -> list[float | None]:
    """Of the measured values; None where they are too few to carry the percentile."""
    carried = [percentile for percentile in percentiles if supports(histogram.count, percentile)]
    values = dict(zip(carried, histogram.percentiles(carried), strict=True))
    return [values.get(percentile) for percentile in percentiles]
