"""A rule's bar: its value, its interval and its limit."""

from __future__ import annotations

import math
import re

import pytest

from loadws.metrics.summary import Check
from loadws.report.html.bars import check_bar


def _check(observed: float | None, lower: float | None, upper: float | None, limit: float = 70.0) -> Check:
    return Check("a.p99 < 70ms", "too_close", observed, "ns", op="<", limit=limit, lower=lower, upper=upper)


def _whisker(check: Check) -> list[str]:
    """Return the path of the interval, move by move; nothing where it has none."""
    found = re.findall(r'<path d="(M[^"]+)" [^>]*stroke-width="1.2"', check_bar(check))
    return re.findall(r"[MHv][^MHv]+", found[0]) if found else []


@pytest.mark.parametrize(
    ("lower", "upper", "moves"),
    [
        (10.0, 50.0, ["M13.2 9", "H66.0", "M13.2 6", "v6", "M66.0 6", "v6"]),
        # The samples do not bound it: the line goes on to the end, and has no mark there.
        (10.0, None, ["M13.2 9", "H132", "M13.2 6", "v6"]),
        (None, 50.0, ["M0.0 9", "H66.0", "M66.0 6", "v6"]),
        (None, None, []),
        (10.0, math.inf, ["M13.2 9", "H132", "M13.2 6", "v6", "M132 6", "v6"]),
    ],
)
def test_an_interval_reaches_as_far_as_the_samples_bound_it(
    lower: float | None, upper: float | None, moves: list[str]
) -> None:
    assert _whisker(_check(20.0, lower, upper)) == moves


@pytest.mark.parametrize(("observed", "limit"), [(None, 70.0), (20.0, 0.0)])
def test_without_a_number_to_draw_there_is_no_bar(observed: float | None, limit: float) -> None:
    check = (
        Check("a == 0", "no_data", observed, "1", limit=limit) if observed is None else _check(observed, 1, 2, limit)
    )
    assert check_bar(check) == ""
