"""The grammar of comparison rules: what each rule means, what a wrong one is told, and that a rule can be written back."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loadws.terms.comparisons import (
    HEADLINES,
    OPS,
    ComparisonRule,
    Op,
    better,
    default_rules,
    is_comparison,
    parse_comparison,
)
from loadws.terms.metrics import TABLE, own_counter, own_trend
from loadws.terms.rule_text import RuleError, Selection, unit_of

OWN = {
    "feed age": own_trend("feed age", "ns"),
    "score": own_trend("score", "points"),
    "load": own_trend("load", "%"),
    "greeted": own_counter("greeted"),
}
METRICS = {**TABLE, **OWN}


def rule(text: str, selection: Selection, op: Op, limit: float, relative: bool = False) -> ComparisonRule:
    return ComparisonRule(text, selection, op, limit, relative)


@pytest.mark.parametrize(
    "expected",
    [
        # relative to the baseline, with a sign
        rule("response_time{step=join}.p99 <= +10%", Selection("response_time", "p99", "ns", {"step": "join"}), "<=", 0.1,
             True),
        rule("iterations.rate >= -5%", Selection("iterations", "rate", "/s"), ">=", -0.05, True),
        # a rule may ask for a gain
        rule("response_time.p50 <= -20 %", Selection("response_time", "p50", "ns"), "<=", -0.2, True),
        rule("response_time.p97.5 <= +1%", Selection("response_time", "p97.5", "ns"), "<=", 0.01, True),
        rule("greeted>=+1e1%", Selection("greeted", "count", "1"), ">=", 0.1, True),
        # in the metric's own unit
        rule("response_time.p99 <= +1.1ms", Selection("response_time", "p99", "ns"), "<=", 1_100_000),
        rule("bytes_sent <= +1.5KiB", Selection("bytes_sent", "count", "bytes"), "<=", 1536),
        rule("errors <= +3", Selection("errors", "count", "1"), "<=", 3),
        rule("messages_sent.rate >= -10/s", Selection("messages_sent", "rate", "/s"), ">=", -10),
        rule("score.mean >= -4 points", Selection("score", "mean", "points"), ">=", -4),
        # shares, in percentage points
        rule("error_rate <= +0.1pp", Selection("error_rate", "rate", "ratio"), "<=", 0.001),
        rule("delivery.completeness >= -1 pp", Selection("delivery", "completeness", "ratio"), ">=", -0.01),
        # an own metric in percent: % is always relative, a bare number is in the metric's unit
        rule("load.max <= +5%", Selection("load", "max", "%"), "<=", 0.05, True),
        rule("load.max <= +5", Selection("load", "max", "%"), "<=", 5),
        # no limit: the default one, on the side that is worse
        rule("response_time.p99", Selection("response_time", "p99", "ns"), "<=", 0.05, True),
        rule("'feed age'.p50 <= +5%", Selection("feed age", "p50", "ns"), "<=", 0.05, True),
        rule("iterations", Selection("iterations", "count", "1"), ">=", -0.05, True),
        rule("error_rate{kind=timeout}", Selection("error_rate", "rate", "ratio", {"kind": "timeout"}), "<=", 0.001),
        rule("delivery{probe=talk}.completeness", Selection("delivery", "completeness", "ratio", {"probe": "talk"}), ">=",
             -0.001),
    ],
    ids=lambda expected: expected.rule,
)  # fmt: skip
def test_a_rule_is_read(expected: ComparisonRule) -> None:
    assert expected == parse_comparison(expected.rule, OWN)


SIGN = "write +10% for a tenth more, -10% for a tenth less"
OPERATOR = "write <= for the largest change, >= for the smallest"
POINTS = "for example error_rate <= +0.1pp"


@pytest.mark.parametrize(
    ("text", "offset", "message", "advice"),
    [
        # the selection is a threshold's
        ("respons_time.p99 <= +1%", 0, "unknown metric 'respons_time'", "did you mean 'response_time'?"),
        ("response_time <= +1%", 14, "'response_time' is a histogram: say which value of it",
         "one of any percentile (p50, p97.5, p99.9), max, min, mean, count, rate"),
        ("users{step=a} <= +1%", 6, "'users' has no label 'step'", "its labels are phase"),
        # comparisons that a change does not have
        ("errors = +1", 7, "here a comparison is missing", "one of <= >= < > =="),
        ("errors < +1", 7, "a change is not compared by '<'", OPERATOR),
        ("errors == +0%", 7, "a change is not compared by '=='", OPERATOR),
        # limits
        ("errors <=", 9, "here a limit is missing", "for example +10%, +5ms, -5% or +0.1pp"),
        ("errors <= much", 10, "here a limit is missing", "for example +10%, +5ms, -5% or +0.1pp"),
        ("response_time.p99 <= 10%", 21, "a change needs its sign", SIGN),
        ("response_time.p99 <= +10% more", 26, "nothing may follow the limit: 'more'", ""),
        ("response_time.p99 <= +10", 21, "a limit on a time needs % or a unit of time", "for example +10% or +5ms"),
        ("response_time.p99 <= +1pp", 21, "a limit on a time needs % or a unit of time", "for example +10% or +5ms"),
        ("response_time.p99 <= -100%", 21, "nothing can fall by all of it or more", "write a limit above -100%"),
        ("error_rate <= +10%", 14, "a share is compared in percentage points", POINTS),
        ("error_rate <= +0.1", 14, "a share is compared in percentage points", POINTS),
        ("errors <= +1ms", 10, "the unit 'ms' does not fit here", "write % or a number in '1'"),
        ("errors <= +1e999", 10, "this number is out of range", ""),
        ("errors <= +1e999%", 10, "this number is out of range", ""),
        # no limit, and no side that is worse
        ("users", 5, "neither more nor less of 'users.max' is worse in itself: a limit is missing",
         "for example: users.max <= +5%, or users.max >= -5%"),
        ("response_time.count", 19, "neither more nor less of 'response_time.count' is worse in itself: a limit is missing",
         "for example: response_time.count <= +5%, or response_time.count >= -5%"),
    ],
)  # fmt: skip
def test_a_wrong_rule_says_where_and_why(text: str, offset: int, message: str, advice: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse_comparison(text)
    assert (message, offset, advice) == (str(caught.value), caught.value.offset, caught.value.advice)


@st.composite
def rules(draw: st.DrawFn) -> ComparisonRule:
    """Any rule that can be written."""
    metric = draw(st.sampled_from(list(METRICS.values())))
    aggregate = draw(st.sampled_from([*metric.aggregates, *(["p97.5"] if metric.kind == "histogram" else [])]))
    names = draw(st.lists(st.sampled_from([*metric.labels, "phase"]), unique=True))
    value = st.text(min_size=1).filter(lambda text: not {"'", '"'} <= set(text))
    selection = Selection(metric.name, aggregate, unit_of(metric, aggregate), {name: draw(value) for name in names})
    relative = selection.unit != "ratio" and draw(st.booleans())
    limit = draw(st.floats(-0.999, 1e6) if relative else st.floats(-1e12, 1e12))
    return ComparisonRule("", selection, draw(st.sampled_from(OPS)), limit, relative)


@pytest.mark.slow
@given(rules())
@example(ComparisonRule("", Selection("errors", "count", "1", {"phase": "it's"}), "<=", 5e-324, False))
def test_a_rule_that_is_written_back_reads_the_same(made: ComparisonRule) -> None:
    text = str(made)
    read = parse_comparison(text, OWN)
    assert read == ComparisonRule(text, made.selection, made.op, made.limit, made.relative)
    assert str(read) == text


@pytest.mark.slow
@given(made=rules())
def test_every_rule_with_a_signed_limit_is_a_comparison(made: ComparisonRule) -> None:
    assert is_comparison(str(made))
    assert is_comparison(str(made.selection))


@pytest.mark.parametrize(
    "text",
    ["response_time.p99 < 200ms", "error_rate<1%", "errors == 0", "'a <= +1'.p50 >= 5", "x{step='<= +1'}.p99 <= 5ms"],
)
def test_a_limit_without_a_sign_is_a_threshold(text: str) -> None:
    assert not is_comparison(text)


PARTS = st.sampled_from([*TABLE, *OPS, *"{ } = , . ' \" + - 5 % pp ms /s p99 max step phase".split(), " "])


@given(st.text() | st.lists(PARTS, max_size=12).map("".join))
@example("errors <= +")
def test_any_text_is_a_rule_or_an_error_inside_it(text: str) -> None:
    try:
        read = parse_comparison(text)
    except RuleError as error:
        assert 0 <= error.offset <= len(text)
    else:
        assert read.selection.metric in TABLE
        assert TABLE[read.selection.metric].has_aggregate(read.selection.aggregate)


def test_every_aggregate_has_a_default_limit_or_a_reason_why_not() -> None:
    for metric in TABLE.values():
        for aggregate in metric.aggregates:
            text = f"{metric.name}.{aggregate}"
            way = better(metric, aggregate)
            if way == "neither":
                with pytest.raises(RuleError, match="a limit is missing"):
                    parse_comparison(text)
                continue
            made = parse_comparison(text)
            assert made.is_upper == (way == "lower")
            assert (made.limit > 0) == (way == "lower")


@pytest.mark.parametrize(
    ("metric", "aggregate", "way"),
    [
        ("response_time", "p99", "lower"),
        ("delivery", "completeness", "higher"),
        ("delivery", "p99", "lower"),
        ("iterations", "rate", "higher"),
        ("error_rate", "rate", "lower"),
        # how many samples there were is the load's doing
        ("error_rate", "count", "neither"),
        ("response_time", "count", "neither"),
        ("users", "max", "neither"),
    ],
)
def test_which_way_is_better(metric: str, aggregate: str, way: str) -> None:
    assert better(TABLE[metric], aggregate) == way


def test_the_default_rules_are_those_that_were_measured() -> None:
    whole = [str(each) for each in default_rules(set(TABLE))]
    assert whole == [
        "response_time.p50 <= +5%",
        "response_time.p99 <= +5%",
        "delivery.p99 <= +5%",
        "delivery.completeness >= -0.1pp",
        "error_rate.rate <= +0.1pp",
    ]
    assert len(whole) == len(HEADLINES)
    assert [str(each) for each in default_rules({"error_rate", "users"})] == ["error_rate.rate <= +0.1pp"]
    assert default_rules(set()) == ()


def test_what_a_rule_knows() -> None:
    latency = parse_comparison("response_time.p99.9 <= +5%")
    assert (latency.percentile, latency.judges_share, latency.is_upper) == (99.9, False, True)
    completeness = parse_comparison("delivery.completeness >= -1pp")
    assert (completeness.percentile, completeness.judges_share, completeness.is_upper) == (None, True, False)
