"""A value of each run in order as a chart: a line with gaps where a value is missing, a dot for each run, and marks where it
changed.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from loadws.report.svg import paths
from loadws.report.svg.plot import SPAN, Dot, Plot, Shape, gutter_for
from loadws.report.svg.scales import linear_scale
from loadws.terms.thresholds import format_value

_HEIGHT = 120


def line_chart(
    values: Sequence[float | None],
    labels: Sequence[str],
    texts: Sequence[str],
    marks: Collection[int] = (),
    title: str = "",
    unit: str = "1",
) -> str:
    """Return the drawing. ``labels`` name the points, ``texts`` are their values, ``marks`` the indexes of changes. It is
    empty where fewer than two runs have a value: the table has that one.
    """
    known = [value if value is not None and math.isfinite(value) else None for value in values]
    if sum(value is not None for value in known) < 2:
        return ""
    y = linear_scale(value for value in known if value is not None)
    step = 1 / len(known)
    heights = [None if value is None else _HEIGHT * (1 - y.at(value)) for value in known]
    line = paths.line([(SPAN * (at + 0.5) * step, height) for at, height in enumerate(heights)])
    changes = "".join(f"M{paths.short(SPAN * at * step)} 0V{_HEIGHT}" for at in sorted(marks))
    shapes = [Shape(line, "p90", 1.8), *([Shape(changes, "bad", 2)] if changes else [])]
    dots = [
        Dot((at + 0.5) * step, height, f"{labels[at]}: {texts[at]}", "p90")
        for at, height in enumerate(heights)
        if height is not None
    ]

    def y_label(value: float) -> str:
        return format_value(value, unit)

    plot = Plot(
        _HEIGHT, y, y_label, shapes, [(0.0, labels[0]), (1.0, labels[-1])], title=title, dots=dots,
        gutter=gutter_for(map(y_label, y.ticks)),
    )  # fmt: skip
    sides = f'<td width="{plot.gutter}" valign="top">{plot.axis()}</td><td valign="top">{plot.view()}</td>'
    return (
        f'<table class="plot" role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr>{sides}</tr></table>'
    )
