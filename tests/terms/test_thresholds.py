"""The rule grammar: what each rule means, and where a wrong one is wrong."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loadws.terms.metrics import TABLE, Metric, own_counter, own_trend
from loadws.terms.rule_text import RuleError
from loadws.terms.thresholds import OPERATORS, Threshold, format_value, parse_threshold, wrong_share

OWN = {
    "feed age": own_trend("feed age", "ns"),
    "score": own_trend("score", "points"),
    "greeted": own_counter("greeted"),
}


def rule(text: str, metric: str, aggregate: str, op: str, value: float, unit: str, **labels: str) -> Threshold:
    return Threshold(text, metric, aggregate, op, value, unit, labels)


@pytest.mark.parametrize(
    "expected",
    [
        rule("response_time.p99 < 200ms", "response_time", "p99", "<", 200_000_000, "ns"),
        rule("response_time{step=join}.p99<1.1 ms", "response_time", "p99", "<", 1_100_000, "ns", step="join"),
        # a time is exact, in every unit
        rule("connect_time.mean <= 1.5h", "connect_time", "mean", "<=", 5_400_000_000_000, "ns"),
        # a percentile with a point in it
        rule("service_time.p99.9 >= 2us", "service_time", "p99.9", ">=", 2000, "ns"),
        # several labels, and free text
        rule(
            "response_time{step='say, all', phase=steady state}.max < 1s",
            "response_time", "max", "<", 10**9, "ns", step="say, all", phase="steady state",
        ),
        # no aggregate: the one that a metric of this kind has
        rule("error_rate < 0.1%", "error_rate", "rate", "<", 0.001, "ratio"),
        rule("error_rate{kind=timeout} <= 99.9%", "error_rate", "rate", "<=", 0.999, "ratio", kind="timeout"),
        rule("error_rate < 0.01", "error_rate", "rate", "<", 0.01, "ratio"),
        rule("errors == 0", "errors", "count", "==", 0, "1"),
        rule("users > 1e3", "users", "max", ">", 1000, "1"),
        # how many samples, and how many a second
        rule("response_time.count > 5", "response_time", "count", ">", 5, "1"),
        rule("messages_sent.rate > 100/s", "messages_sent", "rate", ">", 100, "/s"),
        rule("response_time.rate > 100", "response_time", "rate", ">", 100, "/s"),
        # bytes are a size in all
        rule("bytes_sent < 1.5KiB", "bytes_sent", "count", "<", 1536, "bytes"),
        rule("bytes_sent.rate > 10/s", "bytes_sent", "rate", ">", 10, "/s"),
        # the scenario's own
        rule("'feed age'.p50 < 3s", "feed age", "p50", "<", 3 * 10**9, "ns"),
        rule("score.min > -4 points", "score", "min", ">", -4, "points"),
        rule("score.min > -4", "score", "min", ">", -4, "points"),
        rule('"greeted" >= 10', "greeted", "count", ">=", 10, "1"),
    ],
    ids=lambda expected: expected.rule,
)  # fmt: skip
def test_a_rule_is_read(expected: Threshold) -> None:
    assert expected == parse_threshold(expected.rule, OWN)


@pytest.mark.parametrize(
    ("text", "offset", "message", "advice"),
    [
        ("", 0, "a rule begins with a metric", "for example: response_time.p99 < 200ms"),
        ("  < 3", 2, "a rule begins with a metric", "for example: response_time.p99 < 200ms"),
        ("respons_time.p99 < 1s", 0, "unknown metric 'respons_time'", "did you mean 'response_time'?"),
        ("xyzzy < 1", 0, "unknown metric 'xyzzy'", "`loadws docs metrics` lists those of loadws"),
        ("response_time < 1s", 14, "'response_time' is a histogram: say which value of it",
         "one of any percentile (p50, p97.5, p99.9), max, min, mean, count, rate"),
        ("error_rate.p99 < 1", 11, "'error_rate' has no aggregate 'p99'", "its aggregates are rate, count"),
        ("response_time.p100 < 1s", 14, "'response_time' has no aggregate 'p100'",
         "its aggregates are any percentile (p50, p97.5, p99.9), max, min, mean, count, rate"),
        ("response_time.P95 < 1s", 14, "'response_time' has no aggregate 'P95'",
         "its aggregates are any percentile (p50, p97.5, p99.9), max, min, mean, count, rate"),
        ("response_time.p5o < 1s", 14, "'response_time' has no aggregate 'p5o'",
         "its aggregates are any percentile (p50, p97.5, p99.9), max, min, mean, count, rate"),
        ("response_time. < 1s", 14, "'response_time' has no aggregate ''",
         "its aggregates are any percentile (p50, p97.5, p99.9), max, min, mean, count, rate"),
        ("users{step=a} < 1", 6, "'users' has no label 'step'", "its labels are phase"),
        ("errors{kind=a,kind=b} < 1", 14, "the label 'kind' stands twice", ""),
        ("errors{kind} < 1", 7, "between { and } stand label=value pairs", ""),
        ("errors{} < 1", 7, "between { and } stand label=value pairs", ""),
        ("errors{kind=} < 1", 12, "the label 'kind' has no value", ""),
        ("errors{kind=a < 1", 17, "labels are not closed by }", ""),
        ("errors{kind='a} < 1", 12, "this quote is not closed", ""),
        ("errors = 1", 7, "here a comparison is missing", "one of < <= > >= =="),
        ("errors <", 8, "here a number is missing", ""),
        ("errors < 1 < 2", 11, "nothing may follow the number: '< 2'", ""),
        # units
        ("response_time.p99 < 200", 20, "a time needs its unit", "for example 200ms or 1.5s"),
        ("response_time.p99 < 200kg", 20, "a time needs its unit, and 'kg' is none", "for example 200ms or 1.5s"),
        ("response_time.p99 < 0,5s", 20, "a time needs its unit, and ',5s' is none", "for example 200ms or 1.5s"),
        ("errors < 1ms", 9, "the unit 'ms' does not fit here", "this value is in '1'"),
        ("bytes_sent < 1ms", 13, "the unit 'ms' does not fit here", "this value is in 'bytes'"),
        # numbers that are none
        ("errors < 1e999", 9, "this number is out of range", ""),
        ("errors < 1e99999999999999999999", 9, "this number is out of range", ""),
    ],
)  # fmt: skip
def test_a_wrong_rule_says_where_and_why(text: str, offset: int, message: str, advice: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse_threshold(text)
    assert (message, offset, advice) == (str(caught.value), caught.value.offset, caught.value.advice)


SIGNS = """{ } = , . ' " step phase p99 p99.9 max 12 ms % /s 1e5 -""".split()
WORDS = st.sampled_from([*TABLE, *OPERATORS, *SIGNS, " "])


