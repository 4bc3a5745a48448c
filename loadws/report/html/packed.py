"""The numbers of charts for the page's script: a column that repeats itself is written as its values and their indexes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from loadws.report.charts.chart import Value
from loadws.report.drawing.drawing import Drawn

_FEWEST = 40


def packed_columns(charts: Iterable[Drawn]) -> dict[str, dict[str, Any]]:
    """Return the columns of each chart that has some, each packed where that is shorter."""
    return {
        chart.name: {name: packed(values) for name, values in chart.columns.items()}
        for chart in charts
        if chart.columns
    }


def packed(values: Sequence[Value]) -> Any:
    """Return the values, or ``{"of": different values, "at": indexes}`` where most are repetitions."""
    different = list(dict.fromkeys(values))
    if len(values) < _FEWEST or 4 * len(different) > len(values):
        return values
    index = {value: at for at, value in enumerate(different)}
    return {"of": different, "at": [index[value] for value in values]}
