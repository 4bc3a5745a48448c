"""Probes in numbers: how many of each were published, how many receivers got them, and how long that took."""

from __future__ import annotations

import msgspec

from loadws.metrics.summary import MetricEntry, Summary
from loadws.report.plain import plain
from loadws.report.timings import NO_NUMBER, cell, judged_value
from loadws.terms.thresholds import format_value
from loadws.terms.units import format_duration

#: The counts of a probe, and their names.
COUNTS = (
    ("probes_published", "published"),
    ("deliveries_expected", "expected"),
    ("deliveries_missing", "missing"),
    ("deliveries_duplicate", "duplicate"),
    ("deliveries_out_of_order", "out of order"),
)
#: The counts that are shown only where they are not zero.
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
    ("delivery_same_machine", "on its machine"),
)
#: Measured by one clock: exact, whatever the clocks of the machines are.
_OF_ONE_CLOCK = "delivery_same_machine"
FIELDS = ("p50", "p99", "max")
HEAD = ("probe", *(word for _, word in COUNTS[:2]), "delivered", "complete", *(word for _, word in COUNTS[2:]))
#: The counts that 80 columns have room for. Delivered is expected less missing.
NARROW = tuple(at for at, what in enumerate(HEAD) if what != "delivered")


class DeliveryRow(msgspec.Struct, frozen=True):
    """A probe's row. ``cells`` belong under ``HEAD``; ``spreads`` are (which receiver, its values under ``FIELDS``)."""

    probe: str
    cells: tuple[str, ...]
    aside: str
    spreads: tuple[tuple[str, tuple[str, ...]], ...]


def delivery_rows(summary: Summary) -> list[DeliveryRow]:
    """Return a row for each probe, of the judged time."""
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
    bound_ns = summary.run.clock_bound_ns
    shown = tuple(
        (word, tuple(_shown(entry, field, bound_ns) for field in FIELDS))
        for word, entry in spreads
        if entry and entry.count
    )
    if shown and bound_ns is not None:
        clocks = f"the clocks of two machines agree within {format_duration(bound_ns)}"
        aside = f"{aside}; {clocks}" if aside else clocks
    return DeliveryRow(plain(probe), (plain(probe), *cells), aside, shown)


def _shown(entry: MetricEntry, field: str, bound_ns: float | None) -> str:
    """Return one number for people; of a time between machines that is below what their clocks can tell, only that bound."""
    value = judged_value(entry, field)
    if bound_ns is None or value is None or value >= bound_ns or entry.name == _OF_ONE_CLOCK:
        return cell(entry, field)
    return f"< {format_duration(bound_ns)}"


def _entry(summary: Summary, metric: str, probe: str) -> MetricEntry | None:
    return next(iter(summary.entries(metric, probe=probe)), None)


def _count(summary: Summary, metric: str, probe: str) -> int:
    return sum(entry.count for entry in summary.entries(metric, probe=probe))