@pytest.mark.slow
@given(st.text() | st.lists(WORDS, max_size=12).map("".join))
@example("errors{kind=")
@example("'")
def test_any_text_is_a_threshold_or_an_error_inside_it(text: str) -> None:
    try:
        threshold = parse_threshold(text)
    except RuleError as error:
        assert 0 <= error.offset <= len(text)
    else:
        assert threshold.metric in TABLE
        assert threshold.aggregate in TABLE[threshold.metric].aggregates


@pytest.mark.parametrize("metric", list(TABLE.values()), ids=list(TABLE))
def test_every_metric_can_be_judged_by_each_of_its_aggregates(metric: Metric) -> None:
    for aggregate in metric.aggregates:
        time = metric.unit == "ns" and aggregate not in ("count", "rate", "completeness")
        assert aggregate == parse_threshold(f"{metric.name}.{aggregate} < 1{'s' if time else ''}").aggregate


def test_what_a_threshold_knows() -> None:
    latency = parse_threshold("response_time.p99.9 <= 1ms")
    assert (latency.percentile, latency.judges_latency) == (99.9, True)
    assert (latency.holds(1_000_000), latency.holds(1_000_001)) == (True, False)
    errors = parse_threshold("errors == 0")
    assert (errors.percentile, errors.judges_latency) == (None, False)
    assert (errors.holds(0), errors.holds(1)) == (True, False)
    assert not parse_threshold("response_time.count > 3").judges_latency


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "ns", "no data"),
        (float("inf"), "ns", "never"),  # a percentile that falls among what was never answered
        (1_520_000, "ns", "1.52 ms"),
        (1536, "bytes", "1.5 KiB"),
        (0.001, "ratio", "0.1%"),
        (0.99999, "ratio", "99.999%"),
        (1.0, "ratio", "100%"),
        (0.0, "ratio", "0%"),
        (0.0000002, "ratio", "2e-05%"),  # not 0%
        (1234, "1", "1,234"),
        (12.5, "/s", "12.5/s"),
        (4, "points", "4 points"),
    ],
)
def test_a_value_for_people(value: float | None, unit: str, text: str) -> None:
    assert text == format_value(value, unit)


@pytest.mark.parametrize(
    ("text", "message", "advice"),
    [
        ("error_rate < 1", "< 1 means < 100%", "for 1 percent write error_rate < 1%"),
        ("error_rate{kind=request}<=5", "<= 5 means <= 500%", "for 5 percent write error_rate{kind=request}<=5%"),
        ("error_rate <= 1.0 ", "<= 1.0 means <= 100%", "for 1.0 percent write error_rate <= 1.0%"),
        ("error_rate.rate > 2", "> 2 means > 200%", "for 2 percent write error_rate.rate > 2%"),
        (
            "delivery.completeness >= 99.9",
            ">= 99.9 means >= 9990%",
            "for 99.9 percent write delivery.completeness >= 99.9%",
        ),
        ("error_rate < 150%", "a share is from 0% to 100%: < 150% is always true", ""),
        ("delivery.completeness >= 101%", "a share is from 0% to 100%: >= 101% is never true", ""),
        ("error_rate > -1", "a share is from 0% to 100%: > -100% is always true", ""),
    ],
)
def test_a_limit_that_no_share_can_pass_is_told(text: str, message: str, advice: str) -> None:
    wrong = wrong_share(parse_threshold(text, OWN))
    assert wrong is not None
    assert (wrong[0].partition(",")[0], wrong[1]) == (message, advice)


@pytest.mark.parametrize(
    "text",
    [
        "error_rate < 1%", "error_rate < 0.01", "error_rate == 0",
        "error_rate < 100%", "error_rate == 1", "error_rate >= 100%",
        "delivery.completeness >= 1", "delivery.completeness == 100%", "delivery.completeness > 0.999", "errors < 1",
        "error_rate.count < 1", "delivery.p99 < 1s", "fill.max < 3",
    ],
)  # fmt: skip
def test_a_limit_that_a_share_can_pass_is_not_told(text: str) -> None:
    assert wrong_share(parse_threshold(text, {**OWN, "fill": own_trend("fill", "ratio")})) is None
