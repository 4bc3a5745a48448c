"""Values in pieces are the same values."""

from collections.abc import Sequence
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.metrics.summarising.accumulator import Values, supported_percentiles
from tests.kit.plain import MS
from tests.metrics.made_up import times

PIECES = st.lists(
    st.tuples(
        st.sampled_from(["put", "add", "join", "close"]), st.lists(st.integers(1, 2_000), min_size=1, max_size=8)
    ),
    max_size=8,
)


@pytest.mark.slow
@settings(deadline=None)
@given(PIECES)
def test_however_they_came_they_are_the_same_values(pieces: list[tuple[str, list[int]]]) -> None:
    made, expected = Values(), LatencyHistogram()
    for how, milliseconds in pieces:
        part = times("response_time", milliseconds, missing=1)
        expected.add(LatencyHistogram.decode(part))
        if how == "add":
            made.add(LatencyHistogram.decode(part))
        elif how == "join":
            other = Values()
            other.put(part)
            made.join(other)
        else:
            made.put(part)
        if how == "close":
            for _ in made.close():
                pass
            assert (made.pieces, made.open_buckets) == (1, 0)
    whole = made.whole()
    assert (None if whole is None else whole.part("", {})) == (expected.part("", {}) if pieces else None)


def test_joining_leaves_the_other_as_it_is() -> None:
    one, other = Values(), Values()
    other.put(times("response_time", [1]))
    other.add(LatencyHistogram.decode(times("response_time", [2])))
    one.join(other)
    one.add(LatencyHistogram.decode(times("response_time", [3])))
    assert [_count(one), _count(other)] == [3, 2]


def test_closing_goes_in_slices() -> None:
    made = Values()
    for value in (1, 2, 3):
        made.put(times("response_time", [value]))
    assert len(list(made.close())) == 4  # three parts, and the encoding
    assert list(made.close()) == []  # nothing left to do


@settings(deadline=None)
@given(st.integers(0, 12))
def test_closing_may_be_left_midway(slices: int) -> None:
    made = Values()
    made.add(LatencyHistogram.decode(times("response_time", [1])))
    for value in (2, 3, 4):
        made.put(times("response_time", [value]))
    for _ in islice(made.close(), slices):
        pass
    assert _count(made) == 4


def test_percentiles_are_none_where_samples_are_few() -> None:
    assert _percentiles(range(1, 20)) == [None, None]
    assert _percentiles([5] * 20) == [5 * MS, None]
    assert _percentiles([5] * 100) == [5 * MS, 5 * MS]
    assert supported_percentiles(LatencyHistogram(), (50, 90)) == [None, None]


def _percentiles(milliseconds: Sequence[int]) -> list[float | None]:
    return supported_percentiles(LatencyHistogram.decode(times("response_time", milliseconds)), (50, 90))


def _count(values: Values) -> int:
    whole = values.whole()
    return whole.count if whole else 0
