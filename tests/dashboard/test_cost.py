"""The bench of the dashboard: the outcome of pairs of runs."""

from __future__ import annotations

import pytest

from tests.bench.dashboard import Run, outcome


def test_the_outcome_is_made_of_differences_within_pairs() -> None:
    found = outcome(
        [(Run(1.0, 0.1), Run(1.1, 0.102)), (Run(3.0, 0.2), Run(3.1, 0.204)), (Run(2.0, 0.1), Run(2.4, 0.102))]
    )
    assert found.without_ms == 2.0
    assert found.more_ms == pytest.approx(0.1)
    assert found.spread_ms == pytest.approx(0.15)  # the quartiles of 0.1, 0.1 and 0.4
    assert found.more_cpu == pytest.approx(0.02)
    assert found.holds


@pytest.mark.parametrize(("lag_ms", "cpu", "holds"), [(1.0, 0.1, True), (1.2, 0.1, False), (1.0, 0.104, False)])
def test_it_holds_within_the_spread_and_three_percent(lag_ms: float, cpu: float, holds: bool) -> None:
    pairs = [(Run(1.0, 0.1), Run(lag_ms + each, cpu)) for each in (-0.05, 0.0, 0.0, 0.05)]
    assert outcome(pairs).holds is holds
