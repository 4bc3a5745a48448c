"""The measurements of each metric so far, by phase and labels: parts of frames in, entries of the summary out.

Parts are merged as they come, so memory grows with the number of metrics, steps and phases, and not with time. An open
histogram needs about 100 bytes for each bucket with values, an encoded one a few hundred bytes in all. Histograms of
the current phase are open until they have more buckets than their share of ``MOST_OPEN_BUCKETS``; those of earlier
phases are encoded.

A metric with several sets of labels also has an entry without labels, which is always the whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from loadws.metrics.frame import CounterPart, HistogramPart
from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.metrics.summarising.accumulator import Values, supported_percentiles
from loadws.metrics.summary import MetricEntry
from loadws.terms.metrics import TABLE, Metric, own_counter, own_trend
from loadws.terms.percentiles import PERCENTILES

#: The fields of an entry and their percentiles.

#: How many buckets all open histograms may hold, about 20 MB, and how many each may hold, however many there are.
MOST_OPEN_BUCKETS, LEAST_OPEN_BUCKETS = 200_000, 64

Key = tuple[tuple[str, str], ...]  # labels without the phase, sorted
WHOLE: Key = ()


@dataclass(slots=True)
class Count:
    """A count: ``failed`` of ``count``; ``failed`` is 0 for a counter."""

    count: int = 0
    failed: int = 0

    def add(self, other: Count | CounterPart) -> None:
        self.count += other.count
        self.failed += other.failed


@dataclass(slots=True)
class _Phase:
    values: dict[str, dict[Key, Values]] = field(default_factory=dict)  # by metric
    counts: dict[str, dict[Key, Count]] = field(default_factory=dict)


class Totals:
    """The totals. ``own`` are the metrics that the scenario declares."""

    def __init__(self, own: Mapping[str, Metric]) -> None:
        self._own = own
        self._phases: dict[str, _Phase] = {}
        self._newest: str | None = None
        self._histograms = 0
        self._too_large: list[Values] = []

    def add_histogram(self, part: HistogramPart, histogram: LatencyHistogram) -> None:
        """Add a part; ``histogram`` is the part, decoded."""
        by_key = self._phase(part.labels).values.setdefault(part.name, {})
        key = key_of(part.labels)
        values = by_key.get(key)
        if values is None:
            values = by_key[key] = Values()
            self._histograms += 1
        values.add(histogram)
        if values.open_buckets > max(LEAST_OPEN_BUCKETS, MOST_OPEN_BUCKETS // self._histograms):
            self._too_large.append(values)

    def add_counter(self, part: CounterPart) -> None:
        by_key = self._phase(part.labels).counts.setdefault(part.name, {})
        by_key.setdefault(key_of(part.labels), Count()).add(part)

    def tidying(self) -> Iterator[None]:
        """Encode, in slices, the histograms that have grown too large since the last call."""
        while self._too_large:
            yield from self._too_large[-1].close()
            self._too_large.pop()

    def beginning_phase(self, name: str) -> Iterator[None]:
        """Encode, in slices, the histograms of earlier phases; a late sample of theirs opens its histogram again."""
        if name == self._newest:
            return
        self._newest = name
        past = [phase for other, phase in self._phases.items() if other != name]
        for values in [values for phase in past for by_key in phase.values.values() for values in by_key.values()]:
            yield from values.close()

    def counts_of(self, name: str, phases: Collection[str] | None = None) -> dict[Key, int]:
        """Return a counter by labels, over some phases, or over the whole run, warm-up too."""
        sums: dict[Key, int] = {}
        for phase_name, phase in self._phases.items():
            for key, count in phase.counts.get(name, {}).items() if phases is None or phase_name in phases else ():
                sums[key] = sums.get(key, 0) + count.count
        return sums

    def entries(
        self,
        phases: Collection[str],
        seconds: float,
        names: Collection[str] | None = None,
        having: Mapping[str, str] | None = None,
        **labels: str,
    ) -> list[MetricEntry]:
        """Return entries for some phases together, which lasted ``seconds``; of some metrics, or of all. Each entry
        gets ``labels``.

        ``having``: of the histograms, only those with these labels; with none, only the whole.
        """
        scope = [phase for name, phase in self._phases.items() if name in phases]
        measured = {name for phase in scope for name in (*phase.values, *phase.counts)}
        if seconds > 0:  # a counter that was watched and never counted is 0, not unknown
            measured |= {
                metric.name for metric in self._metrics() if metric.kind == "counter" and not metric.is_of_probes
            }
        wanted = measured if names is None else measured.intersection(names)
        known = [metric.name for metric in self._metrics()]
        ordered = [name for name in known if name in wanted] + sorted(wanted.difference(known))
        return [entry for name in ordered for entry in self._entries_of(name, scope, seconds, having, labels)]

    def _entries_of(
        self,
        name: str,
        scope: list[_Phase],
        seconds: float,
        having: Mapping[str, str] | None,
        labels: dict[str, str],
    ) -> Iterator[MetricEntry]:
        if any(name in phase.values for phase in scope):
            metric = self._metric(name) or own_trend(name, "1")
            for key, histogram in _merged([phase.values.get(name, {}) for phase in scope], having):
                yield histogram_entry(metric, {**dict(key), **labels}, histogram, seconds)
            return
        metric = self._metric(name) or own_counter(name)
        for key, count in _summed(phase.counts.get(name, {}) for phase in scope).items():
            yield _counter_entry(metric, {**dict(key), **labels}, count, seconds)

    def _phase(self, labels: Mapping[str, str]) -> _Phase:
        return self._phases.setdefault(labels.get("phase", ""), _Phase())

    def _metrics(self) -> list[Metric]:
        return [*TABLE.values(), *self._own.values()]

    def _metric(self, name: str) -> Metric | None:
        return TABLE.get(name) or self._own.get(name)


def key_of(labels: Mapping[str, str]) -> Key:
    return tuple(sorted(item for item in labels.items() if item[0] != "phase"))


def _groups(keys: list[Key], having: Mapping[str, str] | None) -> dict[Key, list[Key]]:
    """Return the entries to make, the whole first where there are several, and what is merged for each."""
    apart = {key: [key] for key in keys}
    if having:
        return {key: alone for key, alone in apart.items() if having.items() <= dict(key).items()}
    if len(keys) == 1:
        return apart
    return {WHOLE: keys} if having is not None else {WHOLE: keys, **{key: apart[key] for key in keys if key != WHOLE}}


def _merged(
    phases: list[Mapping[Key, Values]], having: Mapping[str, str] | None
) -> Iterator[tuple[Key, LatencyHistogram]]:
    """Yield the phases' histograms by labels."""
    keys = sorted({key for by_key in phases for key in by_key})
    for group, members in _groups(keys, having).items():
        together = Values()
        for values in (by_key[key] for by_key in phases for key in members if key in by_key):
            if (histogram := values.whole()) is not None:
                together.add(histogram)
        if (merged := together.whole()) is not None:
            yield group, merged


