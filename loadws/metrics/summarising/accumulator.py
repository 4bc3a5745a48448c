"""The values of one metric over some time: open for additions, or closed to be small.

An open histogram needs about 100 bytes for each bucket with values; a closed one is a part of a frame, some hundred
bytes in all. Parts can also be kept beside each other, and merged when there is time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from loadws.metrics.frame import HistogramPart
from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.terms.percentiles import supports


class Values:
    """Values, kept in any mixture of parts and an open histogram."""

    __slots__ = ("_open", "_parts")

    def __init__(self) -> None:
        self._parts: list[HistogramPart] = []
        self._open: LatencyHistogram | None = None

    @property
    def pieces(self) -> int:
        """Return how many parts there are, plus the open histogram."""
        return len(self._parts) + (self._open is not None)

    @property
    def open_buckets(self) -> int:
        """Return how many buckets of the open histogram have values."""
        return 0 if self._open is None else self._open.buckets

    def put(self, part: HistogramPart) -> None:
        """Put a part beside the others, which costs nothing now."""
        self._parts.append(part)

    def add(self, histogram: LatencyHistogram) -> None:
        """Add values to the open histogram. Raises ``HistogramError`` where the spans differ."""
        if self._open is None:
            self._open = LatencyHistogram(*histogram.span)
        self._open.add(histogram)

    def join(self, other: Values) -> None:
        """Add all values of another one, which does not change; this costs nothing now where that one is closed."""
        self._parts.extend(other._parts)
        if other._open is not None:
            self.add(other._open)

    def close(self) -> Iterator[None]:
        """Merge everything into one small piece, in slices of a tenth of a millisecond.

        The values are complete between two slices: a caller that stops there has lost nothing.
        """
        if self._open is None and len(self._parts) < 2:
            return
        while self._parts:
            histogram = yield from LatencyHistogram.decoding(self._parts[-1])
            self.add(histogram)
            self._parts.pop()
            yield
        assert self._open is not None
        part = yield from self._open.parting("", {})
        self._parts, self._open = [part], None
        yield

    def whole(self) -> LatencyHistogram | None:
        """Return all values in one histogram, which must not be changed; None where there are none."""
        if not self._parts:
            return self._open
        whole = LatencyHistogram.decode(self._parts[0])
        for part in self._parts[1:]:
            whole.add(LatencyHistogram.decode(part))
        if self._open is not None:
            whole.add(self._open)
        return whole


def supported_percentiles(histogram: LatencyHistogram, percentiles: Collection[float]) -> list[float | None]:
    """Return percentiles of the measured values; None where the values are too few for the percentile."""
    carried = [percentile for percentile in percentiles if supports(histogram.count, percentile)]
    values = dict(zip(carried, histogram.percentiles(carried), strict=True))
    return [values.get(percentile) for percentile in percentiles]
