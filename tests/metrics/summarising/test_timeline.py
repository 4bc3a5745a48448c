"""The run over time, in at most 600 points."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadws.metrics.frame import Frame, Gauges, Health
from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.metrics.summarising.timeline import MOST_STEPS, Timeline
from loadws.metrics.summary import Series
from tests.kit.plain import MS
from tests.metrics.made_up import counted, frame, ledger, times


def timeline(*frames: Frame) -> Timeline:
    made = Timeline()
    for each in frames:
        made.begin(each)
        for part in each.histograms:
            made.add_histogram(part, LatencyHistogram.decode(part))
        for _ in made.tidying():
            pass
    return made


def column(series: Series, name: str, aggregate: str, **labels: str) -> tuple[float | None, ...]:
    (found,) = [c for c in series.columns if (c.name, c.aggregate, c.labels) == (name, aggregate, labels)]
    return found.values


def test_a_second_is_a_point() -> None:
    series = timeline(
        frame(
            0,
            "up",
            histograms=(times("response_time", [1] * 20, step="a"),),
            counters=(counted("messages_sent", 30), counted("errors", 2, kind="timeout", step="a")),
            gauges=Gauges(open_connections=5, users=6),
            health=Health(cpu_share=0.5, loop_lag_max_ns=7),
        ),
        frame(1, duration_s=0.5, counters=(counted("messages_sent", 30),)),
    ).series()
    assert (series.interval_s, series.start_s, series.phase) == (1.0, (0.0, 1.0), ("up", "steady"))
    assert column(series, "response_time", "max") == (1 * MS, None)
    assert column(series, "response_time", "p50") == (1 * MS, None)
    assert column(series, "response_time", "p99") == (None, None)  # twenty samples carry no p99
    assert column(series, "messages_sent", "rate") == (30.0, 60.0)
    assert column(series, "errors", "rate") == (2.0, 0.0)
    assert column(series, "open_connections", "max") == (5.0, 0.0)
    assert column(series, "users", "max") == (6.0, 0.0)
    assert column(series, "cpu_share", "max") == (0.5, 0.0)
    assert column(series, "loop_lag", "max") == (7.0, 0.0)


def test_a_second_that_nobody_saw_is_none() -> None:
    series = timeline(frame(0, "up", counters=(counted("messages_sent", 3),)), frame(2)).series()
    assert series.phase == ("up", "up", "steady")
    assert column(series, "messages_sent", "rate") == (3.0, None, 0.0)
    assert column(series, "users", "max") == (0.0, None, 0.0)


def test_a_frame_belongs_to_the_second_of_its_middle() -> None:
    series = timeline(frame(0), frame(1, start_s=0.9999, counters=(counted("messages_sent", 4),))).series()
    assert column(series, "messages_sent", "rate") == (0.0, 4.0)


def test_a_rate_over_a_moment_is_no_rate() -> None:
    series = timeline(frame(0), frame(1, duration_s=0.01, counters=(counted("messages_sent", 4),))).series()
    assert column(series, "messages_sent", "rate") == (0.0, None)


def test_steps_have_columns_where_there_are_several() -> None:
    one = timeline(frame(0, histograms=(times("response_time", [1], step="a"),)))
    assert [c.labels for c in one.series().columns if c.name == "response_time"] == [{}] * 4
    two = timeline(
        frame(0, histograms=(times("response_time", [1] * 20, step="a"), times("response_time", [3] * 20, step="b")))
    ).series()
    assert column(two, "response_time", "p50", step="a") == (1 * MS,)
    assert column(two, "response_time", "p50", step="b") == (3 * MS,)
    assert column(two, "response_time", "max") == (3 * MS,)


def test_only_so_many_steps_have_columns_of_their_own() -> None:
    """600 points of each would fill the memory; what the others took is in the columns of all."""
    parts = [times("response_time", [n], step=f"step {n}") for n in range(1, MOST_STEPS + 3)]
    made = timeline(frame(0, histograms=tuple(parts)), frame(1, histograms=tuple(reversed(parts))))
    series = made.series()
    of_steps = {c.labels["step"] for c in series.columns if "step" in c.labels}
    assert of_steps == {f"step {n}" for n in range(1, MOST_STEPS + 1)}
    assert column(series, "response_time", "max") == ((MOST_STEPS + 2) * MS,) * 2


def test_processes_are_put_together() -> None:
    series = timeline(
        frame(0, gauges=Gauges(3, 4), counters=(counted("messages_sent", 1),), health=Health(cpu_share=0.2)),
        frame(
            0, process=1, gauges=Gauges(30, 40), counters=(counted("messages_sent", 2),), health=Health(cpu_share=0.9)
        ),
    ).series()
    assert column(series, "open_connections", "max") == (33.0,)
    assert column(series, "users", "max") == (44.0,)
    assert column(series, "messages_sent", "rate") == (3.0,)
    assert column(series, "cpu_share", "max") == (0.9,)


def test_a_storm_between_two_frames_is_seen() -> None:
    series = timeline(
        frame(0, gauges=Gauges(50, 50)),
        frame(1, gauges=Gauges(50, 50, {"open_connections": (3, 60)})),
        frame(1, process=1, gauges=Gauges(5, 5)),
    ).series()
    assert column(series, "open_connections", "min") == (50.0, 8.0)
    assert column(series, "open_connections", "max") == (50.0, 65.0)
    assert column(series, "users", "min") == (50.0, 55.0)


def test_dropped_arrivals_are_counted_where_they_were_dropped() -> None:
    series = timeline(
        frame(0, ledger=ledger(arrivals={"dropped": 2})),
        frame(0, process=1, ledger=ledger(arrivals={"dropped": 1})),
        frame(1, ledger=ledger(arrivals={"dropped": 2})),
        frame(2, ledger=ledger(arrivals={"dropped": 7})),
        frame(2, process=1, ledger=ledger(arrivals={"dropped": 3})),
    ).series()
    assert column(series, "arrivals_dropped", "rate") == (3.0, 0.0, 7.0)


def test_a_gauge_over_phases() -> None:
    made = timeline(
        frame(0, "up", gauges=Gauges(users=1)),
        frame(1, gauges=Gauges(users=4)),
        frame(2, gauges=Gauges(users=8)),
        frame(2, process=1, gauges=Gauges(users=10)),
    )
    (users,) = [entry for entry in made.gauge_entries({"steady"}) if entry.name == "users"]
    assert (users.kind, users.min, users.mean, users.max, users.count) == ("gauge", 4.0, 11.0, 18.0, 2)
    (users,) = [entry for entry in made.gauge_entries({"up"}, phase="up") if entry.name == "users"]
    assert (users.labels, users.min, users.max) == ({"phase": "up"}, 1.0, 1.0)
    assert made.gauge_entries({"down"}) == []


def test_the_fewest_is_without_the_rise_and_the_fall_of_the_load() -> None:
    """Four users are held from the first moment; the connections of one come late, and one is lost for a moment at 3.5 s."""
    four = Gauges(4, 4)
    made = timeline(
        frame(0, "up", phases=((0, 0.0),), gauges=Gauges(4, 4, {"users": (0, 4), "open_connections": (0, 4)})),
        frame(1, "up", phases=((0, 1.1),), gauges=Gauges(6, 6, {"users": (4, 6)})),
        frame(2, phases=((1, 2.1),), gauges=Gauges(4, 4, {"users": (3, 6), "open_connections": (2, 6)})),
        frame(3, gauges=Gauges(4, 4, {"open_connections": (3, 4)})),
        frame(4, gauges=four),
        frame(5, over=True, gauges=Gauges(0, 0, {"users": (0, 4), "open_connections": (0, 4)})),
    )
    found = {entry.name: entry for entry in made.gauge_entries({"steady"})}
    assert (found["users"].min, found["users"].mean, found["users"].max) == (4.0, 4.0, 6.0)
    assert (found["open_connections"].min, found["open_connections"].max) == (3.0, 6.0)
    assert {entry.min for entry in made.gauge_entries({"up"})} == {None}  # it has no whole second


@pytest.mark.parametrize(
    ("seconds", "points", "interval_s"),
    [
        (1, 1, 1.0),  # the shortest
        (600, 600, 1.0),  # all points used
        (601, 301, 2.0),  # one second more
        (1_200, 600, 2.0),
        (5_000, 313, 16.0),
    ],
)
def test_long_runs_have_coarser_points(seconds: int, points: int, interval_s: float) -> None:
    made = timeline(
        *(
            frame(
                second,
                histograms=(times("response_time", [second + 1], step="a"),) if second % 7 == 0 else (),
                counters=(counted("messages_sent", 2),),
                gauges=Gauges(users=second),
            )
            for second in range(seconds)
        )
    )
    series = made.series()
    assert (len(series.start_s), series.interval_s) == (points, interval_s)
    assert all(len(each.values) == points for each in series.columns)
    assert set(column(series, "messages_sent", "rate")) == {2.0}
    assert column(series, "users", "max")[-1] == seconds - 1
    assert max(value or 0 for value in column(series, "response_time", "max")) == (1 + (seconds - 1) // 7 * 7) * MS


def test_a_coarse_percentile_is_that_of_all_its_values_not_a_mean() -> None:
    """A minute of 1 ms and a minute of 100 ms: the median of both is one of them, never between."""
    fast, slow = times("response_time", [1] * 30, step="a"), times("response_time", [100] * 20, step="a")
    made = timeline(*(frame(n, histograms=(fast if n % 2 else slow,)) for n in range(1_000)))
    medians = column(made.series(), "response_time", "p50")
    assert set(medians) == {1 * MS}


@pytest.mark.slow
def test_parts_do_not_pile_up() -> None:
    """However long it runs: a few parts a point, in at most 600 points."""
    part = times("response_time", [1], step="a")
    made = timeline(*(frame(n, histograms=(part,)) for n in range(2_500)))
    pieces = [values.pieces for point in made._points.values() for values in point.values.values()]
    assert len(pieces) <= 600
    assert max(pieces) <= 4


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=30))
def test_there_are_never_more_than_600_points(seconds: Sequence[int]) -> None:
    series = timeline(*(frame(second) for second in seconds)).series()
    assert 1 <= len(series.start_s) <= 600
    assert series.start_s[-1] <= max(seconds) < series.start_s[-1] + series.interval_s
