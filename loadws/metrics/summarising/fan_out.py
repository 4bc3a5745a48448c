"""The fan-out of one probe in one point of the timeline: how many deliveries were expected and missing, and how long the
first, the median and the last receiver of a publication waited.

Times are kept one by one, as their median is wanted and publications are few beside messages. Of more than ``MOST_KEPT``
of a point every second one is kept, then every fourth, and so on, so a point costs some kilobytes at most; the largest is
exact.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median_high

from loadws.metrics.summary import Column

MOST_KEPT = 128
#: Which receiver of a publication, and what of it the series has.
RECEIVERS = ("delivery_first", "delivery_median", "delivery_last")
_COLUMNS = (
    ("delivery_first", "p50"), ("delivery_median", "p50"), ("delivery_last", "p50"), ("delivery_last", "max"),
)  # fmt: skip


class Waits:
    """Times in nanoseconds, of which a bounded number is kept."""

    __slots__ = ("_kept", "_seen", "_stride", "most")

    def __init__(self) -> None:
        self._kept = array("q")
        self._seen = 0
        self._stride = 1
        self.most = 0

    def add(self, wait_ns: int) -> None:
        """Add one time."""
        self.most = max(self.most, wait_ns)
        self._seen += 1
        if self._seen % self._stride == 0:
            self._kept.append(wait_ns)
            self._thin()

    def join(self, other: Waits) -> None:
        """Add the times of another point. Each of those kept stands for as many as its stride."""
        theirs, stride = other._kept, other._stride
        while stride < self._stride:
            theirs, stride = theirs[1::2], stride * 2
        while self._stride < stride:
            self._halve()
        self._kept.extend(theirs)
        self._seen += other._seen
        self.most = max(self.most, other.most)
        self._thin()

    def median(self) -> int | None:
        """Return the median, by those kept; None where there is no time."""
        return median_high(self._kept) if self._kept else None

    def _thin(self) -> None:
        while len(self._kept) > MOST_KEPT:
            self._halve()

    def _halve(self) -> None:
        self._kept, self._stride = self._kept[1::2], self._stride * 2


@dataclass(slots=True)
class FanOut:
    """The publications of one probe that were made in one point's time."""

    expected: int = 0
    missing: int = 0
    waits: tuple[Waits, Waits, Waits] = field(default_factory=lambda: (Waits(), Waits(), Waits()))

    def add(self, expected: int, missing: int, waits_ns: Sequence[int]) -> None:
        """Add one publication. ``waits_ns`` are those of its receivers, as ``RECEIVERS``; empty where it had none."""
        self.expected += expected
        self.missing += missing
        for waits, wait_ns in zip(self.waits, waits_ns, strict=False):
            waits.add(wait_ns)

    def join(self, other: FanOut) -> None:
        """Add the publications of another point."""
        self.expected += other.expected
        self.missing += other.missing
        for ours, theirs in zip(self.waits, other.waits, strict=True):
            ours.join(theirs)


def columns_of(probe: str, points: Sequence[FanOut | None], covered_s: Sequence[float]) -> Iterator[Column]:
    """Yield the columns of a probe over time, by when its publications were made. ``covered_s`` are seconds of each
    point that were measured; 0: too few for a rate.
    """
    labels = {"probe": probe}
    for name, aggregate in _COLUMNS:
        at = RECEIVERS.index(name)
        values = [point.waits[at].median() if point else None for point in points]
        if aggregate == "max":
            values = [point.waits[at].most or None if point else None for point in points]
        yield Column(name, labels, aggregate, "ns", tuple(None if v is None else float(v) for v in values))
    for name, counts in (
        ("deliveries_expected", [point.expected if point else 0 for point in points]),
        ("deliveries_missing", [point.missing if point else 0 for point in points]),
    ):
        rates = (count / s if s else None for count, s in zip(counts, covered_s, strict=True))
        yield Column(name, labels, "rate", "/s", tuple(rates))
