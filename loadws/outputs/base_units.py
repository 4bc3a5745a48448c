"""The units of live figures: seconds, bytes and plain numbers, whatever loadws calculates in."""

from __future__ import annotations

from typing import NamedTuple

from loadws.terms.metrics import Metric
from loadws.terms.units import NS_PER_S


class BaseUnit(NamedTuple):
    """A base unit: its sign in rows, its word in names of metrics, and what a value is divided by to be in it."""

    sign: str
    word: str
    divisor: float = 1.0


_SECONDS = BaseUnit("s", "seconds", NS_PER_S)
_KNOWN = {"ns": _SECONDS, "bytes": BaseUnit("bytes", "bytes"), "ratio": BaseUnit("1", "ratio"), "1": BaseUnit("1", "")}


def base_unit(metric: Metric) -> BaseUnit:
    """Return the unit of a metric in live outputs. The unit of a trend of the scenario's own may be any word."""
    return _KNOWN.get(metric.unit) or BaseUnit(metric.unit, metric.unit)
