from __future__ import annotations

from pathlib import Path

import pytest

from loadws.metrics.frame import Frame, Gauges, Health
from loadws.metrics.histograms import hlog
from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.metrics.ledger import Ledger
from loadws.report.charts.heat import heat_charts
from loadws.report.course import heatmap
from loadws.report.course.heatmap import MOST_COLUMNS, MOST_ROWS, heat_maps, row_limits
from tests.report import example


def _log(path: Path, seconds: int, steps: tuple[str, ...] = ("ask", "book")) -> Path:
    text = [hlog.header("2026-11-23T08:15:00+00:00")]
    for second in range(seconds):
        parts = []
        for number, step in enumerate(steps):
            histogram = LatencyHistogram()
            histogram.record(2e6 * (number + 1), 5)
            parts.append(histogram.part("response_time", {"step": step, "phase": "load"}))
        frame = Frame(0, second, float(second), 1.0, "load", False, Ledger(), Gauges(), Health(), tuple(parts))
        text += [hlog.line(frame, part) for part in parts]
    path.write_text("".join(text), "utf-8")
    return path


def test_every_answer_is_in_the_map_of_all_and_of_its_step(tmp_path: Path) -> None:
    whole, ask = heat_maps(_log(tmp_path / "intervals.hlog", 10), 10.0, 10, ["ask"])
    assert (whole.step, sum(whole.cells.values())) == ("", 100)
    assert (ask.step, sum(ask.cells.values())) == ("ask", 50)
    assert {column for column, _ in ask.cells} == set(range(10))
    ((low, high),) = {row_limits(row) for _, row in ask.cells}
    assert low <= 2.0 <= high


@pytest.mark.slow
def test_no_map_has_more_than_its_cells(tmp_path: Path) -> None:
    path = _log(tmp_path / "intervals.hlog", 400)
    (whole,) = heat_maps(path, 400.0, 400, [])
    assert len({column for column, _ in whole.cells}) == MOST_COLUMNS
    whole.cells[0, 0] = whole.cells[0, 130] = 1  # from a microsecond to an hour
    (chart,) = heat_charts(example.summary(400), (whole,))
    assert chart.plot.height <= MOST_ROWS * 6


@pytest.mark.slow
def test_of_a_long_log_pieces_are_read_and_that_is_said(tmp_path: Path) -> None:
    path = _log(tmp_path / "intervals.hlog", 3_000)
    size = path.stat().st_size
    before = heatmap._READ_WHOLE_BYTES
    heatmap._READ_WHOLE_BYTES = size // 2
    try:
        (whole,) = heat_maps(path, 3_000.0, 600, [])
    finally:
        heatmap._READ_WHOLE_BYTES = before
    assert 0.4 < whole.share < 0.6
    assert len({column for column, _ in whole.cells}) == MOST_COLUMNS  # from the beginning to the end
    (chart,) = heat_charts(example.summary(), (whole,))
    assert "sample" in chart.caption


def test_a_broken_log_is_no_map(tmp_path: Path) -> None:
    path = _log(tmp_path / "intervals.hlog", 2)
    path.write_text(path.read_text().replace("HIST", "TSIH"))
    assert heat_maps(path, 2.0, 2, []) == ()
    assert heat_maps(tmp_path / "none", 2.0, 2, []) == ()
