"""Curves in a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.cli.planning.chart import bars, chart, columns, ruler, value_at
from loadws.terms.units import format_count

RAMP = [(0.0, 0.0), (4.0, 8.0), (8.0, 8.0)]


@pytest.mark.parametrize(
    ("at_s", "expected"),
    [
        (-1, 0),  # before the first point
        (0, 0),
        (1, 2),  # on the line between two
        (4, 8),  # on a point
        (6, 8),
        (9, 8),  # after the last
    ],
)
def test_a_value_between_points(at_s: float, expected: float) -> None:
    assert value_at(RAMP, at_s) == expected


def test_a_column_has_the_value_of_its_middle() -> None:
    assert columns(RAMP, 4) == [2, 6, 8, 8]


def test_bars_are_drawn_in_eighths() -> None:
    assert bars([0, 1, 4, 8, 12, 16], highest=16, height=2) == [
        "    ▄█",
        " ▁▄███",
    ]


def test_what_is_little_is_seen() -> None:
    assert bars([0.001], highest=1000, height=1) == ["▁"]


def test_bars_in_ascii_are_whole() -> None:
    assert bars([0, 4, 8, 16], highest=16, height=2, ascii_only=True) == ["   #", " ###"]


@pytest.mark.slow
@given(st.lists(st.floats(0, 1000), min_size=1), st.integers(1, 10))
def test_more_is_never_drawn_lower(values: list[float], height: int) -> None:
    drawn = bars(sorted(values), highest=1000, height=height)
    heights = [sum(" ▁▂▃▄▅▆▇█".index(line[column]) for line in drawn) for column in range(len(values))]
    assert heights == sorted(heights)
    assert {len(line) for line in drawn} == {len(values)}


def test_a_chart_has_its_scale_beside_it() -> None:
    assert chart(RAMP, width=16, height=2, label=format_count) == [
        "         8 ┤ ▄██",
        "         0 ┤▄███",
    ]


@pytest.mark.parametrize(
    ("marks", "end", "expected"),
    [
        ([(0.0, "start"), (5.0, "middle")], "", "start     middle"),
        ([(0.0, "0 s"), (5.0, "5 s")], "10 s", "0 s       5 s   10 s"),  # the end does not shift the others
        ([(0.0, "a long name"), (5.0, "b")], "", "a long n… b"),  # cut, and apart from the next
        ([(0.0, "first"), (0.1, "second"), (5.0, "third")], "", "second    third"),  # of two at one place, the later
        ([(0.0, "0 s"), (9.0, "9 s")], "10 s", "0 s             10 s"),  # no room before the end
    ],
)
def test_texts_stand_at_their_times(marks: list[tuple[float, str]], end: str, expected: str) -> None:
    assert ruler(marks, end, length_s=10.0, width=20) == expected
