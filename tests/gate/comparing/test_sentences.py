"""Each outcome's sentence, whole."""

from __future__ import annotations

import math

import pytest
from msgspec.structs import replace

from loadws.gate.comparing.compare import Comparison, Found, Measured, Unit, conclude_pairs
from loadws.gate.comparing.compare import Sides as Compared
from loadws.gate.comparing.sentences import change_text, sentence
from loadws.gate.statistics.outcome import Outcome
from loadws.terms.comparisons import parse_comparison

INF = math.inf
P99 = "response_time{step=join}.p99 <= +5%"


def found(
    change: float | None,
    low: float,
    high: float,
    *,
    p: float = 0.0005,
    adjusted_p: float = 1.0,
    n: int = 12,
    unknown: int = 0,
) -> Found:
    return Found(None, None, change, low, high, p, adjusted_p, n, unknown)


def comparison(
    outcome: Outcome,
    data: Found,
    *,
    rule: str = P99,
    unit: Unit = "pairs",
    rules: int = 1,
    smallest: float = 0.083,
    more: int | None = None,
    second: Found | None = None,
) -> Comparison:
    return Comparison(parse_comparison(rule), outcome, data, unit, rules, 0.01, smallest, more, second)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (
            comparison("passed", found(0.0123, -0.008, 0.031)),
            "response_time{step=join}.p99 changed by +1.23% (99% interval -0.8% to +3.1%, 12 pairs): "
            "passed, all of the interval is within the limit of +5%. A change of +8.3% or more would have "
            "been found.",
        ),
        (
            comparison("failed", found(0.121, 0.08, 0.163, adjusted_p=0.001), second=found(0.11, 0.07, 0.15)),
            "response_time{step=join}.p99 changed by +12.1% (99% interval +8% to +16.3%, 12 pairs): failed, "
            "all of the interval is beyond the limit of +5%, and a second set of 12 pairs (+11%, 99% "
            "interval +7% to +15%) confirms it. A change of +8.3% or more would have been found.",
        ),
        # not confirmed; not checked
        (
            comparison("inconclusive", found(0.121, 0.08, 0.163, adjusted_p=0.001), second=found(0.01, -0.02, 0.04)),
            "response_time{step=join}.p99 changed by +12.1% (99% interval +8% to +16.3%, 12 pairs): "
            "inconclusive, the interval is beyond the limit of +5%, but a second set of 12 pairs (+1%, 99% "
            "interval -2% to +4%) does not confirm it. A change of +8.3% or more would have been found.",
        ),
        (
            comparison("inconclusive", found(0.121, 0.08, 0.163, adjusted_p=0.001)),
            "response_time{step=join}.p99 changed by +12.1% (99% interval +8% to +16.3%, 12 pairs): "
            "inconclusive, the interval is beyond the limit of +5%, but a second set of pairs has not "
            "confirmed it. A change of +8.3% or more would have been found.",
        ),
        # the limit is inside; too few; too noisy
        (
            comparison("inconclusive", found(0.02, -0.03, 0.07), more=18),
            "response_time{step=join}.p99 changed by +2% (99% interval -3% to +7%, 12 pairs): inconclusive, "
            "the limit of +5% is inside the interval; about 18 more pairs would decide. A change of +8.3% "
            "or more would have been found.",
        ),
        (
            comparison("inconclusive", found(0.2, -1.0, INF, n=7), more=1, smallest=INF),
            "response_time{step=join}.p99 changed by +20% (7 pairs, too few for a 99% interval): "
            "inconclusive, at least 1 more pair is needed to decide. No change would have been found, however large.",
        ),
        (
            comparison("inconclusive", found(0.04, -0.3, 0.4)),
            "response_time{step=join}.p99 changed by +4% (99% interval -30% to +40%, 12 pairs): "
            "inconclusive, the limit of +5% is inside the interval; even 50 times as many pairs like these would not "
            "decide. A change of +8.3% or more would have been found.",
        ),
        # one end is not known; a value became infinite, and came from nothing
        (
            comparison("inconclusive", found(0.2, 0.01, INF), more=1),
            "response_time{step=join}.p99 changed by +20% (99% interval at least +1%, 12 pairs): inconclusive, the limit "
            "of +5% is inside the interval; about 1 more pair would decide. A change of +8.3% or more would have been "
            "found.",
        ),
        (
            comparison("passed", found(-0.2, -1.0, 0.01)),
            "response_time{step=join}.p99 changed by -20% (99% interval at most +1%, 12 pairs): passed, all of the "
            "interval is within the limit of +5%. A change of +8.3% or more would have been found.",
        ),
        (
            comparison("failed", replace(found(INF, INF, INF, adjusted_p=0.001), before=0.0), unit="runs", smallest=INF),
            "response_time{step=join}.p99 rose from 0 (99% interval beyond every number, 12 runs on each side, not "
            "paired: a drift of the machine counts as a change): failed, all of the interval is beyond the limit of +5%.",
        ),
        (
            comparison("inconclusive", replace(found(INF, -1.0, INF), before=5.0), smallest=INF),
            "response_time{step=join}.p99 has no value any more: too many tries had no answer (12 pairs, with values "
            "that have no end, so there is no 99% interval): inconclusive, even 50 times as many pairs like these would not "
            "decide. No change would have been found, however large.",
        ),
        # several rules
        (
            comparison("inconclusive", found(0.1, 0.07, 0.15, p=0.0078, adjusted_p=0.039, n=8), rules=5, more=2),
            "response_time{step=join}.p99 changed by +10% (99% interval +7% to +15%, 8 pairs): "
            "inconclusive, the interval is beyond the limit of +5%, but not surely enough among 5 rules (p "
            "0.0078, 0.002 needed); about 2 more pairs would decide. A change of +8.3% or more would have "
            "been found.",
        ),
        # something is missing
        (
            comparison("inconclusive", found(0.0, -0.01, 0.01, n=11, unknown=1)),
            "response_time{step=join}.p99 did not change (99% interval -1% to +1%, 11 pairs): inconclusive, "
            "1 pair could not be compared. A change of +8.3% or more would have been found.",
        ),
        (
            comparison("no_data", found(None, -1.0, INF, n=0, unknown=12)),
            "response_time{step=join}.p99 has no data to compare: of 12 pairs none has a value on both sides.",
        ),
        # what is weaker says so; a rate that must not fall; a difference
        (
            comparison("failed", found(-0.2, -0.25, -0.15, n=10, adjusted_p=0.001), rule="iterations.rate >= -5%",
                       unit="runs", smallest=-0.1),
            "iterations.rate changed by -20% (99% interval -25% to -15%, 10 runs on each side, not paired: a "
            "drift of the machine counts as a change): failed, all of the interval is beyond the limit of "
            "-5%. A change of -10% or less would have been found.",
        ),
        (
            comparison("passed", found(-1.5e6, -3e6, 1e6, n=60), rule="response_time.p99 <= +5ms", unit="windows",
                       smallest=7e6),
            "response_time.p99 changed by -1.5 ms (99% interval -3 ms to +1 ms, 60 windows, one run on each side: "
            "noise between runs is not in the interval): passed, all of the interval is within the limit of "
            "+5 ms. A change of +7 ms or more would have been found.",
        ),
        (
            comparison("passed", found(0.0002, -0.0001, 0.0005), rule="error_rate <= +0.1pp", smallest=0.0015),
            "error_rate.rate changed by +0.02 pp (99% interval -0.01 pp to +0.05 pp, 12 pairs): passed, all "
            "of the interval is within the limit of +0.1 pp. A change of +0.15 pp or more would have been "
            "found.",
        ),
    ],
)  # fmt: skip
def test_a_sentence(made: Comparison, expected: str) -> None:
    assert sentence(made) == expected


