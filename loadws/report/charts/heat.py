"""Heat maps: how many answers had which latency, over time. A stall is a slope, a slow minority is a second band."""

from __future__ import annotations

import math
from collections.abc import Iterator

from loadws.metrics.summary import Summary
from loadws.report.charts.chart import Chart, Key
from loadws.report.charts.timeaxis import TimeAxis
from loadws.report.course.heatmap import MOST_ROWS, HeatMap, row_limits
from loadws.report.plain import plain
from loadws.report.svg.palette import HEAT_LEVELS
from loadws.report.svg.paths import short
from loadws.report.svg.plot import SPAN, Plot, Shape
from loadws.report.svg.scales import Scale, duration_label, log_scale

_ROW, _SMALL_ROW = 6, 4  # pixels, at the least
_USUAL_ROWS = 34


def heat_charts(summary: Summary, maps: tuple[HeatMap, ...]) -> Iterator[Chart]:
    """Yield the map of all steps."""
    axis = TimeAxis(summary)
    for each in maps:
        if not each.step:
            yield _chart(axis, each, "heat", "Heat map: answers by time and latency", _caption(each), _ROW)


def step_heat(summary: Summary, maps: tuple[HeatMap, ...], step: str, number: int) -> Chart | None:
    """Return the map of one step, smaller; None where it has none."""
    axis, title = TimeAxis(summary), f"{plain(step, 80)}: answers by time and latency"
    own = next((each for each in maps if each.step == step), None)
    return _chart(axis, own, f"heat-{number}", title, "", _SMALL_ROW) if own else None


def _caption(heat: HeatMap) -> str:
    read = "" if heat.share >= 1 else f" Made from a sample of {heat.share:.0%} of the run's intervals."
    return (
        "Each column is a moment of the run, each row a range of response times; the stronger the colour, the more "
        f"answers, on a logarithmic scale. Requests without an answer are not in it.{read}"
    )


def _chart(axis: TimeAxis, heat: HeatMap, name: str, title: str, caption: str, row_px: int) -> Chart:
    lowest, rows, together = _rows(heat)
    cells = _gathered(heat, lowest, together)
    most = max(cells.values())
    row_px = max(row_px, row_px * _USUAL_ROWS // rows)
    height = row_px * rows
    scale = _scale(lowest, rows * together)
    shapes, names = axis.phases(height)
    shapes = [shape for shape in shapes if shape.width]  # a warm-up's shading would look like a cell
    by_level: dict[int, list[str]] = {}
    width = SPAN / heat.columns
    for (row, level), begin, end in _stripes(cells, most):
        middle = short(height - (row + 0.5) * row_px)
        by_level.setdefault(level, []).append(f"M{short(begin * width)} {middle}H{short(end * width)}")
    heats = [Shape("".join(parts), f"heat{level}", row_px, is_scaled=True) for level, parts in sorted(by_level.items())]
    plot = Plot(height, scale, duration_label, [*heats, *shapes], axis.ticks(), names, title, is_over_time=True)
    keys = [Key(text, f"heat{level}", "box") for level, text in _levels(most)]
    return Chart(name, title, caption, plot, keys, _columns(axis, heat, cells, lowest, together))


def _stripes(cells: dict[tuple[int, int], int], most: int) -> Iterator[tuple[tuple[int, int], int, int]]:
    """Yield neighbouring cells of one row and one colour together: (row, level), first column, column after the last."""
    begin, key, end = 0, (-1, 0), 0
    for (column, row), count in sorted(cells.items(), key=lambda item: (item[0][1], item[0][0])):
        here = row, _level(count, most)
        if here != key or column != end:
            if key[0] >= 0:
                yield key, begin, end
            begin, key = column, here
        end = column + 1
    if key[0] >= 0:
        yield key, begin, end


def _rows(heat: HeatMap) -> tuple[int, int, int]:
    """Return the lowest row, the number of rows shown (at most ``MOST_ROWS``), and how many of the map's rows one of
    them merges.
    """
    used = [row for _, row in heat.cells]
    lowest = max(0, min(used) - 1)
    count = max(8, max(used) + 2 - lowest)
    together = math.ceil(count / MOST_ROWS)
    return lowest, math.ceil(count / together), together


def _gathered(heat: HeatMap, lowest: int, together: int) -> dict[tuple[int, int], int]:
    """Return the cells by row from the bottom."""
    cells: dict[tuple[int, int], int] = {}
    for (column, row), count in heat.cells.items():
        place = column, (row - lowest) // together
        cells[place] = cells.get(place, 0) + count
    return cells


def _scale(lowest: int, rows: int) -> Scale:
    low, high = row_limits(lowest)[0], row_limits(lowest + rows - 1)[1]
    ticks = log_scale([low, high]).ticks
    return Scale(low, high, True, tuple(tick for tick in ticks if low <= tick <= high))


def _level(count: int, most: int) -> int:
    """Return the colour's number, from 1: even steps of the logarithm."""
    return 1 + round((HEAT_LEVELS - 1) * math.log(count) / math.log(most)) if most > 1 else HEAT_LEVELS


def _levels(most: int) -> Iterator[tuple[int, str]]:
    """Yield the lightest, a middle and the darkest colour with their counts."""
    yield 1, "1 answer"
    if most > 10:
        yield 4, f"about {round(math.sqrt(most)):,}"
    if most > 1:
        yield HEAT_LEVELS, f"{most:,}"


def _columns(
    axis: TimeAxis, heat: HeatMap, cells: dict[tuple[int, int], int], lowest: int, together: int
) -> dict[str, list[float | str | None]]:
    ordered = sorted(cells)
    width_s = axis.until_s / heat.columns
    return {
        "t": [round(column * width_s, 3) for column, _ in ordered],
        "from (ms)": [round(row_limits(lowest + row * together)[0], 4) for _, row in ordered],
        "to (ms)": [round(row_limits(lowest + (row + 1) * together - 1)[1], 4) for _, row in ordered],
        "answers": [cells[place] for place in ordered],
    }
