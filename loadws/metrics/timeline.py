"""The run over time: at most 600 points, however long it lasts. Frames in, the summary's series out.

A point covers one second at first. When the points are used up, neighbours become one and a point covers twice the
time, so the histograms of a point are merged and never its percentiles. Parts that came together are merged into one
a little with each frame, for doing it all at the doubling would stop the load for seconds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

from loadws.metrics.frame import Frame, HistogramPart
from loadws.metrics.histogram import LatencyHistogram
from loadws.metrics.summary import Column, MetricEntry, Series
from loadws.metrics.totals import PERCENTILES, merge, supported_percentiles
from loadws.terms.metrics import TABLE

MOST_POINTS = 600
#: A rate over less than this share of a point's time would be noise.
_SHORTEST_SHARE = 0.1
_MOST_PARTS = 8

#: Histograms over time: metric -> its aggregates over all steps, and a step.
HEADLINES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "response_time": (("p50", "p90", "p99", "max"), ("p50", "p99")),
    "service_time": (("p50", "p90", "p99", "max"), ()),
    "connect_time": (("p50", "p99", "max"), ()),
    "send_lag": (("p99", "max"), ()),
}
COUNTERS = ("messages_sent", "messages_received", "bytes_sent", "bytes_received", "iterations", "errors")
GAUGES = ("open_connections", "users")


@dataclass(slots=True)
class Level:
    """A gauge of one process in one phase: what its windows showed."""

    least: float
    most: float
    total: float
    windows: int = 1

    def add(self, other: Level) -> None:
        self.least, self.most = min(self.least, other.least), max(self.most, other.most)
        self.total += other.total
        self.windows += other.windows


@dataclass(slots=True)
class Point:
    """``parts`` by metric and step ("" where it does not matter), ``levels`` by gauge, process and phase. Times in s.

    ``dropped`` is the newest count of dropped arrivals of each process, since the run began.
    """

    start_s: float
    end_s: float
    phase: str
    parts: dict[tuple[str, str], list[HistogramPart]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    levels: dict[tuple[str, int, str], Level] = field(default_factory=dict)
    dropped: dict[int, int] = field(default_factory=dict)
    cpu_share: float = 0.0
    loop_lag_ns: float = 0.0

    def add(self, other: Point) -> None:
        """The order does not matter."""
        self.phase = min((self.start_s, self.phase), (other.start_s, other.phase))[1]
        self.start_s, self.end_s = min(self.start_s, other.start_s), max(self.end_s, other.end_s)
        for key, parts in other.parts.items():
            self.parts.setdefault(key, []).extend(parts)
        for name, count in other.counts.items():
            self.counts[name] = self.counts.get(name, 0) + count
        for place, level in other.levels.items():
            if place in self.levels:
                self.levels[place].add(level)
            else:
                self.levels[place] = replace(level)
        for process, count in other.dropped.items():
            self.dropped[process] = max(self.dropped.get(process, 0), count)
        self.cpu_share = max(self.cpu_share, other.cpu_share)
        self.loop_lag_ns = max(self.loop_lag_ns, other.loop_lag_ns)

    def squeeze(self, key: tuple[str, str], most: int = 1) -> bool:
        """Several parts become one where there are more than ``most``; says whether there was something to do."""
        parts = self.parts[key]
        if len(parts) <= most:
            return False
        whole = merge([LatencyHistogram.decode(part) for part in parts])
        self.parts[key] = [whole.part(key[0], {})]
        return True

    def histogram(self, name: str, step: str | None = None) -> LatencyHistogram | None:
        """Of one step, or of all; None where nothing was measured."""
        parts = [
            part
            for key, some in self.parts.items()
            if key[0] == name and step in (None, key[1])
            for part in some
            if part.count
        ]
        return merge([LatencyHistogram.decode(part) for part in parts]) if parts else None

    def gauge(self, name: str, phases: Collection[str] | None = None) -> Level | None:
        """Over all processes: the sums of their least, most and mean, for their windows do not end at the same moment."""
        by_process: dict[int, Level] = {}
        for (gauge, process, phase), level in self.levels.items():
            if gauge == name and (phases is None or phase in phases):
                if process in by_process:
                    by_process[process].add(level)
                else:
                    by_process[process] = replace(level)
        if not by_process:
            return None
        of = by_process.values()
        windows = max(level.windows for level in of)
        total = sum(level.total / level.windows for level in of) * windows
        return Level(sum(level.least for level in of), sum(level.most for level in of), total, windows)


def point_of(frame: Frame) -> Point:
    """What a timeline keeps of a frame."""
    point = Point(frame.start_s, frame.start_s + frame.duration_s, frame.phase)
    for part in frame.histograms:
        if part.name in HEADLINES:
            step = part.labels.get("step", "") if HEADLINES[part.name][1] else ""
            point.parts.setdefault((part.name, step), []).append(part)
    for counter in frame.counters:
        if counter.name in COUNTERS:
            point.counts[counter.name] = point.counts.get(counter.name, 0) + counter.count
    for name in GAUGES:
        level = float(getattr(frame.gauges, name))
        point.levels[name, frame.process, frame.phase] = Level(level, level, level)
    point.dropped[frame.process] = frame.ledger.arrivals.dropped
    point.cpu_share = frame.health.cpu_share
    point.loop_lag_ns = frame.health.loop_lag_max_ns
    return point


class Timeline:
    """Points by their number: the n-th begins at n times ``interval_s``."""

    def __init__(self) -> None:
        self.interval_s = 1.0
        self._points: dict[int, Point] = {}
        self._squeezed = 0

    def adding(self, frame: Frame) -> Iterator[None]:
        """In slices of about half a millisecond."""
        # By the frame's middle: its start may lie a hair before the second that it belongs to.
        middle_s = frame.start_s + frame.duration_s / 2
        while middle_s >= MOST_POINTS * self.interval_s:
            self._halve()
            yield
        number = int(middle_s / self.interval_s)
        self._put(number, point_of(frame))
        yield
        yield from self._squeezing(self._points[number], _MOST_PARTS)
        # One point a frame is enough: between two doublings there are at least as many frames as points.
        self._squeezed = (self._squeezed + 1) % MOST_POINTS
        if self._squeezed != number and self._squeezed in self._points:
            yield from self._squeezing(self._points[self._squeezed], 1)

    def gauge_entries(self, phases: Collection[str], **labels: str) -> list[MetricEntry]:
        """The gauges over some phases."""
        entries = []
        for name in GAUGES:
            levels = [level for point in self._points.values() if (level := point.gauge(name, phases))]
            if levels:
                windows = sum(level.windows for level in levels)
                mean = sum(level.total for level in levels) / windows
                entries.append(
                    MetricEntry(
                        name=name,
                        labels=labels,
                        kind="gauge",
                        unit=TABLE[name].unit,
                        count=windows,
                        min=min(level.least for level in levels),
                        mean=mean,
                        max=max(level.most for level in levels),
                        value=mean,
                    )
                )
        return entries

    def series(self) -> Series:
        """A point that no frame fell into has None for every value, and the phase of the one before."""
        points = [self._points.get(number) for number in range(max(self._points, default=-1) + 1)]
        phases: list[str] = []
        for point in points:
            phases.append(point.phase if point else phases[-1] if phases else "")
        return Series(
            interval_s=self.interval_s,
            start_s=tuple(number * self.interval_s for number in range(len(points))),
            phase=tuple(phases),
            columns=(*self._histogram_columns(points), *self._other_columns(points)),
        )

    def _put(self, number: int, point: Point) -> None:
        if number in self._points:
            self._points[number].add(point)
        else:
            self._points[number] = point

    def _halve(self) -> None:
        """Every two points become one."""
        points, self._points = self._points, {}
        self.interval_s *= 2
        for number in sorted(points):
            self._put(number // 2, points[number])

    def _squeezing(self, point: Point, most: int) -> Iterator[None]:
        for key in list(point.parts):
            if point.squeeze(key, most):
                yield

    def _histogram_columns(self, points: list[Point | None]) -> Iterator[Column]:
        measured = {key for point in points if point for key in point.parts}
        for name, (aggregates, of_steps) in HEADLINES.items():
            steps = sorted(step for metric, step in measured if metric == name)
            if steps:
                yield from _percentile_columns(name, None, aggregates, points)
            if of_steps and len(steps) > 1:
                for step in steps:
                    yield from _percentile_columns(name, step, of_steps, points)

    def _other_columns(self, points: list[Point | None]) -> Iterator[Column]:
        for name in COUNTERS:
            yield Column(name, {}, "rate", "/s", tuple(self._rate(point, name) for point in points))
        yield Column("arrivals_dropped", {}, "rate", "/s", tuple(self._dropped(points)))
        for name in GAUGES:
            levels = (point.gauge(name) if point else None for point in points)
            yield Column(name, {}, "max", "1", tuple(level.most if level else None for level in levels))
        yield Column("cpu_share", {}, "max", "ratio", tuple(point.cpu_share if point else None for point in points))
        yield Column("loop_lag", {}, "max", "ns", tuple(point.loop_lag_ns if point else None for point in points))

    def _rate(self, point: Point | None, name: str) -> float | None:
        return self._per_s(point, point.counts.get(name, 0)) if point else None

    def _dropped(self, points: list[Point | None]) -> Iterator[float | None]:
        """Each process's count is of the whole run so far: what is new in a point is the difference to the point before."""
        so_far: dict[int, int] = {}
        for point in points:
            if point is None:
                yield None
                continue
            new = {process: count - so_far.get(process, 0) for process, count in point.dropped.items()}
            so_far |= point.dropped
            yield self._per_s(point, sum(new.values()))

    def _per_s(self, point: Point, count: int) -> float | None:
        seconds = point.end_s - point.start_s
        return count / seconds if seconds >= self.interval_s * _SHORTEST_SHARE else None


def _percentile_columns(
    name: str, step: str | None, aggregates: tuple[str, ...], points: list[Point | None]
) -> Iterator[Column]:
    labels = {} if step is None else {"step": step}
    histograms = [point.histogram(name, step) if point else None for point in points]
    rows = [_aggregates(histogram, aggregates) for histogram in histograms]
    for index, aggregate in enumerate(aggregates):
        yield Column(name, labels, aggregate, "ns", tuple(row[index] for row in rows))


def _aggregates(histogram: LatencyHistogram | None, aggregates: tuple[str, ...]) -> list[float | None]:
    if histogram is None:
        return [None] * len(aggregates)
    wanted = [PERCENTILES[aggregate] for aggregate in aggregates if aggregate != "max"]
    values = iter(supported_percentiles(histogram, wanted))
    return [histogram.max if aggregate == "max" else next(values) for aggregate in aggregates]
