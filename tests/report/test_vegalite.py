from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.report import vegalite


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1, 10, [1, 2, 5, 10]),  # one decade
        (0.5, 20, [0.5, 1, 2, 5, 10, 20]),  # a little more
        (1, 1_000, [1, 3, 10, 30, 100, 300, 1_000]),  # three decades: fewer in each
        (0.001, 10_000, [0.001, 0.01, 0.1, 1, 10, 100, 1_000, 10_000]),  # seven: whole ones
        (0.001, 3_600_000, [0.001, 0.1, 10, 1_000, 100_000]),  # all that a histogram spans: each second one
    ],
)
def test_ticks_of_a_logarithmic_axis(low: float, high: float, expected: list[float]) -> None:
    assert expected == vegalite.log_ticks(low, high)


@given(st.lists(st.floats(0.001, 3.6e6), min_size=1))
def test_a_duration_axis_spans_its_values_and_has_ticks(milliseconds: list[float]) -> None:
    axis = vegalite.duration_axis("ms", milliseconds)
    low, high = axis["scale"]["domain"]
    assert low <= min(milliseconds) and max(milliseconds) <= high
    assert 2 <= len(axis["axis"]["values"]) <= 8


def test_both_palettes_have_the_same_colours() -> None:
    assert vegalite.LIGHT.keys() == vegalite.DARK.keys()


def test_a_colour_falls_back_to_the_light_palettes() -> None:
    assert f"var(--p50, {vegalite.LIGHT['p50']})" == vegalite.colour("p50")