@pytest.mark.parametrize(
    ("rule", "change", "text"),
    [
        (P99, INF, "+∞"),
        (P99, -1.0, "-100%"),
        (P99, 12.345, "+1234%"),
        ("error_rate <= +0.1pp", -0.00012, "-0.012 pp"),
        ("errors <= +3", 4.0, "+4"),
        ("bytes_sent <= +1KiB", -2048.0, "-2 KiB"),
        ("messages_sent.rate >= -5/s", -7.5, "-7.5/s"),
        ("response_time.p99 <= +5ms", -INF, "-∞"),
    ],
)
def test_a_change_in_the_rule_s_own_terms(rule: str, change: float, text: str) -> None:
    assert change_text(parse_comparison(rule), change) == text


def test_what_is_compared_can_be_said() -> None:
    """Every comparison has a sentence, whatever was measured."""
    sides: list[list[Measured]] = [
        [0.0] * 12,
        [1.0] * 12,
        [INF] * 12,
        [None] * 12,
        [1.0, None] * 6,
        [0.0, INF] * 6,
        [],
        [1.0],
    ]
    for baseline in sides:
        for candidate in sides:
            if len(baseline) == len(candidate):
                compared = [Compared(baseline, candidate)]
                for second in ([], compared):
                    [made] = conclude_pairs([parse_comparison(P99)], compared, second)
                    assert sentence(made).startswith("response_time{step=join}.p99 ")
                    assert [word for word in ("nan", "∞", "inf ") if word in sentence(made)] == []
