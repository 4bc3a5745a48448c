"""One threshold against entries: every rule of language.md, "Thresholds"."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadws.gate.check import judge_rule
from loadws.metrics.frame import CounterPart, Gauges, HistogramPart
from loadws.metrics.summarising.summariser import Summariser
from loadws.metrics.summary import Check
from loadws.terms.metrics import TABLE, Metric, own_counter
from loadws.terms.thresholds import parse_threshold
from tests.kit.plain import MS
from tests.metrics.made_up import counted, frame, info, times

PHASES = (("warm-up", True), ("steady", False))
OWN = {"greeted": own_counter("greeted")}


def measured(*parts: HistogramPart | CounterPart, users: int = 3) -> Summariser:
    """Of a run with a second of warm-up and two judged ones, in which these parts were measured."""
    made = Summariser(info(phases=PHASES))
    made.add(frame(0, "warm-up", warmup=True, phases=((0, 0.0),)))
    made.add(
        frame(
            1,
            phases=((1, 1.0),),
            duration_s=2.0,
            gauges=Gauges(users=users),
            histograms=tuple(part for part in parts if isinstance(part, HistogramPart)),
            counters=tuple(part for part in parts if isinstance(part, CounterPart)),
        )
    )
    return made


def check(rule: str, *parts: HistogramPart | CounterPart) -> Check:
    """As at the end of the run; and in the middle of it the same."""
    threshold, summariser = parse_threshold(rule, OWN), measured(*parts)
    found = judge_rule(summariser.entries(), threshold)
    assert judge_rule(summariser.entries_for(threshold), threshold) == found
    return found


STEPS = (
    times("response_time", [1] * 30, step="a"),
    times("response_time", [9] * 10, step="b"),
    times("response_time", [50], "warm-up", step="a"),
)
COUNTERS = (
    counted("errors", 3, kind="timeout", step="a"),
    counted("errors", 4, kind="timeout", step="b"),
    counted("errors", 50, "warm-up", kind="timeout", step="b"),
    counted("error_rate", 80, failed=8, kind="request", step="a"),
    counted("error_rate", 20, failed=1, kind="request", step="b"),
    counted("error_rate", 100, kind="connect", step="connect"),
    counted("messages_sent", 500),
)


@pytest.mark.parametrize(
    ("rule", "observed", "outcome"),
    [
        # what is not named is merged
        ("response_time.max < 10ms", 9 * MS, "passed"),
        ("response_time.p50 < 2ms", 1.000447 * MS, "passed"),
        ("response_time.mean == 3ms", 3 * MS, "passed"),
        ("response_time.min >= 1ms", 1 * MS, "passed"),
        ("response_time.count == 40", 40, "passed"),
        ("response_time.rate > 19/s", 20, "passed"),
        # labels select exactly
        ("response_time{step=b}.min > 9ms", 9 * MS, "failed"),
        ("response_time{step=a}.count == 30", 30, "passed"),
        # a phase selects its own time, warm-up too
        ("response_time{phase=warm-up}.max < 10ms", 50 * MS, "failed"),
        ("response_time{phase=warm-up}.rate == 1", 1, "passed"),
        ("response_time{phase=steady,step=b}.count == 10", 10, "passed"),
        # counters
        ("errors < 5", 7, "failed"),
        ("errors{kind=timeout}.count == 7", 7, "passed"),
        ("errors{step=b} <= 4", 4, "passed"),
        ("errors{kind=timeout,step=a}.rate < 2/s", 1.5, "passed"),
        ("errors{phase=warm-up}.count == 50", 50, "passed"),
        ("messages_sent.rate > 200/s", 250, "passed"),
        # what was watched and never counted is 0
        ("errors{kind=tcp.reset} == 0", 0, "passed"),
        ("greeted > 0", 0, "failed"),
        ("bytes_sent.rate < 1/s", 0, "passed"),
        # rates: failed over tried
        ("error_rate < 5%", 0.045, "passed"),
        ("error_rate{kind=request} < 5%", 0.09, "failed"),
        ("error_rate{kind=request,step=a} < 5%", 0.1, "failed"),
        ("error_rate.count == 200", 200, "passed"),
        # gauges
        ("users.max == 3", 3, "passed"),
        ("users{phase=warm-up} < 1", 0, "passed"),
        # no sample at all
        ("response_time{step=c}.p99 < 1s", None, "no_data"),
        ("response_time{step=c}.count < 1", None, "no_data"),
        ("connect_time.p99 < 1s", None, "no_data"),
        ("error_rate{kind=check} < 1%", None, "no_data"),
        ("errors{phase=never} == 0", None, "no_data"),
        ("users{phase=never} < 9", None, "no_data"),
    ],
)
def test_what_a_rule_comes_to(rule: str, observed: float | None, outcome: str) -> None:
    found = check(rule, *STEPS, *COUNTERS)
    expected = None if observed is None else pytest.approx(observed, rel=1e-3)
    assert (found.observed, found.outcome) == (expected, outcome)


@pytest.mark.parametrize(
    ("labels", "observed"),
    [
        ("kind=tls.expired", 2),
        ("kind=tls", 5),  # the family
        ("kind=tls,step=b", 3),
        ("kind=tl", 0),  # only the beginning of a word
        ("kind=lost", 7),
        ("kind=lost.protocol", 7),  # a family in a family
    ],
)
def test_a_kind_selects_its_family_too(labels: str, observed: float) -> None:
    parts = (
        counted("errors", 2, kind="tls.expired", step="a"),
        counted("errors", 3, kind="tls.version", step="b"),
        counted("errors", 7, kind="lost.protocol.utf8", step="b"),
    )
    assert check(f"errors{{{labels}}} == 0", *parts).observed == observed


def test_no_data_says_so() -> None:
    found = check("connect_time.p99 < 1s")
    assert (found.outcome, found.sentence) == ("no_data", "connect_time.p99 had no data")


def test_a_kind_stands_for_all_that_begin_with_it() -> None:
    parts = [
        counted("errors", n, kind=kind, step="a") for n, kind in enumerate(("closed.1000", "closed.1011", "close"), 1)
    ]
    assert check("errors{kind=closed} == 3", *parts).outcome == "passed"
    assert check("errors{kind=closed.1011} == 2", *parts).outcome == "passed"
    assert check("errors{kind=clos} == 0", *parts).outcome == "passed"  # validate refuses it: it is no kind


@pytest.mark.parametrize(
    ("values_ms", "missing", "rule", "observed_ms", "outcome", "note"),
    [
        (range(1, 11), 0, "max", 10, "passed", ""),
        (range(1, 996), 5, "max", math.inf, "failed", "5 of 1,000 had no answer"),
        (range(1, 996), 5, "min", 1, "passed", "5 of 1,000 had no answer"),
        (range(1, 996), 5, "mean", 498, "passed", "5 of 1,000 had no answer"),
        ((), 3, "mean", None, "no_data", "3 of 3 had no answer"),
        ((), 30, "p50", math.inf, "failed", "30 of 30 had no answer"),  # nothing was answered: no lack of data
        (range(1, 981), 20, "p99", math.inf, "failed", "20 of 1,000 had no answer"),
    ],
)
def test_requests_without_an_answer_rank_above_every_value(
    values_ms: Sequence[int], missing: int, rule: str, observed_ms: float | None, outcome: str, note: str
) -> None:
    found = check(f"response_time.{rule} < 2s", times("response_time", values_ms, missing=missing, step="a"))
    assert found.observed == (None if observed_ms is None else pytest.approx(observed_ms * MS, rel=1e-3))
    assert (found.outcome, found.note) == (outcome, note)


@pytest.mark.parametrize(
    ("rule", "outcome", "lower_ms", "upper_ms"),
    [
        # of 1 .. 1,000 ms the interval of p99 is that of ranks 983 and 997
        ("p99 < 998ms", "passed", 983, 997),
        ("p99 < 990ms", "too_close", 983, 997),
        ("p99 < 984ms", "too_close", 983, 997),
        ("p99 < 982ms", "failed", 983, 997),
        ("p99 > 982ms", "passed", 983, 997),
        ("p99 > 990ms", "too_close", 983, 997),
        ("p99 > 998ms", "failed", 983, 997),
        ("p97.5 < 990ms", "passed", 965, 984),
        # too few for both ends: the maximum is the sample's, not the percentile's
        ("p99.9 < 1h", "too_close", 996, None),
        ("p99.9 < 995ms", "failed", 996, None),
    ],
)
def test_a_percentile_is_judged_by_its_interval(
    rule: str, outcome: str, lower_ms: float, upper_ms: float | None
) -> None:
    found = check(f"response_time.{rule}", times("response_time", range(1, 1_001), step="a"))
    ends = (lower_ms * MS, None if upper_ms is None else upper_ms * MS)
    assert (found.lower, found.upper) == tuple(None if end is None else pytest.approx(end, rel=2e-3) for end in ends)
    assert found.outcome == outcome


@pytest.mark.parametrize("count", [1, 5, 71, 72, 190, 210, 10_000])
def test_no_verdict_jumps_at_a_number_of_samples(count: int) -> None:
    """A server with 1 % slow answers: p95 is far within the limit, and few samples may be too few but never fail."""
    values = [300 if n % 100 == 99 else 5 for n in range(count)]
    found = check("response_time.p95 < 100ms", times("response_time", values, step="a"))
    assert found.outcome in ("passed", "too_close")
    assert (found.outcome == "passed") == (count >= 72)


def test_too_close_says_how_many_samples_would_tell() -> None:
    found = check("response_time.p95 < 100ms", times("response_time", [5] * 20, step="a"))
    assert (found.outcome, found.needs, found.samples) == ("too_close", 52, 20)
    assert found.sentence == (
        "response_time.p95 was 5 ms (95% interval 5 ms to beyond the slowest sample), limit 100 ms: too close to call with "
        "20 samples; about 52 more would tell"
    )


def test_a_percentile_that_is_its_limit_can_never_be_told() -> None:
    found = check("response_time.p50 < 10ms", times("response_time", [5] * 50 + [15] * 50, step="a"))
    assert (found.outcome, found.needs) == ("too_close", None)


def test_messages_of_one_moment_are_worth_fewer() -> None:
    """The same samples, spread over the run or all in one second of it."""
    spread, at_once = [(6, 100)] * 20, [(120, 100 + 20)] + [(0, 99)] * 19
    entries = measured(times("response_time", [5] * 1_880 + [200] * 120, step="a")).entries()
    threshold = parse_threshold("response_time.p93 < 100ms")
    plain = judge_rule(entries, threshold, windows=spread)
    clumped = judge_rule(entries, threshold, windows=at_once)
    assert plain.upper == pytest.approx(200 * MS, rel=1e-3)
    assert clumped.upper is None  # worth so few samples that their maximum bounds nothing
    assert plain.needs is not None and clumped.needs is not None and clumped.needs > 5 * plain.needs


def test_the_digits_tell_which_side_of_the_limit_a_rate_is_on() -> None:
    found = check("error_rate < 1%", counted("error_rate", 100_000, failed=1_000, kind="request", step="a"))
    assert found.outcome == "failed"
    assert found.sentence == "error_rate was 1% (1,000 of 100,000), limit 1%"
    found = check("error_rate <= 1%", counted("error_rate", 1_000_000, failed=10_001, kind="request", step="a"))
    assert found.sentence == "error_rate was 1.0001% (10,001 of 1,000,000), limit 1%"


def test_a_rule_that_ended_the_run_has_failed_whatever_came_after() -> None:
    found = judge_rule(measured(*STEPS).entries(), parse_threshold("response_time.max < 10ms"), aborted=True)
    assert (found.outcome, found.aborted, found.observed) == ("failed", True, 9 * MS)
    assert found.note == "broken during the run, which this rule ended"


NO_TIMES = ("count", "rate", "completeness")


@pytest.mark.parametrize("metric", TABLE.values(), ids=TABLE)
def test_no_data_never_passes(metric: Metric) -> None:
    """A run that measured nothing in no time has no entries at all."""
    of_nothing = Summariser(info()).entries()
    for aggregate in metric.aggregates:
        unit = "ns" if metric.unit == "ns" and aggregate not in NO_TIMES else ""
        for op in ("<", "<=", ">", ">=", "=="):
            rule = parse_threshold(f"{metric.name}.{aggregate} {op} 0{unit}")
            assert judge_rule([], rule).outcome == "no_data"
            assert judge_rule(of_nothing, rule).outcome == "no_data"


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(1, 3_000), max_size=40), min_size=1, max_size=4),
    st.integers(0, 3),
    st.sampled_from(["p50", "p75", "p90", "max", "min", "mean", "count"]),
)
def test_steps_are_merged_as_if_they_were_one(steps: list[list[int]], missing: int, aggregate: str) -> None:
    """Percentiles come from merged histograms: cutting the samples up changes nothing."""
    apart = [
        times("response_time", values, step=str(n), missing=missing if n == 0 else 0) for n, values in enumerate(steps)
    ]
    whole = times("response_time", [value for values in steps for value in values], step="one", missing=missing)
    rule = f"response_time.{aggregate} < 5{'' if aggregate == 'count' else 'ms'}"
    one, several = check(rule, whole), check(rule, *apart)
    assert (several.outcome, several.note) == (one.outcome, one.note)
    assert several.observed == (None if one.observed is None else pytest.approx(one.observed))
