from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.metrics.live import Second
from loadws.report.terminal.past import MOST_MOMENTS, Past


def _second(number: int, received: int = 1) -> Second:
    return Second(number, sent=0, received=received, errors=1, response_p50_ns=None, response_p99_ns=float(number))


def _told(*numbers: int) -> Past:
    """Return the past of a run that told of these seconds, three at a time, as a summariser does."""
    past = Past()
    for end in range(1, len(numbers) + 1):
        past.note([_second(number) for number in numbers[max(end - 3, 0) : end]])
    return past


def test_each_second_is_a_column_while_there_is_room() -> None:
    assert [moment and moment.p99_ns for moment in _told(0, 1, 2, 3, 4).columns(10)] == [0, 1, 2, 3, 4]


def test_a_second_of_which_nothing_was_told_is_a_gap() -> None:
    assert [moment and moment.p99_ns for moment in _told(0, 1, 5, 6, 7, 8).columns(10)] == [
        0,
        1,
        None,
        None,
        None,
        5,
        6,
        7,
        8,
    ]


def test_what_is_told_anew_replaces_what_was_told() -> None:
    past = Past()
    past.note([_second(0, received=1)])
    past.note([_second(0, received=5), _second(1)])
    past.note([_second(1, received=2), _second(2)])
    assert [moment and moment.received for moment in past.columns(10)] == [5, 2, 1]


@pytest.mark.slow
@given(st.integers(1, 3 * MOST_MOMENTS), st.integers(1, 120))
def test_no_second_is_lost_or_counted_twice(seconds: int, width: int) -> None:
    columns = _told(*range(seconds)).columns(width)
    assert len(columns) <= width
    moments = [moment for moment in columns if moment is not None]
    assert sum(moment.received for moment in moments) == seconds == sum(moment.seconds for moment in moments)
    assert sum(moment.errors for moment in moments) == seconds
    assert max(moment.p99_ns or 0 for moment in moments) == seconds - 1
    assert {moment.received_per_s for moment in moments} == {1.0}
