"""Charts of counts over time, from zero up: lines, steps, and bars stacked by kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from loadws.report.charts.chart import Chart, Key, all_digits
from loadws.report.charts.timeaxis import TimeAxis
from loadws.report.plain import plain
from loadws.report.svg import paths
from loadws.report.svg.palette import KINDS
from loadws.report.svg.plot import Plot, Shape
from loadws.report.svg.scales import Scale, linear_scale, number_label

HEIGHT, LOW = 180, 130
OTHERS = "others"
_WIDE = 3.0


class Level(msgspec.Struct, frozen=True):
    """A line with a value for each interval. ``is_step``: the value was the same during the whole interval, so there is
    no slope to the next.
    """

    name: str
    colour: str
    values: Sequence[float | None]
    is_step: bool = False
    dash: str = ""
    width: float = 1.8  # pixels; a wide line is faint, so that another one on it can be seen
    is_shown: bool = False  # also where all of its values are zeros


def levels(
    axis: TimeAxis, name: str, title: str, caption: str, lines: Sequence[Level], height: int = HEIGHT
) -> Chart | None:
    """Return the chart of lines over time; None where there are only zeros."""
    shown = [line for line in lines if line.is_shown or any(line.values)]
    if not shown:
        return None
    y = linear_scale(value for line in shown for value in line.values if value is not None)
    shapes, names = axis.phases(height)
    for line in shown:
        shapes += _line(axis, line, y, height)
    plot = Plot(height, y, number_label, shapes, axis.ticks(), names, title, is_over_time=True)
    keys = [Key(line.name, line.colour, "dash" if line.dash else "line") for line in shown]
    columns = {"t": axis.starts, **{line.name: all_digits(line.values) for line in shown}}
    return Chart(name, title, caption, plot, keys, columns)


def _line(axis: TimeAxis, line: Level, y: Scale, height: int) -> list[Shape]:
    heights = [None if value is None else height * (1 - y.at(value)) for value in line.values]
    if line.is_step:
        opacity = 1.0 if line.width < _WIDE else 0.45
        return [Shape(paths.steps(axis.edges(), heights), line.colour, line.width, line.dash, opacity)]
    points = list(zip(axis.middles(), heights, strict=True))
    shapes = [Shape(paths.line(points), line.colour, 1.8, line.dash)]
    return [*shapes, Shape(paths.dots(points), line.colour, 5)] if axis.is_sparse else shapes


def stacked(
    axis: TimeAxis, name: str, title: str, caption: str, kinds: Mapping[str, Sequence[float]], height: int = LOW
) -> Chart | None:
    """Return the chart of bars for each interval, stacked by kind; the rarest kinds are merged. None where nothing
    happened.
    """
    shown = _with_others({kind: values for kind, values in kinds.items() if any(values)})
    if not shown:
        return None
    totals = [sum(each) for each in zip(*shown.values(), strict=True)]
    y = linear_scale(totals)
    shapes, names = axis.phases(height)
    lefts = [left for left, _ in axis.edges()]
    width = 0.9 * axis.x(axis.series.interval_s)
    bottom = [0.0] * len(totals)
    for (_, values), colour in zip(shown.items(), KINDS, strict=False):
        top = [low + value for low, value in zip(bottom, values, strict=True)]
        low_px, high_px = ([height * (1 - y.at(value)) for value in side] for side in (bottom, top))
        shapes.append(Shape(paths.bars(lefts, width, low_px, high_px), colour, width, is_scaled=True))
        bottom = top
    plot = Plot(height, y, number_label, shapes, axis.ticks(), names, title, is_over_time=True)
    keys = [Key(kind, colour, "box") for kind, colour in zip(shown, KINDS, strict=False)]
    columns = {"t": axis.starts, **{kind: all_digits(list(values)) for kind, values in shown.items()}}
    return Chart(name, title, caption, plot, keys, columns)


def _with_others(kinds: Mapping[str, Sequence[float]]) -> dict[str, Sequence[float]]:
    """Return as many kinds as there are colours, the most frequent first."""
    ordered = sorted(kinds.items(), key=lambda item: (-sum(item[1]), item[0]))
    most = len(KINDS)
    if len(ordered) <= most:
        return {plain(kind, 60): values for kind, values in ordered}
    rest = [sum(each) for each in zip(*(values for _, values in ordered[most - 1 :]), strict=True)]
    return {**{plain(kind, 60): values for kind, values in ordered[: most - 1]}, OTHERS: rest}
