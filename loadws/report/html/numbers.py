"""The numbers behind a chart as a table of at most ``MOST_ROWS`` rows, for readers and programs that cannot see a
picture.
"""

from __future__ import annotations

from collections.abc import Sequence

from loadws.report.drawing.drawing import Drawn

MOST_ROWS = 40


def table_of(chart: Drawn) -> tuple[list[str], list[list[str]], str]:
    """Return the head, the rows, and a sentence on what a row stands for where rows were merged; a merged row has the
    highest values.
    """
    head = [_title(name) for name in chart.columns]
    every = list(zip(*chart.columns.values(), strict=True))
    if len(every) <= MOST_ROWS:
        return head, [[_text(value) for value in row] for row in every], ""
    if not chart.is_over_time or chart.name.startswith("heat"):
        note = f"The first {MOST_ROWS} of {len(every):,} rows; the CSV has them all."
        return head, [[_text(value) for value in row] for row in every[:MOST_ROWS]], note
    size = -(-len(every) // MOST_ROWS)
    groups = [every[at : at + size] for at in range(0, len(every), size)]
    rows = [
        [_text(group[0][0]), *(_text(_highest(column)) for column in list(zip(*group, strict=True))[1:])]
        for group in groups
    ]
    return head, rows, f"Each row is the highest of {size} intervals; the CSV has them all."


def _title(name: str) -> str:
    return "from (s)" if name == "t" else name or "of"


def _highest(values: Sequence[float | str | None]) -> float | None:
    return max((value for value in values if isinstance(value, int | float)), default=None)


def _text(value: float | str | None) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
