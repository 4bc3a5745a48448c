from __future__ import annotations

import pytest

from loadws.report.svg import paths


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(0, 1), (1, 2), (2, 3)], "M0 1L1 2 2 3"),
        ([(0, 1), (1, None), (2, 3), (3, 4)], "M0 1h0M2 3L3 4"),  # a gap is a gap, and what stands alone is a dot
        ([(0, None), (1, None)], ""),
        ([(0, 0.126), (1, -0.001)], "M0 0.13L1 0"),  # two digits
    ],
)
def test_lines_are_not_drawn_through_what_is_missing(points: list[tuple[float, float | None]], expected: str) -> None:
    assert expected == paths.line(points)


def test_steps_hold_their_value_and_end_at_a_gap() -> None:
    edges = [(0.0, 10.0), (10.0, 20.0), (20.0, 30.0), (30.0, 35.0)]
    assert paths.steps(edges, [5, 8, None, 2]) == "M0 5H10V8H20M30 2H35"


def test_a_band_needs_two_points_with_both_ends() -> None:
    assert paths.band([(0, 9), (1, None), (2, 7)], [(0, 3), (1, 2), (2, 1)]) == "M0 3 2 1 2 7 0 9Z"
    assert paths.band([(0, 9)], [(0, 3)]) == ""


def test_bars_of_nothing_are_left_out() -> None:
    assert paths.bars([0, 1], 1, [9, 9], [9, 4]) == "M1.5 9V4"
