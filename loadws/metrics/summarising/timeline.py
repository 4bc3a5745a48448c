"""The run over time: at most 600 points, however long it lasts. Frames in, the summary's series out.

A point covers one second at first. When the points are used up, every two neighbours become one and a point covers
twice the time. So the histograms of a point are merged, never its percentiles. A few histograms are merged with each
frame, because merging all of them at the doubling would stop the load for seconds.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from loadws.metrics.frame import Frame, HistogramPart
from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.metrics.summarising.accumulator import Values, supported_percentiles
from loadws.metrics.summarising.fan_out import FanOut, columns_of
from loadws.metrics.summary import Column, MetricEntry, Series
from loadws.terms.metrics import TABLE
from loadws.terms.percentiles import PERCENTILES

MOST_POINTS = 600
#: A rate over a smaller share of a point's time would be noise.
_SHORTEST_SHARE = 0.1
_MOST_PIECES = 4
#: How many steps, the first that were measured, have columns of their own. All are in the columns without a step.
MOST_STEPS = 100
_OTHER_STEPS = ""

#: Histograms over time: metric -> its aggregates over all steps, and a step.
HEADLINES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "response_time": (("p50", "p90", "p99", "max"), ("p50", "p99", "max")),
    "service_time": (("p50", "p90", "p99", "max"), ()),
    "connect_time": (("p50", "p99", "max"), ()),
    "send_lag": (("p99", "max"), ()),
}
COUNTERS = (
    *("messages_sent", "messages_received", "bytes_sent", "bytes_received", "wire_bytes_sent", "wire_bytes_received"),
    *("reconnects", "disconnects", "iterations", "errors"),
)
#: Counters over time of a run that publishes probes, over all of them.
OF_DELIVERIES = ("deliveries_duplicate", "deliveries_out_of_order", "deliveries_late")
#: How many probes, the first that were settled, have columns of their own.
MOST_PROBES = 6
GAUGES = ("open_connections", "users")

_Place = TypeVar("_Place")
Row = dict[tuple[str, str | None], list[float | None]]  # metric and step (None: all) -> its aggregates


@dataclass(slots=True)
class Level:
    """A gauge of one process in one phase: the ``fewest`` and the ``most`` at any moment.

    The ``floor`` is the fewest at any moment of the ``windows``, and the ``total`` the sum of the values at their ends.
    These are the whole seconds of the phase: without the rise at its beginning and the fall behind the end of the load.
    """

    most: float
    fewest: float
    floor: float = math.inf
    total: float = 0.0
    windows: int = 0

    def add(self, other: Level) -> None:
        self.most, self.fewest = max(self.most, other.most), min(self.fewest, other.fewest)
        self.floor = min(self.floor, other.floor)
        self.total += other.total
        self.windows += other.windows


@dataclass(slots=True)
class Point:
    """One point. ``values`` by metric and step ("" where it does not matter), ``levels`` by gauge, process and phase.
    Times in s.

    ``dropped`` is the newest count of dropped arrivals of each process, since the run began.
    """

    start_s: float
    end_s: float
    phase: str
    values: dict[tuple[str, str], Values] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    levels: dict[tuple[str, int, str], Level] = field(default_factory=dict)
    dropped: dict[int, int] = field(default_factory=dict)
    probes: dict[str, FanOut] = field(default_factory=dict)
    cpu_share: float = 0.0
    loop_lag_ns: float = 0.0

    def put(self, metric: str, step: str, part: HistogramPart, histogram: LatencyHistogram) -> None:
        """Keep the first part as it came, which costs nothing, and often it is the only one; add up those of more processes.

        ``histogram`` is the part, decoded.
        """
        values = self._values(metric, step)
        if values.pieces:
            values.add(histogram)
        else:
            values.put(part)

    def add(self, metric: str, histogram: LatencyHistogram) -> None:
        """Add values of a metric without a column for each step, or of a step that has none."""
        self._values(metric, _OTHER_STEPS).add(histogram)

    def join(self, other: Point) -> None:
        """Add another point's values; the order does not matter."""
        self.phase = min((self.start_s, self.phase), (other.start_s, other.phase))[1]
        self.start_s, self.end_s = min(self.start_s, other.start_s), max(self.end_s, other.end_s)
        for key, values in other.values.items():
            self._values(*key).join(values)
        for name, count in other.counts.items():
            self.counts[name] = self.counts.get(name, 0) + count
        for place, level in other.levels.items():
            _add_level(self.levels, place, level)
        for probe, fan_out in other.probes.items():
            self.probes.setdefault(probe, FanOut()).join(fan_out)
        for process, count in other.dropped.items():
            self.dropped[process] = max(self.dropped.get(process, 0), count)
        self.cpu_share = max(self.cpu_share, other.cpu_share)
        self.loop_lag_ns = max(self.loop_lag_ns, other.loop_lag_ns)

    def tidying(self, most: int) -> Iterator[None]:
        """Merge values in more than ``most`` pieces into one, in slices."""
        for values in list(self.values.values()):
            if values.pieces > most:
                yield from values.close()

    def closing(self) -> Iterator[None]:
        for values in list(self.values.values()):
            yield from values.close()

    def row(self, several_steps: bool) -> Row:
        """Return the aggregates of every headline that was measured."""
        row: Row = {}
        for name, (aggregates, of_steps) in HEADLINES.items():
            whole = Values()
            for step, histogram in self._of_metric(name):
                whole.add(histogram)
                if of_steps and several_steps and step != _OTHER_STEPS:
                    row[name, step] = _aggregates(histogram, of_steps)
            if (histogram_or_none := whole.whole()) is not None:
                row[name, None] = _aggregates(histogram_or_none, aggregates)
        return row

    def gauge(self, name: str, phases: Collection[str] | None = None) -> Level | None:
        """Return a gauge over all processes: the sums of their fewest, most, floors and means, because their windows end
        at different moments. It has no floor where one of them has no whole second.
        """
        by_process: dict[int, Level] = {}
        for (gauge, process, phase), level in self.levels.items():
            if gauge == name and (phases is None or phase in phases):
                _add_level(by_process, process, level)
        if not by_process:
            return None
        levels = by_process.values()
        most, fewest, floor = (sum(getattr(level, of) for level in levels) for of in ("most", "fewest", "floor"))
        windows = max(level.windows for level in levels) if math.isfinite(floor) else 0
        total = sum(level.total / level.windows for level in levels) * windows if windows else 0.0
        return Level(most, fewest, floor, total, windows)

    def _of_metric(self, name: str) -> Iterator[tuple[str, LatencyHistogram]]:
        """Yield each step's histogram, open while it is used."""
        for (metric, step), values in self.values.items():
            if metric == name:
                copy = Values()
                copy.join(values)
                if (histogram := copy.whole()) is not None:
                    yield step, histogram

    def _values(self, name: str, step: str) -> Values:
        return self.values.setdefault((name, step), Values())


