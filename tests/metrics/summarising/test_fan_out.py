"""The fan-out of probes over time: exact counts, medians by what is kept, and a bound on that."""

from __future__ import annotations

import statistics

from hypothesis import given
from hypothesis import strategies as st

from loadws.metrics.summarising.fan_out import MOST_KEPT, FanOut, Waits, columns_of
from loadws.metrics.summarising.timeline import Timeline
from tests.kit.plain import MS
from tests.metrics.made_up import frame


def waits(*values: int) -> Waits:
    made = Waits()
    for value in values:
        made.add(value)
    return made


def test_few_times_have_their_exact_median() -> None:
    assert waits().median() is None
    assert waits(5).median() == 5
    assert (waits(1, 9, 3).median(), waits(1, 9, 3).most) == (3, 9)


@given(st.lists(st.lists(st.integers(0, 10**12), max_size=400), min_size=1, max_size=5))
def test_joined_times_are_bounded_and_among_those_added(groups: list[list[int]]) -> None:
    whole = Waits()
    for group in groups:
        whole.join(waits(*group))
    every = [value for group in groups for value in group]
    assert whole.most == max(every, default=0)
    assert len(whole._kept) <= MOST_KEPT
    assert whole.median() is None or whole.median() in every
    if len(every) <= MOST_KEPT:
        assert whole.median() == (statistics.median_high(every) if every else None)


def test_of_many_times_the_median_is_near() -> None:
    many = waits(*range(100_000))
    assert abs((many.median() or 0) - 50_000) < 2_000


def test_a_probe_belongs_to_the_point_in_which_it_was_made() -> None:
    timeline = Timeline()
    for second in range(4):
        timeline.begin(frame(second))
    timeline.add_probe(1.2, "talk", 10, 1, (MS, 2 * MS, 5 * MS))
    timeline.add_probe(1.9, "talk", 10, 0, (3 * MS, 4 * MS, 9 * MS))
    timeline.add_probe(3.5, "talk", 4, 4, ())  # nobody had it
    columns = {(c.name, c.aggregate): c.values for c in timeline.series().columns if c.labels == {"probe": "talk"}}
    assert columns["delivery_first", "p50"] == (None, 3 * MS, None, None)
    assert columns["delivery_last", "max"] == (None, 9 * MS, None, None)
    assert columns["deliveries_expected", "rate"] == (0, 20, 0, 4)
    assert columns["deliveries_missing", "rate"] == (0, 1, 0, 4)


def test_a_probe_of_a_time_that_no_process_told_of_is_not_lost() -> None:
    timeline = Timeline()
    timeline.begin(frame(0))
    timeline.begin(frame(5))
    timeline.add_probe(3.0, "talk", 7, 0, (MS, MS, MS))
    (expected,) = (c.values for c in timeline.series().columns if c.name == "deliveries_expected")
    assert expected == (7, None, None, None, None, 0)


def test_a_run_without_probes_has_no_columns_of_them() -> None:
    timeline = Timeline()
    timeline.begin(frame(0))
    assert not [c for c in timeline.series().columns if "deliver" in c.name]


def test_points_that_become_one_keep_all_of_their_probes() -> None:
    one, other = FanOut(), FanOut()
    one.add(10, 1, (1, 2, 3))
    other.add(5, 0, (4, 5, 6))
    one.join(other)
    (first, *_) = columns_of("talk", [one], [1.0])
    assert (one.expected, one.missing, first.values) == (15, 1, (4.0,))
