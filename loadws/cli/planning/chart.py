"""A curve over time, drawn in a terminal with block characters: a column for each slice of time, eight steps in each
line.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise

#: (seconds, value), in the order of time.
Points = Sequence[tuple[float, float]]

#: The width left of the bars: the scale, a space and the edge.
MARGIN = 12
_BLOCKS = " ▁▂▃▄▅▆▇█"
#: A terminal that has only ASCII gets whole lines.
_ASCII_BLOCKS = "    #####"


def value_at(points: Points, at_s: float) -> float:
    """Return the value on the straight line between the points around ``at_s``; before the first and after the last
    point, their values.
    """
    after = bisect_right(points, at_s, key=lambda point: point[0])
    if after == 0 or after == len(points):
        return points[min(after, len(points) - 1)][1]
    (start_s, start), (end_s, end) = points[after - 1], points[after]
    return start + (end - start) * (at_s - start_s) / (end_s - start_s)


def columns(points: Points, width: int) -> list[float]:
    """Return the value in the middle of each of ``width`` equal slices of the time."""
    start_s, end_s = points[0][0], points[-1][0]
    slice_s = (end_s - start_s) / width
    return [value_at(points, start_s + (column + 0.5) * slice_s) for column in range(width)]


def bars(values: Sequence[float], highest: float, height: int, ascii_only: bool = False) -> list[str]:
    """Return ``height`` lines, the topmost first. Any value above 0 is visible."""
    blocks = _ASCII_BLOCKS if ascii_only else _BLOCKS
    steps = [_steps(value, highest, height) for value in values]
    return ["".join(blocks[min(max(step - 8 * line, 0), 8)] for step in steps) for line in reversed(range(height))]


def _steps(value: float, highest: float, height: int) -> int:
    return max(1, round(8 * height * value / highest)) if value > 0 else 0


def chart(
    points: Points, width: int, height: int, label: Callable[[float], str], ascii_only: bool = False
) -> list[str]:
    """Return the bars, with a scale of ``MARGIN`` characters: the highest value of all points at the first line, 0 at
    the last.
    """
    highest = max(value for _, value in points)
    marks = [label(highest), *[""] * (height - 2), label(0)]
    edge = "|" if ascii_only else "┤"
    lines = bars(columns(points, width - MARGIN), highest, height, ascii_only)
    return [f"{mark:>{MARGIN - 2}} {edge}{line}".rstrip() for mark, line in zip(marks, lines, strict=True)]


def ruler(marks: Sequence[tuple[float, str]], end: str, length_s: float, width: int) -> str:
    """Return a line of texts below a chart, each at its time, with ``end`` at the right edge.

    A text that would run into the next is cut, and one without room is left out.
    """
    places = [(round(width * at_s / length_s), text) for at_s, text in marks]
    line = ""
    for (place, text), (following, _) in pairwise([*places, (width - len(end), "")]):
        room = following - place - 1
        if room >= min(2, len(text)):
            line = line.ljust(place) + (text if len(text) <= room else text[: room - 1] + "…")
    return f"{line:<{width - len(end)}}{end}".rstrip()