def _add_level(levels: dict[_Place, Level], place: _Place, level: Level) -> None:
    if place in levels:
        levels[place].add(level)
    else:
        levels[place] = replace(level)


def _point_of(frame: Frame) -> Point:
    """Return the point of one frame, without its histograms."""
    point = Point(frame.start_s, frame.start_s + frame.duration_s, frame.phase)
    for counter in frame.counters:
        if counter.name in COUNTERS or counter.name in OF_DELIVERIES:
            point.counts[counter.name] = point.counts.get(counter.name, 0) + counter.count
    for name in GAUGES:
        value, (fewest, most) = float(getattr(frame.gauges, name)), frame.gauges.span(name)
        level = point.levels[name, frame.process, frame.phase] = Level(float(most), float(fewest))
        if not frame.over and not frame.phases:  # no phase begins or ends in it
            level.floor, level.total, level.windows = float(fewest), value, 1
    point.dropped[frame.process] = frame.ledger.arrivals.dropped
    point.cpu_share = frame.health.cpu_share
    point.loop_lag_ns = frame.health.loop_lag_max_ns
    return point


class Timeline:
    """Points by their number: the n-th begins at n times ``interval_s``."""

    def __init__(self) -> None:
        self.interval_s = 1.0
        self._points: dict[int, Point] = {}
        self._newest = 0
        self._tidied = 0
        self._steps: set[str] = set()  # those with columns of their own

    def begin(self, frame: Frame) -> None:
        """Put a frame into its point, except its histograms, which come by ``add_histogram``."""
        # By the frame's middle: its start may lie a hair before the second that it belongs to.
        middle_s = frame.start_s + frame.duration_s / 2
        while middle_s >= MOST_POINTS * self.interval_s:
            self._halve()
        self._newest = int(middle_s / self.interval_s)
        self._put(self._newest, _point_of(frame))

    def add_histogram(self, part: HistogramPart, histogram: LatencyHistogram) -> None:
        """Add a part of the frame that was begun last; ``histogram`` is the part, decoded."""
        if part.name not in HEADLINES or not part.count:
            return
        point, step = self._points[self._newest], part.labels.get("step", _OTHER_STEPS)
        if HEADLINES[part.name][1] and self._has_columns(step):
            point.put(part.name, step, part, histogram)
        else:
            point.add(part.name, histogram)

    def _has_columns(self, step: str) -> bool:
        if step not in self._steps and len(self._steps) < MOST_STEPS:
            self._steps.add(step)
        return step in self._steps

    def add_probe(self, made_s: float, probe: str, expected: int, missing: int, waits_ns: Sequence[int]) -> None:
        """Add a settled probe to the point in which it was made; where no frame covers that time, to the point before."""
        number = int(made_s / self.interval_s)
        if number not in self._points:
            number = max((each for each in self._points if each < number), default=min(self._points, default=-1))
        if number >= 0:
            self._points[number].probes.setdefault(probe, FanOut()).add(expected, missing, waits_ns)

    def tidying(self) -> Iterator[None]:
        """Do the work that is due after each frame, in slices of a tenth of a millisecond."""
        yield from self._points[self._newest].tidying(_MOST_PIECES)
        if self._newest - 1 in self._points:
            yield from self._points[self._newest - 1].closing()
        # One point more a frame is enough: between two doublings there are at least as many frames as points.
        self._tidied = (self._tidied + 1) % MOST_POINTS
        if self._tidied != self._newest and self._tidied in self._points:
            yield from self._points[self._tidied].closing()

    def gauge_entries(
        self, phases: Collection[str], names: Collection[str] = GAUGES, **labels: str
    ) -> list[MetricEntry]:
        """Return the gauges over some phases. Other names among ``names`` are ignored."""
        entries = []
        for name in GAUGES:
            if name not in names:
                continue
            levels = [level for point in self._points.values() if (level := point.gauge(name, phases))]
            if levels:
                entries.append(_gauge_entry(name, labels, levels))
        return entries

    def series(self) -> Series:
        """Return the series. A point without a frame has None for every value, and the phase of the previous one."""
        points = [self._points.get(number) for number in range(max(self._points, default=-1) + 1)]
        phases: list[str] = []
        for point in points:
            phases.append(point.phase if point else phases[-1] if phases else "")
        return Series(
            interval_s=self.interval_s,
            start_s=tuple(number * self.interval_s for number in range(len(points))),
            phase=tuple(phases),
            columns=(*_histogram_columns(points), *self._other_columns(points)),
        )

    def _put(self, number: int, point: Point) -> None:
        if number in self._points:
            self._points[number].join(point)
        else:
            self._points[number] = point

    def _halve(self) -> None:
        """Merge every two points into one."""
        points, self._points = self._points, {}
        self.interval_s *= 2
        for number in sorted(points):
            self._put(number // 2, points[number])

    def _other_columns(self, points: list[Point | None]) -> Iterator[Column]:
        for name in COUNTERS:
            yield Column(name, {}, "rate", "/s", tuple(self._rate(point, name) for point in points))
        yield Column("arrivals_dropped", {}, "rate", "/s", tuple(self._dropped(points)))
        yield from self._probe_columns(points)
        for name in GAUGES:
            levels = [point.gauge(name) if point else None for point in points]
            yield Column(name, {}, "max", "1", tuple(level.most if level else None for level in levels))
            yield Column(name, {}, "min", "1", tuple(level.fewest if level else None for level in levels))
        yield Column("cpu_share", {}, "max", "ratio", tuple(point.cpu_share if point else None for point in points))
        yield Column("loop_lag", {}, "max", "ns", tuple(point.loop_lag_ns if point else None for point in points))

    def _probe_columns(self, points: list[Point | None]) -> Iterator[Column]:
        """Yield the columns of probes, where the run has some: their fan-out, and what came wrong."""
        names = dict.fromkeys(name for point in points if point for name in point.probes)
        covered_s = [self._covered_s(point) if point else 0.0 for point in points]
        for name in list(names)[:MOST_PROBES]:
            yield from columns_of(name, [point.probes.get(name) if point else None for point in points], covered_s)
        for name in OF_DELIVERIES if names else ():
            yield Column(name, {}, "rate", "/s", tuple(self._rate(point, name) for point in points))

    def _rate(self, point: Point | None, name: str) -> float | None:
        return self._per_s(point, point.counts.get(name, 0)) if point else None

    def _dropped(self, points: list[Point | None]) -> Iterator[float | None]:
        """Yield the arrivals dropped in each point: each process counts since the run began, so the previous count is
        subtracted.
        """
        so_far: dict[int, int] = {}
        for point in points:
            if point is None:
                yield None
                continue
            new = {process: count - so_far.get(process, 0) for process, count in point.dropped.items()}
            so_far |= point.dropped
            yield self._per_s(point, sum(new.values()))

    def _per_s(self, point: Point, count: int) -> float | None:
        seconds = self._covered_s(point)
        return count / seconds if seconds else None

    def _covered_s(self, point: Point) -> float:
        """Return how much of a point was measured; 0 where it is too little for a rate."""
        seconds = point.end_s - point.start_s
        return seconds if seconds >= self.interval_s * _SHORTEST_SHARE else 0.0


def _gauge_entry(name: str, labels: dict[str, str], levels: list[Level]) -> MetricEntry:
    windows = sum(level.windows for level in levels)
    mean = sum(level.total for level in levels) / windows if windows else None
    return MetricEntry(
        name=name,
        labels=labels,
        kind="gauge",
        unit=TABLE[name].unit,
        count=windows,
        min=min(level.floor for level in levels) if windows else None,
        mean=mean,
        max=max(level.most for level in levels),
        value=mean,
    )


def _histogram_columns(points: list[Point | None]) -> Iterator[Column]:
    """Yield the columns, point by point, so that only one point's histograms are open at once."""
    measured = {key for point in points if point for key in point.values}
    steps = {name: sorted(step for metric, step in measured if metric == name) for name in HEADLINES}
    several = any(len(of_metric) > 1 for of_metric in steps.values())
    rows = [point.row(several) if point else {} for point in points]
    for name, (aggregates, of_steps) in HEADLINES.items():
        if steps[name]:
            yield from _columns(name, None, aggregates, rows)
        if of_steps and len(steps[name]) > 1:
            for step in steps[name]:
                if step != _OTHER_STEPS:
                    yield from _columns(name, step, of_steps, rows)


def _columns(name: str, step: str | None, aggregates: tuple[str, ...], rows: list[Row]) -> Iterator[Column]:
    labels = {} if step is None else {"step": step}
    nothing: list[float | None] = [None] * len(aggregates)
    for index, aggregate in enumerate(aggregates):
        yield Column(name, labels, aggregate, "ns", tuple(row.get((name, step), nothing)[index] for row in rows))


def _aggregates(histogram: LatencyHistogram, aggregates: tuple[str, ...]) -> list[float | None]:
    wanted = [PERCENTILES[aggregate] for aggregate in aggregates if aggregate != "max"]
    values = iter(supported_percentiles(histogram, wanted))
    return [histogram.max if aggregate == "max" else next(values) for aggregate in aggregates]
