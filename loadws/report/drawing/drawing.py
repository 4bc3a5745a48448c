"""The charts drawn for a report, and why some are missing."""

from __future__ import annotations

import msgspec

from loadws.report.charts.chart import Chart, Key, Value
from loadws.report.svg.palette import DARK, LIGHT
from loadws.report.svg.plot import GUTTER

_RIGHT = 12  # pixels


class Drawn(msgspec.Struct, frozen=True, tag=True):
    """A drawn chart: ``axis`` and ``view`` are ``svg`` elements of ``height`` pixels that are placed side by side."""

    name: str
    title: str
    caption: str
    axis: str
    view: str
    height: int
    is_over_time: bool
    keys: tuple[Key, ...] = ()
    columns: dict[str, list[Value]] = {}
    gutter: int = GUTTER

    @classmethod
    def of(cls, chart: Chart) -> Drawn:
        plot = chart.plot
        return cls(
            chart.name, chart.title, chart.caption, str(plot.axis()), str(plot.view()), plot.whole_height,
            plot.is_over_time, tuple(chart.keys), {name: list(values) for name, values in chart.columns.items()},
            plot.gutter,
        )  # fmt: skip

    def alone(self, width: int, dark: bool = False) -> str:
        """Return the chart as one picture for a file: ``width`` pixels, with colours instead of variables."""
        colours = DARK if dark else LIGHT
        inner = width - self.gutter - _RIGHT
        text = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{self.height}">'
            f'<rect width="100%" height="100%" fill="{colours["card"]}"/>{self.axis}'
            f'<svg x="{self.gutter}" width="{inner}" height="{self.height}">{self.view}</svg></svg>\n'
        )
        for name, colour in LIGHT.items():
            text = text.replace(f"var(--{name}, {colour})", colours[name])
        return text


class Drawing(msgspec.Struct, frozen=True):
    """The charts, in the order of the report. ``problem`` is a sentence, empty where none is missing."""

    charts: tuple[Drawn, ...] = ()
    problem: str = ""


#: The problem in a report that was written before its charts and never again.
NOT_YET = Drawing(problem="There are no charts: loadws was ended before it had drawn them.")
