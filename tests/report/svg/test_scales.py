from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.report.svg.palette import DARK, LIGHT, paint
from loadws.report.svg.scales import duration_label, linear_scale, log_scale, number_label, time_label, time_ticks


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1, 9, [1, 2, 5, 10]),  # one decade
        (0.5, 18, [0.5, 1, 2, 5, 10, 20]),  # a little more
        (1, 900, [1, 3, 10, 30, 100, 300, 1_000]),  # three decades: fewer in each
        (0.001, 3_500_000, [0.001, 0.1, 10, 1_000, 100_000]),  # all that a histogram spans: each second one
    ],
)
def test_ticks_of_a_logarithmic_axis(low: float, high: float, expected: list[float]) -> None:
    assert expected == list(log_scale([low, high]).ticks)


@given(st.lists(st.floats(0.001, 3.6e6), min_size=1))
def test_a_logarithmic_axis_spans_its_values_and_has_ticks(milliseconds: list[float]) -> None:
    axis = log_scale(milliseconds)
    assert axis.low <= min(milliseconds) and max(milliseconds) <= axis.high
    assert 2 <= len(axis.ticks) <= 8
    assert 0 <= axis.at(min(milliseconds)) <= axis.at(max(milliseconds)) <= 1


@given(st.lists(st.floats(0, 1e12)))
def test_a_linear_axis_begins_at_zero_and_has_few_round_ticks(values: list[float]) -> None:
    axis = linear_scale(values)
    assert axis.low == 0 and max(values, default=0) <= axis.high * (1 + 1e-9)
    assert 2 <= len(axis.ticks) <= 6


@given(st.floats(0.5, 10 * 86_400))
def test_times_have_at_most_seven_ticks_within_the_run(until_s: float) -> None:
    ticks = time_ticks(0, until_s)
    assert 1 <= len(ticks) <= 8
    assert all(0 <= tick <= until_s * (1 + 1e-9) for tick in ticks)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (duration_label(0.2), "200 µs"),
        (duration_label(1_500), "1.5 s"),
        (number_label(1_500), "1,500"),
        (number_label(20_000), "20k"),
        (time_label(65, 100), "65 s"),  # a run of less than two minutes
        (time_label(65, 600), "1:05"),
        (time_label(3_665, 7_200), "1:01:05"),
    ],
)
def test_labels_are_short(label: str, expected: str) -> None:
    assert expected == label


def test_both_palettes_have_the_same_colours() -> None:
    assert LIGHT.keys() == DARK.keys()


def test_a_colour_falls_back_to_the_light_palettes() -> None:
    assert f"var(--p50, {LIGHT['p50']})" == paint("p50")


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("text", ["ink", "muted", "good", "warn", "bad", "link"])
@pytest.mark.parametrize("ground", ["card", "page", "shade"])
def test_text_can_be_read_on_every_ground(palette: dict[str, str], text: str, ground: str) -> None:
    lighter, darker = sorted((_luminance(palette[text]), _luminance(palette[ground])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5  # WCAG 2.2, 1.4.3


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_lines_stand_out_from_the_card(palette: dict[str, str]) -> None:
    for name in ("p50", "p90", "p99", "max", "sent", "received", "users", "errors", "lost"):
        lighter, darker = sorted((_luminance(palette[name]), _luminance(palette["card"])), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 3, name  # WCAG 2.2, 1.4.11
