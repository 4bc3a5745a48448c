"""One second of a run, the processes' frames put together: what each live output is given.

A process that is late by more than ``LATE_S`` is not waited for. Its later report about a second that is over comes as that
second once more, with only these values: counters and histograms may always be added up.

Deliveries of probes are joined here too. They belong to the second in which they are settled: when their time is over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from loadws.metrics.frame import CounterPart, Frame, Gauges, HistogramPart
from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.metrics.runinfo import RunInfo
from loadws.metrics.summarising.delivery import Deliveries
from loadws.metrics.summarising.totals import Count
from loadws.outputs.bounded_labels import BoundedLabels, Key
from loadws.terms.metrics import TABLE, Metric

LATE_S = 3
GENERATOR_CPU = Metric("generator_cpu", "gauge", "ratio", "the busiest process of loadws: the share of a core it used")
GENERATOR_LAG = Metric("generator_loop_lag", "gauge", "ns", "the longest that the event loop of a process was late")
GAUGES = (TABLE["users"], TABLE["open_connections"], GENERATOR_CPU, GENERATOR_LAG)


@dataclass(slots=True)
class Second:
    """What was measured in one second. ``start_s`` and ``end_s`` are seconds of the run; labels contain the ``phase``."""

    start_s: float
    end_s: float
    phase: str
    warmup: bool
    histograms: dict[tuple[str, Key], LatencyHistogram] = field(default_factory=dict)
    counts: dict[tuple[str, Key], Count] = field(default_factory=dict)
    gauges: dict[str, float] = field(default_factory=dict)
    unix_ns: int = 0  # when it began

    @property
    def duration_s(self) -> float:
        """Return how long it was: less than a second at the end of a run, more where a process stood still."""
        return self.end_s - self.start_s


class Catalogue:
    """The metrics that a run may have: those of loadws and those that its scenario declares, by name."""

    def __init__(self, info: RunInfo) -> None:
        self._metrics = {**TABLE, **info.own(), **{metric.name: metric for metric in GAUGES}}

    def __iter__(self) -> Iterator[Metric]:
        """Yield each metric: those of loadws first."""
        return iter(self._metrics.values())

    def __getitem__(self, name: str) -> Metric:
        """Return the metric of this name. Raises ``KeyError`` where there is none."""
        return self._metrics[name]

    def __contains__(self, name: str) -> bool:
        """Return whether there is a metric of this name: a counter whose name was made of a template is none."""
        return name in self._metrics


class Seconds:
    """Frames in, whole seconds out, in order."""

    def __init__(self, info: RunInfo) -> None:
        self._catalogue = Catalogue(info)
        self._labels = BoundedLabels()
        self._deliveries = Deliveries(info.probes, tuple(phase.name for phase in info.phases), info.process_numbers)
        self._told = dict.fromkeys(info.process_numbers, -1)  # process -> the last second that it reported
        self._pending: dict[int, Second] = {}
        self._newest: Second | None = None  # the last that was whole
        self._gauges: dict[int, tuple[int, Gauges]] = {}

    def add(self, frame: Frame, unix_ns: int) -> list[Second]:
        """Add what one process measured; ``unix_ns`` is when the run began. Return the seconds that are now whole."""
        number = int(frame.start_s + frame.duration_s / 2)
        second = self._pending.get(number)
        if second is None:
            start_ns = unix_ns + round(frame.start_s * 1e9)
            second = Second(frame.start_s, frame.start_s, frame.phase, frame.warmup, unix_ns=start_ns)
            self._pending[number] = second
        self._fill(second, frame, number)
        self._told[frame.process] = number
        if frame.last:
            del self._told[frame.process]
        return list(self._whole())

    def rest(self) -> list[Second]:
        """Return what is left at the end of the run, in order: last, deliveries whose time was not over."""
        rest = [second for _, second in sorted(self._pending.items())]
        self._pending.clear()
        last = rest[-1] if rest else self._newest
        if last is not None:
            settled = Second(last.start_s, last.end_s, last.phase, last.warmup, unix_ns=last.unix_ns)
            for _ in self._deliveries.settling_all(_Sink(self, settled)):
                pass
            if settled.counts or settled.histograms:
                rest.append(settled)
        return rest

    def _whole(self) -> Iterator[Second]:
        newest = max(self._pending)
        awaited = [told for told in self._told.values() if newest - told < LATE_S]
        until = min(awaited, default=newest)
        for number in sorted(self._pending):
            if number <= until:
                self._newest = self._pending.pop(number)
                yield self._newest

    def _fill(self, second: Second, frame: Frame, number: int) -> None:
        second.end_s = max(second.end_s, frame.start_s + frame.duration_s)
        sink = _Sink(self, second)
        for counter in frame.counters:
            sink.add_counter(counter)
        for part in frame.histograms:
            sink.add_histogram(part, LatencyHistogram.decode(part))
        for _ in self._deliveries.adding(frame, sink):
            pass
        self._gauges[frame.process] = number, frame.gauges
        present = [gauges for told, gauges in self._gauges.values() if number - told <= LATE_S]
        second.gauges["users"] = sum(gauges.users for gauges in present)
        second.gauges["open_connections"] = sum(gauges.open_connections for gauges in present)
        _raise(second.gauges, GENERATOR_CPU.name, frame.health.cpu_share)
        _raise(second.gauges, GENERATOR_LAG.name, frame.health.loop_lag_max_ns)

    def key_of(self, part: CounterPart | HistogramPart) -> tuple[str, Key] | None:
        """Return where a part belongs; None for a metric that the scenario does not declare by its name."""
        return (part.name, self._labels.key(part.labels)) if part.name in self._catalogue else None


class _Sink:
    """A receiver of a frame's parts, which adds them to a second."""

    def __init__(self, seconds: Seconds, second: Second) -> None:
        self._seconds = seconds
        self._second = second

    def add_counter(self, part: CounterPart) -> None:
        """Add a count."""
        key = self._seconds.key_of(part)
        if key is not None:
            self._second.counts.setdefault(key, Count()).add(part)

    def add_histogram(self, part: HistogramPart, histogram: LatencyHistogram) -> None:
        """Add values; ``histogram`` is the part, decoded."""
        key = self._seconds.key_of(part)
        if key is None:
            return
        values = self._second.histograms.get(key)
        if values is None:
            self._second.histograms[key] = histogram
        elif values.span == histogram.span:  # else two steps record one trend in different units
            values.add(histogram)


def _raise(gauges: dict[str, float], name: str, value: float) -> None:
    gauges[name] = max(gauges.get(name, 0.0), value)
