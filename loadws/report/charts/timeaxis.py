"""The parts that all charts over time share: the axis, the phases behind the data, and the columns of the series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from loadws.metrics.summary import Column, Series, Summary
from loadws.report.plain import plain
from loadws.report.svg.plot import SPAN, Label, Shape
from loadws.report.svg.scales import time_label, time_ticks

#: With at most this many points, each has a dot.
_FEW_POINTS = 60
#: The last interval, cut by the end of the run, has no shares of time if less than this part of it is left.
_LEAST_PART = 0.2


class TimeAxis:
    """The time of a run from its start to its end; intervals beyond the end are cut off there."""

    def __init__(self, summary: Summary) -> None:
        series = summary.series
        self.series = series
        self.until_s = until_s(summary)
        self.is_sparse = len(series.start_s) <= _FEW_POINTS
        self._summary = summary

    @property
    def starts(self) -> list[float | str | None]:
        return [round(start_s, 3) for start_s in self.series.start_s]

    def x(self, seconds: float) -> float:
        """Return where a moment lies in a view."""
        return SPAN * min(max(seconds / self.until_s, 0.0), 1.0)

    def edges(self) -> list[tuple[float, float]]:
        """Return where each interval begins and ends."""
        return [(self.x(start_s), self.x(start_s + self.series.interval_s)) for start_s in self.series.start_s]

    def is_long_enough(self) -> list[bool]:
        """Return for each interval whether a share of its time is meaningful: the last may have only a few
        milliseconds.
        """
        least_s = self.series.interval_s * _LEAST_PART
        return [self.until_s - start_s >= least_s for start_s in self.series.start_s]

    def middles(self) -> list[float]:
        return [(left + right) / 2 for left, right in self.edges()]

    def ticks(self) -> list[tuple[float, str]]:
        return [(self.x(at) / SPAN, time_label(at, self.until_s)) for at in time_ticks(0.0, self.until_s)]

    def spans_of(self, phase: str) -> tuple[float, float] | None:
        """Return where a phase begins and ends in a view; None where it never began."""
        spans = [p for p in self._summary.run.phases if p.name == phase and p.start_s < self.until_s]
        return (self.x(spans[0].start_s), self.x(spans[0].end_s)) if spans else None

    def phases(self, height: float) -> tuple[list[Shape], list[Label]]:
        """Return the shading of warm-ups, a line where each phase begins, and the phases' names above."""
        phases = [phase for phase in self._summary.run.phases if phase.start_s < self.until_s]
        if len(phases) < 2 and not any(phase.warmup for phase in phases):
            return [], []
        warmups = "".join(f"M{self.x(p.start_s):.2f} 0V{height:g}H{self.x(p.end_s):.2f}V0Z" for p in phases if p.warmup)
        begins = "".join(f"M{self.x(p.start_s):.2f} 0V{height:g}" for p in phases if p.start_s > 0)
        shapes = [Shape(warmups, "shade")] if warmups else []
        shapes += [Shape(begins, "muted", 1, "2 3", 0.7)] if begins else []
        names = [
            Label(plain(p.name, 40), self.x(p.start_s) / SPAN, self.x(min(p.end_s, self.until_s)) / SPAN, -6)
            for p in phases
        ]
        return shapes, names


def until_s(summary: Summary) -> float:
    """Return where charts over time end: with the last interval, or with the run where that ended within it."""
    series = summary.series
    if not series.start_s:
        return 0.0
    last_s, duration_s = series.start_s[-1], summary.run.duration_s
    end_s = last_s + series.interval_s
    return duration_s if last_s < duration_s < end_s else end_s


def column(series: Series, name: str, aggregate: str, labels: Mapping[str, str] | None = None) -> Column | None:
    """Return a column of the series; without labels the one of the whole."""
    wanted = dict(labels or {})
    return next((c for c in series.columns if (c.name, c.aggregate, c.labels) == (name, aggregate, wanted)), None)


def milliseconds(values: Sequence[float | None]) -> list[float | None]:
    """Return times in ms. A time of 0 becomes None, because it has no place on a logarithmic axis."""
    return [value / 1e6 if value else None for value in values]


def per_second(series: Series, metric: str) -> list[float | None]:
    """Return a counter per second for each interval, by the measured part of the interval; empty where it was not
    counted.
    """
    if found := column(series, metric, "rate"):
        return list(found.values)
    if found := column(series, metric, "count"):
        return [None if value is None else value / series.interval_s for value in found.values]
    return []
