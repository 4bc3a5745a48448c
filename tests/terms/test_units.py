"""Units: what people write becomes a number exactly, and numbers become what people read."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loadws.terms.errors import UnitError
from loadws.terms.units import (
    DURATION_PATTERN,
    DURATION_UNITS,
    LONGEST_NS,
    RATE_PATTERN,
    RATE_UNITS,
    SIZE_PATTERN,
    SIZE_UNITS,
    format_count,
    format_duration,
    format_rate,
    format_size,
    parse_duration,
    parse_rate,
    parse_share,
    parse_size,
)

DURATIONS = {
    "250ms": 250_000_000,  # the usual
    "1m30s": 90_000_000_000,  # several parts
    "1h 2m 3s": 3_723_000_000_000,  # with spaces
    "0.5s": 500_000_000,  # a fraction
    "1.5us": 1_500,
    "1.5µs": 1_500,  # the sign for micro
    "7ns": 7,
    "2min": 120_000_000_000,
    "0s": 0,
    " 3s ": 3_000_000_000,  # space around
    "0.1s": 100_000_000,  # no binary float is 0.1; the result is exact
    "30s30s": 60_000_000_000,  # parts add up, in any order
}


@pytest.mark.parametrize("text", list(DURATIONS))
def test_a_duration_becomes_nanoseconds(text: str) -> None:
    assert DURATIONS[text] == parse_duration(text)


@pytest.mark.parametrize(
    "text",
    [
        "",  # nothing
        "10",  # a bare number: seconds or milliseconds?
        "s",  # a bare unit
        "10 s x",  # something after it
        "-1s",  # no duration is negative
        "1e3s",  # no powers
        "1sec",
        "1,5s",
        "٣s",  # a digit, but not one that an editor's schema takes
        "1.s",
    ],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse_duration(text)
    assert f"{text.strip()!r} is not a duration" == str(caught.value)
    assert caught.value.advice == "write a number with its unit: 250ms, 10s, 1m30s, 2h"


def test_a_duration_has_at_most_a_year() -> None:
    assert parse_duration("8784h") == LONGEST_NS
    with pytest.raises(UnitError, match="'8785h' is longer than a year"):
        parse_duration("8785h")


PARTS = st.lists(
    st.tuples(st.integers(0, 9999), st.integers(0, 999), st.sampled_from(sorted(DURATION_UNITS))),
    min_size=1,
    max_size=5,
)


@pytest.mark.slow
@given(PARTS)
def test_a_duration_is_the_sum_of_its_parts(parts: list[tuple[int, int, str]]) -> None:
    text = " ".join(f"{whole}.{thousandths:03}{unit}" for whole, thousandths, unit in parts)
    exact = sum(Fraction(whole * 1000 + rest, 1000) * DURATION_UNITS[unit] for whole, rest, unit in parts)
    if exact <= LONGEST_NS:
        assert int(exact) == parse_duration(text)
    else:
        with pytest.raises(UnitError):
            parse_duration(text)


@given(st.text() | st.text("0123456789.nsuµmih/ kMGBK"))
@example("1" * 5000 + "s")
@example("1/" * 5000)
def test_any_text_is_a_value_or_a_unit_error(text: str) -> None:
    for parse in (parse_duration, parse_rate, parse_size):
        try:
            value = parse(text)
        except UnitError:
            continue
        assert value >= 0


@pytest.mark.slow
@given(st.from_regex(re.compile(DURATION_PATTERN, re.ASCII), fullmatch=True).filter(lambda text: len(text) < 40))
def test_what_the_schema_lets_through_is_a_duration_unless_it_is_too_long(text: str) -> None:
    try:
        parse_duration(text)
    except UnitError as error:
        assert "longer than a year" in str(error) or re.search(r"\d{16}|\.\d{10}", text)


def test_rates_and_sizes() -> None:
    assert parse_rate("200/s") == 200.0
    assert 0.5 == parse_rate("30/m") == parse_rate("30/min") == parse_rate(" 1800 / h ")
    assert 65536 == parse_size("64KiB") == parse_size("64 KiB")
    assert parse_size("1.5MB") == 1_500_000
    assert parse_size("512B") == 512
    assert parse_size("3GiB") == 3 * 2**30


@given(st.integers(0, 10**6), st.sampled_from(sorted(RATE_UNITS)))
def test_what_the_schema_lets_through_is_a_rate(count: int, unit: str) -> None:
    text = f"{count}/{unit}"
    assert re.search(RATE_PATTERN, text)
    assert count / RATE_UNITS[unit] == parse_rate(text)


@given(st.integers(0, 10**6), st.sampled_from(sorted(SIZE_UNITS)))
def test_what_the_schema_lets_through_is_a_size(count: int, unit: str) -> None:
    text = f"{count}{unit}"
    assert re.search(SIZE_PATTERN, text)
    assert count * SIZE_UNITS[unit] == parse_size(text)


@pytest.mark.parametrize("text", ["200", "/s", "200/d", "1.5", "200 per s", "-1/s"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(UnitError, match="is not a rate"):
        parse_rate(text)


@pytest.mark.parametrize("text", ["64", "64kb", "64kiB", "MB", "-1B", "1 TB", "B"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UnitError, match="is not a size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 s"),
        (850, "850 ns"),
        (999.6, "1 µs"),  # rounding reaches the next unit
        (1_520_000, "1.52 ms"),
        (12_345_678, "12.3 ms"),
        (123_456_789, "123 ms"),
        (999_600_000, "1 s"),
        (2_000_000_000, "2 s"),
        (59_960_000_000, "60 s"),
        (60_000_000_000, "1 m"),
        (125_000_000_000, "2 m 5 s"),
        (3_599_600_000_000, "1 h"),
        (3_725_000_000_000, "1 h 2 m 5 s"),
        (-1_500_000, "-1.5 ms"),
    ],
)
def test_a_duration_for_people(ns: float, text: str) -> None:
    assert text == format_duration(ns)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (512, "512 B"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (65536, "64 KiB"),
        (2**20 - 1, "1 MiB"),  # not 1024 KiB
        (5 * 2**30, "5 GiB"),
        (-150.26 * 1024, "-150 KiB"),
    ],
)
def test_a_size_for_people(size: float, text: str) -> None:
    assert text == format_size(size)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (12345, "12,345"),
        (12345.6, "12,346"),
        (999.7, "1,000"),
        (99.96, "100"),
        (12.34, "12.3"),
        (0.5, "0.5"),
        (0.00123, "0.00123"),  # not 0
        (1e-7, "1e-07"),
    ],
)
def test_a_count_and_a_rate_for_people(count: float, text: str) -> None:
    assert text == format_count(count)
    assert f"{text}/s" == format_rate(count)


@given(st.integers(1, 59_999_999_999))
def test_a_duration_for_people_reads_back_to_three_digits(ns: int) -> None:
    assert parse_duration(format_duration(ns).replace(" ", "")) == pytest.approx(ns, rel=0.0051)


@pytest.mark.parametrize(("text", "share"), [("1%", 0.01), ("0 %", 0.0), ("0.5%", 0.005), ("100%", 1.0)])
def test_a_percentage_becomes_a_ratio(text: str, share: float) -> None:
    assert parse_share(text) == share


@pytest.mark.parametrize("text", ["", "1", "%", "-1%", "1e1%", "101%", "1 percent"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse_share(text)
    assert caught.value.advice