def _summed(phases: Iterable[Mapping[Key, Count]]) -> dict[Key, Count]:
    """Return the phases' counts by labels, the whole first; a count of 0 where there is none."""
    apart: dict[Key, Count] = {}
    whole = Count()
    for by_key in phases:
        for key, count in by_key.items():
            apart.setdefault(key, Count()).add(count)
            whole.add(count)
    if len(apart) != 1:
        apart[WHOLE] = whole
    return {key: apart[key] for key in sorted(apart)}


def histogram_entry(metric: Metric, labels: dict[str, str], histogram: LatencyHistogram, seconds: float) -> MetricEntry:
    values = supported_percentiles(histogram, PERCENTILES.values())
    percentiles: dict[str, Any] = dict(zip(PERCENTILES, values, strict=True))
    some = histogram.count > 0
    return MetricEntry(
        name=metric.name,
        labels=labels,
        kind="histogram",
        unit=metric.unit,
        count=histogram.count,
        min=histogram.min if some else None,
        mean=histogram.mean if some else None,
        max=histogram.max if some else None,
        missing=histogram.missing,
        out_of_range=histogram.out_of_range,
        per_s=_per_s(histogram.count, seconds),
        histogram=histogram.encode(),
        **percentiles,
    )


def _counter_entry(metric: Metric, labels: dict[str, str], count: Count, seconds: float) -> MetricEntry:
    ratio = count.failed / count.count if metric.kind == "rate" and count.count else None
    return MetricEntry(
        name=metric.name,
        labels=labels,
        kind=metric.kind,
        unit=metric.unit,
        count=count.count,
        failed=count.failed,
        per_s=_per_s(count.count, seconds),
        value=ratio,
    )


def _per_s(count: int, seconds: float) -> float | None:
    return count / seconds if seconds > 0 else None
