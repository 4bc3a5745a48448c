"""The generator watches itself."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import pytest

from loadws.metrics.frame import Frame, Health
from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.metrics.summarising.generator import Demands, ProcessWatch, Spread, assess, lag_p99
from loadws.metrics.summary import ProcessHealth
from loadws.terms.thresholds import parse_threshold
from loadws.terms.units import NS_PER_MS
from tests.metrics.made_up import frame, times

WELL = ProcessHealth(
    process=0,
    cpu_share_mean=0.3,
    cpu_share_p95=0.4,
    cpu_over_90_share=0.0,
    loop_lag_p99_ns=10_000,
    loop_lag_max_ns=20_000,
    send_lag_p99_ns=100_000,
    gc_pause_max_ns=0,
    rss_max_bytes=1,
    open_files_max=1,
)
LATE = {"send_lag_p99_ns": 2 * NS_PER_MS}
BUSY = {"cpu_over_90_share": 0.06}
STARVED = {**LATE, "waited_share": 0.4}
STALLED = {"stalled_share": 0.02, "stall_max_ns": 300 * NS_PER_MS}


def demands(*rules: str, stamps: Literal["user", "kernel"] = "kernel", limit: float | None = None) -> Demands:
    return Demands.of([parse_threshold(rule) for rule in rules], stamps=stamps, send_lag_limit_ns=limit)


def watched(*frames: Frame) -> ProcessHealth:
    watch = ProcessWatch(0)
    for each in frames:
        watch.add(each)
    return watch.health()


@pytest.mark.parametrize(
    ("changed", "asked", "healthy", "warnings"),
    [
        ({}, demands("response_time.p99 < 1s"), True, 0),  # well
        (LATE, demands("response_time.p99 < 1s"), True, 0),  # 2 ms late is little beside 10 % of 1 s
        # send lag alone is a warning: whether it decides a rule is judged in the gate
        (LATE, demands("response_time.p99 < 1s", "connect_time.max < 19ms"), True, 1),
        ({"send_lag_p99_ns": 0.9 * NS_PER_MS}, demands("response_time.p99 < 2ms"), True, 0),
        (LATE, demands(), True, 1),
        (LATE, demands(limit=NS_PER_MS), False, 1),  # unless the scenario sets its own limit
        (LATE, demands(limit=3 * NS_PER_MS), True, 0),
        # without kernel stamps a busy core may hide read lag
        (BUSY, demands("response_time.p99 < 1s"), True, 1),
        (BUSY, demands("response_time.p99 < 1s", stamps="user"), False, 1),
        (BUSY, demands("connect_time.p99 < 1s"), False, 1),  # no kernel stamp tells when a connection was open
        (BUSY, demands("error_rate < 1%", stamps="user"), True, 1),  # no latency is judged
        ({"cpu_over_90_share": 0.05}, demands("response_time.p99 < 1s", stamps="user"), True, 0),
        (STALLED, demands("response_time.p99 < 1s"), True, 1),
        ({"complete": False}, demands(), False, 1),  # its data is missing, whatever was asked
        ({"complete": False, **LATE, **BUSY, **STALLED}, demands("response_time.p99 < 2ms"), False, 4),
        ({"send_lag_p99_ns": None}, demands("response_time.p99 < 2ms"), True, 0),  # nothing was sent
    ],
)
def test_what_makes_a_run_invalid(changed: dict[str, Any], asked: Demands, healthy: bool, warnings: int) -> None:
    generator = assess([WELL, msgspec.structs.replace(WELL, process=1, **changed)], asked)
    assert (generator.healthy, len(generator.warnings)) == (healthy, warnings)


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({**LATE, **BUSY}, "The generator was too slow"),
        (STARVED, "Something else had its core"),
        ({**LATE, "steal_share": 0.1}, "Something else had its core"),
        ({**STARVED, **BUSY}, "The generator was too slow"),
        (LATE, "Its event loop was 10 µs late"),
    ],
)
def test_lag_is_told_with_its_cause(changed: dict[str, Any], cause: str) -> None:
    [warning, *_] = assess([msgspec.structs.replace(WELL, **changed)], demands("response_time.p99 < 10ms")).warnings
    assert cause in warning


def test_warnings_say_what_and_what_to_do() -> None:
    ill = msgspec.structs.replace(
        WELL, complete=False, send_lag_p99_ns=2.5 * NS_PER_MS, waited_share=0.25, steal_share=0.12, **STALLED
    )
    assert assess([ill], demands("response_time.p99 < 15ms")).warnings == (
        "Process 0 ended without its last frame, so some of its data is missing: read what it printed, and run again.",
        "Process 0 sent messages 2.5 ms late (p99; 1.5 ms is a tenth of the tightest latency that is judged). Its CPU use "
        "was 40% of a core (p95), it waited for a core 25% of the time, the machine lost 12% of its cores. Something else "
        "had its core: stop other programs, keep a core free for each process of loadws (taskset), or use a larger machine.",
        "Process 0 stood still for 2% of the judged time, once for 300 ms: it was stopped or suspended, had no core, or was "
        "blocked.",
    )


def test_a_process_is_watched_in_judged_time_only() -> None:
    health = watched(
        frame(
            0,
            "warm-up",
            warmup=True,
            health=Health(0.99, 9_000, 8_000, 7_000, 7_000, open_files=50, rss_bytes=500),
        ),
        frame(
            1,
            health=Health(
                0.95,
                2_000,
                1_000,
                300,
                400,
                open_files=40,
                rss_bytes=400,
                stalled_ns=200 * NS_PER_MS,
                stall_max_ns=200 * NS_PER_MS,
                waited_share=0.3,
                steal_share=0.1,
            ),
        ),
        frame(
            2, health=Health(0.25, 3_000, 900, 200, 400), histograms=(times("send_lag", [1, 2], step="a"),), last=True
        ),
    )
    assert msgspec.structs.asdict(health) == {
        "process": 0,
        "cpu_share_mean": pytest.approx(0.6),
        "cpu_share_p95": pytest.approx(0.95),
        "cpu_over_90_share": 0.5,
        "loop_lag_p99_ns": pytest.approx(1_000),
        "loop_lag_max_ns": 3_000,
        "send_lag_p99_ns": None,
        "gc_pause_max_ns": 300,
        "rss_max_bytes": 500,
        "open_files_max": 50,
        "complete": True,
        "lost": None,
        "read_lag_p99_ns": None,
        "waited_share": pytest.approx(0.15),
        "steal_share": pytest.approx(0.05),
        "stalled_share": pytest.approx(0.1),
        "stall_max_ns": 200 * NS_PER_MS,
        "machine": "",
    }


def test_the_last_moment_is_no_window_like_the_others() -> None:
    health = watched(
        frame(0, health=Health(cpu_share=0.25, loop_lag_max_ns=555, loop_lag_p99_ns=555)),
        frame(1, duration_s=0.02, health=Health(cpu_share=1.0, loop_lag_max_ns=111, loop_lag_p99_ns=111), last=True),
    )
    assert (health.cpu_share_p95, health.cpu_over_90_share) == pytest.approx((0.25, 0.02 / 1.02))
    assert (health.loop_lag_p99_ns, health.loop_lag_max_ns) == (555, 555)  # rounding up stops at the maximum


def test_a_process_has_the_lags_that_are_its_own() -> None:
    watch = ProcessWatch(0)
    for metric, lag_us in (("send_lag", 5), ("read_lag", 7), ("schedule_lag", 9)):
        histogram = LatencyHistogram()
        histogram.record(lag_us * 1_000, count=1_000)
        watch.add_lag(metric, histogram)
    health = watch.health()
    assert (health.send_lag_p99_ns, health.read_lag_p99_ns) == (5_000, 7_000)


def test_a_process_that_never_spoke_is_incomplete() -> None:
    health = watched()
    assert (health.complete, health.send_lag_p99_ns, health.cpu_over_90_share) == (False, None, 0.0)


@pytest.mark.parametrize(
    ("lags_ms", "p99_ms"),
    [
        ([], None),  # nothing was sent
        ([1], 1),  # one
        ([0.1] * 49 + [80], 0.1),  # one hiccup among fifty proves nothing
        ([0.1] * 40 + [80] * 10, 80),  # ten do
        ([0.1] * 989 + [80] * 11, 80),  # a thousand carry a p99
        ([0.1] * 990 + [80] * 10, 0.1),
    ],
)
def test_few_sends_are_judged_by_the_lower_end_of_their_interval(
    lags_ms: Sequence[float], p99_ms: float | None
) -> None:
    histogram = LatencyHistogram()
    for lag_ms in lags_ms:
        histogram.record(round(lag_ms * NS_PER_MS))
    expected = None if p99_ms is None else pytest.approx(p99_ms * NS_PER_MS, rel=1e-3)
    assert lag_p99(histogram) == expected


@pytest.mark.parametrize(("lag_ms", "is_named"), [(80, True), (0.1, False)])
def test_what_held_up_a_late_process_is_named(lag_ms: float, is_named: bool) -> None:
    watch = ProcessWatch(0)
    lags = LatencyHistogram()
    lags.record(round(lag_ms * NS_PER_MS), count=1_000)
    watch.add_lag("send_lag", lags)
    watch.add(frame(0, last=True))
    assessed = assess([watch.health()], Demands(NS_PER_MS), {"flows:hold held up its process for 80 ms": 3})
    sentence = "One cause is the scenario's own: flows:hold held up its process for 80 ms, and so 3 times in all."
    assert assessed.warnings[1:] == ((sentence,) if is_named else ())


def test_a_spread_keeps_two_digits_rounded_up() -> None:
    spread = Spread()
    assert spread.percentile(99) == 0.0
    for value in (0.0, 0.123, 0.5, 12_345.0):
        spread.add(value)
    assert [spread.percentile(p) for p in (25, 50, 75, 100)] == pytest.approx([0.0, 0.13, 0.5, 13_000])


def test_a_spread_stays_small() -> None:
    spread = Spread()
    for value in range(1, 100_000, 7):
        spread.add(value)
    assert len(spread._counts) < 500
