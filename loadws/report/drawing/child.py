"""``python -m loadws.report.drawing.child``: read one order from stdin as JSON, and draw the charts of that run.

Each chart is written to stdout as a line ``{"type": "Drawn", "name": .., ..}`` as soon as it is drawn, so that charts
drawn before this process is ended are not lost. The last line is ``{"type": "Done"}``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from loadws.metrics.summary import Summary
from loadws.report.charts.charts import charts, slowest_steps
from loadws.report.course.course import Course, course_of
from loadws.report.course.heatmap import HeatMap, heat_maps
from loadws.report.drawing.drawing import Drawn

#: Above what drawing needs (0.2 GB for ten hours with fifty steps): a run that needs more gets a report without charts.
MOST_MEMORY_BYTES = 1024 * 2**20
MOST_CPU_S = 60
#: How many steps, the slowest, have a heat map of their own.
_STEPS_WITH_MAP = 5
_WINDOWS, _INTERVALS = "windows.ndjson", "intervals.hlog"


class Order(msgspec.Struct, frozen=True):
    """The run whose charts to draw; ``folder`` is empty where only its summary is known. ``course`` is None where
    it was not read before: to read the windows of a long run costs seconds.
    """

    summary: Summary
    folder: str = ""
    course: Course | None = None


class Done(msgspec.Struct, frozen=True, tag=True):
    """The report that everything was drawn."""


def main() -> None:
    """Draw the charts that stdin asks for."""
    _limit_ourselves()
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    course, heat = _read(order)
    for chart in charts(order.summary, course, heat):
        _say(Drawn.of(chart))
    _say(Done())


def _read(order: Order) -> tuple[Course, tuple[HeatMap, ...]]:
    series = order.summary.series
    if not order.folder or not series.start_s:
        return Course(), ()
    folder, points = Path(order.folder), len(series.start_s)
    steps = slowest_steps(order.summary)[:_STEPS_WITH_MAP]
    maps = heat_maps(folder / _INTERVALS, points * series.interval_s, points, steps)
    if order.course is not None:
        return order.course, maps
    try:
        with (folder / _WINDOWS).open("rb") as lines:
            return course_of(lines, series.interval_s, points), maps
    except OSError:
        return Course(), maps


def _say(drawn: Drawn | Done) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(drawn) + b"\n")
    sys.stdout.buffer.flush()


def _limit_ourselves() -> None:
    try:
        import resource
    except ImportError:  # Windows: no such limits
        return
    for what, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, MOST_MEMORY_BYTES),
        (resource.RLIMIT_CPU, MOST_CPU_S),
    ):
        _, hard = resource.getrlimit(what)
        resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


if __name__ == "__main__":
    main()
