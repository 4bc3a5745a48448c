"""Three outcomes, what more would decide, and what could have been seen."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.gate.statistics.estimate import Estimate
from loadws.gate.statistics.outcome import (
    Judged,
    Limit,
    decide,
    judge,
    more_needed,
    place,
    seen_by_pairs,
    seen_by_runs,
    smallest_seen,
)

INF = math.inf


def estimate(
    change: float | None, low: float, high: float, *, p: float = 0.0001, n: int = 12, unknown: int = 0
) -> Estimate:
    return Estimate(change, low, high, p, n, unknown, max(1, n - 1))


@pytest.mark.parametrize(
    ("low", "high", "limit", "expected"),
    [
        (0.06, 0.1, Limit(0.05), "beyond"),
        (-0.02, 0.04, Limit(0.05), "within"),
        (-0.02, 0.05, Limit(0.05), "within"),  # a change of just the limit keeps "<="
        (0.05, 0.1, Limit(0.05), "straddling"),
        (0.0, 0.1, Limit(0.05), "straddling"),
        (-INF, INF, Limit(0.05), "straddling"),
        (INF, INF, Limit(0.05), "beyond"),
        # ">= -5%": the mirror image
        (-0.1, -0.06, Limit(-0.05, is_upper=False), "beyond"),
        (-0.04, 0.2, Limit(-0.05, is_upper=False), "within"),
        (-0.05, 0.2, Limit(-0.05, is_upper=False), "within"),
        (-0.1, 0.0, Limit(-0.05, is_upper=False), "straddling"),
    ],
)
def test_where_an_interval_lies(low: float, high: float, limit: Limit, expected: str) -> None:
    assert place(estimate(0.0, low, high), limit) == expected


def test_what_is_not_known_is_never_within() -> None:
    assert place(estimate(0.0, -0.01, 0.01, unknown=1), Limit(0.05)) == "straddling"
    assert place(estimate(0.2, 0.19, 0.21, unknown=1), Limit(0.05)) == "beyond"
    nothing = estimate(None, -INF, INF)
    assert place(nothing, Limit(0.05)) == "straddling"
    assert decide(nothing, Judged("straddling", 1.0), 0.01) == "no_data"


@pytest.mark.parametrize(
    ("judged", "outcome"),
    [
        (Judged("within", 1.0), "passed"),
        (Judged("straddling", 1.0), "inconclusive"),
        (Judged("beyond", 0.01), "failed"),
        (Judged("beyond", 0.011), "inconclusive"),  # not surely enough among all rules
        (Judged("straddling", 0.001), "inconclusive"),  # two tests, and both must agree
    ],
)
def test_the_outcome_of_one_set(judged: Judged, outcome: str) -> None:
    assert decide(estimate(0.1, 0.0, 0.2), judged, 0.01) == outcome


def test_several_rules_need_more_each() -> None:
    worse = estimate(0.1, 0.06, 0.2, p=0.004)
    fine = estimate(0.0, -0.01, 0.01, p=0.0001)
    assert [judged.fails(0.01) for judged in judge([worse], [Limit(0.05)])] == [True]
    two = judge([worse, fine], [Limit(0.05)] * 2)
    assert [judged.adjusted_p for judged in two] == [
        0.008,
        1.0,
    ]  # a change within the limit has no part in Holm's order
    three = judge([worse, fine, fine], [Limit(0.05)] * 3)
    assert [judged.fails(0.01) for judged in three] == [False, False, False]


@given(
    st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1), st.floats(-1, 1), st.floats(0, 1), st.sampled_from([2, 12, 40])
)
def test_the_mirror_image_has_the_mirror_outcome(
    change: float, below: float, above: float, at: float, p: float, n: int
) -> None:
    up = estimate(change, change - below, change + above, p=p, n=n)
    down = estimate(-change, -change - above, -change + below, p=p, n=n)
    limit, mirrored = Limit(at), Limit(-at, is_upper=False)
    assert judge([up], [limit]) == judge([down], [mirrored])
    assert smallest_seen(up, limit, 0.01, 0.01) == pytest.approx(smallest_seen(down, mirrored, 0.01, 0.01))
    assert more_needed(up, limit, 0.01, 0.01, 8) == more_needed(down, mirrored, 0.01, 0.01, 8)


# -- planning ---------------------------------------------------------------------------------------------------------


def test_what_can_be_seen_at_one_percent_with_power_95() -> None:
    assert seen_by_pairs(1.0, 12) == pytest.approx(1.4, abs=0.05)
    assert seen_by_pairs(1.0, 8) == pytest.approx(1.9, abs=0.05)
    assert seen_by_pairs(1.0, 5) == pytest.approx(3.0, abs=0.05)
    assert seen_by_runs(1.0, 10) == pytest.approx(2.1, abs=0.05)
    assert seen_by_pairs(0.03, 12) == pytest.approx(0.03 * seen_by_pairs(1.0, 12))
    assert (seen_by_pairs(1.0, 1), seen_by_runs(1.0, 1)) == (INF, INF)


@pytest.mark.parametrize(
    ("found", "more"),
    [
        # the interval reaches just to the limit: (4.902 / 3.106)² times as many, see below
        (estimate(0.0, -0.05, 0.05), 18),
        # a tenth of the reach: no advice
        (estimate(0.04, -0.06, 0.14), None),
        # at the limit itself no number decides
        (estimate(0.05, 0.0, 0.1), None),
        # too few for any interval: as many as there must be
        (estimate(0.2, -INF, INF, n=5), 3),
        (estimate(INF, INF, INF), None),
        (estimate(None, -INF, INF), None),
    ],
)
def test_how_many_more_decide(found: Estimate, more: int | None) -> None:
    assert more_needed(found, Limit(0.05), 0.01, 0.01, least=8) == more


def test_more_rules_need_more_pairs_and_see_less() -> None:
    found = estimate(0.02, -0.04, 0.08)
    one, five = (more_needed(found, Limit(0.05), 0.01, level, 8) for level in (0.01, 0.002))
    assert one is not None
    assert five is not None
    assert one < five
    assert smallest_seen(found, Limit(0.05), 0.01, 0.01) < smallest_seen(found, Limit(0.05), 0.01, 0.002)


def test_the_smallest_change_that_could_have_been_seen() -> None:
    """An interval that reaches h sees h (3.106 + 1.796) / 3.106 beyond the limit, with 11 degrees of freedom."""
    assert smallest_seen(estimate(0.0, -0.03, 0.1), Limit(0.05), 0.01, 0.01) == pytest.approx(
        0.03 * 4.902 / 3.106, rel=1e-3
    )
    assert smallest_seen(estimate(0.0, -INF, INF), Limit(0.05), 0.01, 0.01) == INF
