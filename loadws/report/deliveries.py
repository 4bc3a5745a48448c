"""Probes in numbers: of each, how many were published, who received them, and how long that took."""

from __future__ import annotations

from dataclasses import dataclass

from loadws.metrics.summary import MetricEntry, Summary
from loadws.report.plain import plain
from loadws.report.timings import NO_NUMBER, cell
from loadws.terms.thresholds import format_value

#: What is counted of a probe, and its words.
COUNTS = (
    ("probes_published", "published"),
    ("deliveries_expected", "expected"),
    ("deliveries_missing", "missing"),
    ("deliveries_duplicate", "duplicate"),
    ("deliveries_out_of_order", "out of order"),
)
#: What is only said where there is some of it.
ASIDE = (
    ("deliveries_in_doubt", "in doubt (the receiver left first)"),
    ("deliveries_late", "late"),
    ("deliveries_unexpected", "unexpected"),
    ("deliveries_unrecognised", "unrecognised"),
    ("deliveries_let_go", "let go"),
)
SPREADS = (
    ("delivery_first", "first"),
    ("delivery_median", "median"),
    ("delivery_last", "last"),
    ("delivery", "every receiver"),
)
FIELDS = ("p50", "p99", "max")
HEAD = ("probe", *(word for _, word in COUNTS[:2]), "delivered", "complete", *(word for _, word in COUNTS[2:]))
#: Of these, what there is room for in 80 columns: what was delivered is what was expected less what is missing.
NARROW = tuple(at for at, what in enumerate(HEAD) if what != "delivered")


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """``cells`` stand under ``HEAD``; ``spreads`` are (which receiver, its values under ``FIELDS``)."""

    probe: str
    cells: tuple[str, ...]
    aside: str
    spreads: tuple[tuple[str, tuple[str, ...]], ...]


def delivery_rows(summary: Summary) -> list[DeliveryRow]:
    """Return a row for each probe, in the judged time."""
    names = dict.fromkeys(entry.labels["probe"] for entry in summary.metrics if "probe" in entry.labels)
    return [_row(summary, name) for name in names]


def _row(summary: Summary, probe: str) -> DeliveryRow:
    counts = [_count(summary, metric, probe) for metric, _ in COUNTS]
    delivery = _entry(summary, "delivery", probe)
    delivered = 0 if delivery is None else delivery.count
    known = delivered + (0 if delivery is None else delivery.missing)
    complete = format_value(delivered / known, "ratio") if known else NO_NUMBER
    cells = (
        *(f"{count:,}" for count in counts[:2]),
        f"{delivered:,}",
        complete,
        *(f"{count:,}" for count in counts[2:]),
    )
    aside = ", ".join(f"{count:,} {word}" for metric, word in ASIDE if (count := _count(summary, metric, probe)))
    spreads = [(word, _entry(summary, metric, probe)) for metric, word in SPREADS]
    shown = tuple(
        (word, tuple(cell(entry, field) for field in FIELDS)) for word, entry in spreads if entry and entry.count
    )
    return DeliveryRow(plain(probe), (plain(probe), *cells), aside, shown)


def _entry(summary: Summary, metric: str, probe: str) -> MetricEntry | None:
    return next(iter(summary.entries(metric, probe=probe)), None)


def _count(summary: Summary, metric: str, probe: str) -> int:
    return sum(entry.count for entry in summary.entries(metric, probe=probe))
