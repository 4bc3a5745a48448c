"""A second as rows: one for each metric and set of labels. NDJSON and CSV have the same fields, by the same names.

Times are in seconds. A percentile is there only where its samples can carry it (``terms/percentiles``); requests without an
answer are in no percentile of a second, and are counted in ``missing``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.metrics.summarising.accumulator import supported_percentiles
from loadws.outputs.base_units import BaseUnit, base_unit
from loadws.outputs.second import GAUGES, Catalogue, Second
from loadws.terms.percentiles import PERCENTILES

#: The labels that metrics have beside ``phase``. In CSV each is a column.
LABELS = ("step", "kind", "probe")
_DIGITS = 9
_NS_PER_MS = 1_000_000


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One metric with one set of labels in one second. ``type`` is the metric's: histogram, counter, rate or gauge.

    ``failed`` of ``count`` is a rate's, ``value`` a gauge's, and ``min`` to ``max`` are a histogram's.
    """

    time: str
    at_s: float
    duration_s: float
    phase: str
    warmup: bool
    metric: str
    type: str
    unit: str
    labels: dict[str, str]
    count: int | None = None
    failed: int | None = None
    missing: int | None = None
    value: float | None = None
    min: float | None = None
    mean: float | None = None
    p50: float | None = None
    p75: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    p999: float | None = None
    p9999: float | None = None
    max: float | None = None


def rows(second: Second, catalogue: Catalogue) -> Iterator[Row]:
    """Yield the rows of a second: its histograms, its counters and rates, its gauges."""
    plain: dict[str, Any] = {
        "time": time_of(second.unix_ns),
        "at_s": round(second.start_s, 3),
        "duration_s": round(second.duration_s, 3),
        "warmup": second.warmup,
    }
    for (name, key), histogram in second.histograms.items():
        metric = catalogue[name]
        unit = base_unit(metric)
        values = histogram_values(histogram, unit)
        yield Row(**plain, metric=name, type="histogram", unit=unit.sign, **_labels(key), **values)
    for (name, key), count in second.counts.items():
        metric = catalogue[name]
        failed: dict[str, Any] = {"failed": count.failed} if metric.kind == "rate" else {}
        unit = base_unit(metric)
        yield Row(**plain, metric=name, type=metric.kind, unit=unit.sign, **_labels(key), count=count.count, **failed)
    for gauge in GAUGES:
        if gauge.name in second.gauges:
            unit = base_unit(gauge)
            value = _rounded(second.gauges[gauge.name] / unit.divisor)
            labels: dict[str, Any] = {"phase": second.phase, "labels": {}}
            yield Row(**plain, **labels, metric=gauge.name, type="gauge", unit=unit.sign, value=value)


def histogram_values(histogram: LatencyHistogram, unit: BaseUnit) -> dict[str, Any]:
    """Return count, missing, extremes, mean and percentiles, in the base unit; those that there are."""
    values: dict[str, Any] = {"count": histogram.count}
    if histogram.missing:
        values["missing"] = histogram.missing
    if histogram.count:
        named = dict(zip(PERCENTILES, supported_percentiles(histogram, PERCENTILES.values()), strict=True))
        measured = {"min": histogram.min, "mean": histogram.mean, **named, "max": histogram.max}
        values |= {name: _rounded(value / unit.divisor) for name, value in measured.items() if value is not None}
    return values


def time_of(unix_ns: int) -> str:
    """Return a moment as UTC in ISO 8601, to the millisecond."""
    moment = datetime.fromtimestamp(unix_ns // _NS_PER_MS / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _labels(key: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    labels = dict(key)
    return {"phase": labels.pop("phase", ""), "labels": labels}


def _rounded(value: float) -> float:
    return round(value, _DIGITS)
