"""A chart of the report: its picture, its legend, and its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from loadws.report.svg.plot import Plot

Value = float | str | None


class Key(msgspec.Struct, frozen=True):
    """An entry of a legend; ``look`` is ``line``, ``dash`` or ``box``."""

    text: str
    colour: str
    look: str = "line"


class Chart(msgspec.Struct, frozen=True):
    """A chart. ``columns`` are its numbers, all of one length, x first; their names contain the units.

    The first column of a chart over time is ``t``: seconds since the run's start at which each interval begins.
    """

    name: str
    title: str
    caption: str
    plot: Plot
    keys: Sequence[Key] = ()
    columns: Mapping[str, Sequence[Value]] = msgspec.field(default_factory=dict)


def digits(number: float) -> float:
    """Return four significant digits, as an integer where it is one: a third of the bytes, and no screen shows more."""
    rounded = round(number) if abs(number) >= 1000 else float(f"{number:.4g}")
    return int(rounded) if rounded == int(rounded) else rounded


def all_digits(values: Sequence[float | None]) -> list[Value]:
    return [None if value is None else digits(value) for value in values]
