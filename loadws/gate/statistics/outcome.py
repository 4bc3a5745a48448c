"""Three outcomes by the interval of a change and a rule's limit; how much more would decide; what could have been seen.

L: the limit; [low, high]: the interval at confidence 1 - α; d: the estimate. For a rule with ``<=``:

    beyond      low > L        all of the interval breaks the rule
    within      high <= L      all of it keeps the rule, and no change is unknown
    straddling  else           the data do not decide

and the mirror image for ``>=``. This is a test of non-inferiority with L as its margin, and the mirror test of harm
(Piaggio et al., "Reporting of noninferiority and equivalence randomized trials", JAMA 308, 2012, figure 1).

*Several rules.* To fail, a rule must also be rejected by Holm among all rules (``holm``), for one broken rule fails
all. To pass needs no correction, because all rules must be within their limits (an intersection-union test: Berger,
Technometrics 24, 1982).

*Planning.* With h the distance from d to the end of the interval that faces the limit, a sample k times as large has
h / √k. A change Δ away from the limit is seen with power 1 - β when Δ >= h (t_{1-α/2} + t_{1-β}) / t_{1-α/2}, in
Student's quantiles. So 12 pairs of spread s see 1.4 s at α 1 % and power 95 %, 8 pairs 1.9 s, 10 runs on each side 2.1 s
(Chow, Shao, Wang, "Sample Size Calculations in Clinical Research", 2nd ed., 2008, sections 3.1 and 3.2). Two shares
of which neither varies (no error on either side, say) have h = z² / (n + z²) (``shares``), which falls as 1 / k and
without chance: they are within the limit from k = h (1 - Δ) / (Δ (1 - h)) on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from loadws.gate.statistics import holm
from loadws.gate.statistics.estimate import Estimate
from loadws.gate.statistics.student import t_quantile

ALPHA = 0.01
POWER = 0.95
#: More than so many times the present sample is no advice.
MOST_TIMES = 50
Place = Literal["beyond", "within", "straddling"]
Outcome = Literal["passed", "failed", "inconclusive", "no_data"]


class Limit(NamedTuple):
    """A rule's limit on an additive scale. ``is_upper``: a larger change breaks it (``<=``), else a smaller one."""

    at: float
    is_upper: bool = True


class Judged(NamedTuple):
    """The position of a rule's interval, and its p value after Holm."""

    place: Place
    adjusted_p: float

    def fails(self, alpha: float) -> bool:
        """Return whether the rule is broken: all of the interval lies beyond, and Holm agrees."""
        return self.place == "beyond" and self.adjusted_p <= alpha


def place(estimate: Estimate, limit: Limit) -> Place:
    """Return where the interval lies. A change that is not known can be anywhere, so it is never within."""
    low, high = _oriented(estimate, limit)
    if estimate.change is None:
        return "straddling"
    if low > _at(limit):
        return "beyond"
    return "within" if high <= _at(limit) and not estimate.unknown else "straddling"


def judge(estimates: Sequence[Estimate], limits: Sequence[Limit]) -> list[Judged]:
    """Return each rule's place and adjusted p value, several rules together."""
    pairs = list(zip(estimates, limits, strict=True))
    adjusted = holm.adjusted([estimate.p if _is_worse(estimate, limit) else 1.0 for estimate, limit in pairs])
    return [Judged(place(estimate, limit), p) for (estimate, limit), p in zip(pairs, adjusted, strict=True)]


def decide(estimate: Estimate, judged: Judged, alpha: float) -> Outcome:
    """Return the outcome of one set of data. No data is never a pass."""
    if estimate.change is None:
        return "no_data"
    if judged.fails(alpha):
        return "failed"
    return "passed" if judged.place == "within" else "inconclusive"


def more_needed(
    estimate: Estimate, limit: Limit, alpha: float, level: float, least: int, power: float = POWER
) -> int | None:
    """Return about how many more (pairs, runs on each side or windows) decide, with this power; None where too many would.

    ``alpha`` is the level of the interval, ``level`` the one that the rule has to reach (less, with Holm), and
    ``least`` the fewest that can reach it at all.
    """
    if estimate.change is None:
        return None
    reach, distance = _facing(estimate, limit), abs(estimate.change - limit.at)
    if math.isinf(reach):  # too few for an interval, or values without an end, of which more are no help
        return least - estimate.n if estimate.n < least else None
    if not distance or math.isinf(distance):
        return None
    if estimate.is_constant and estimate.change == 0:
        return _more_of_constant(estimate, limit, reach, distance)
    root = reach / distance * _factor(alpha, level, power, estimate.freedom)
    if root > math.sqrt(MOST_TIMES):
        return None
    return max(1, least - estimate.n, math.ceil(estimate.n * (root**2 - 1)))


def _more_of_constant(estimate: Estimate, limit: Limit, reach: float, distance: float) -> int | None:
    """Return how many more decide where no try of either side differed from another; None where too many would.

    Sides that are equal are never found different, so that they cannot break a limit, however many there are.
    """
    if _is_worse(estimate, limit) or distance >= 1 or reach >= 1:
        return None
    times = reach * (1 - distance) / (distance * (1 - reach))
    return max(1, math.ceil(estimate.n * (times - 1) - 1e-9)) if times <= MOST_TIMES else None


def smallest_seen(estimate: Estimate, limit: Limit, alpha: float, level: float, power: float = POWER) -> float:
    """Return the smallest distance from the limit that the comparison would have seen with this power; inf where none.

    It is on the additive scale; the arguments are those of ``more_needed``.
    """
    if estimate.change is None:
        return math.inf
    reach = estimate.change - estimate.low if limit.is_upper else estimate.high - estimate.change
    return reach * _factor(alpha, level, power, estimate.freedom) if math.isfinite(reach) else math.inf


def seen_by_pairs(spread: float, pairs: int, level: float = ALPHA, power: float = POWER) -> float:
    """Return the smallest change that so many pairs show, before any is run.

    ``spread`` is the standard deviation of the changes of pairs. Fewer than two pairs show nothing (inf).
    """
    if pairs < 2:
        return math.inf
    return spread * (t_quantile(1 - level / 2, pairs - 1) + t_quantile(power, pairs - 1)) / math.sqrt(pairs)


def seen_by_runs(spread: float, runs: int, level: float = ALPHA, power: float = POWER) -> float:
    """Return the smallest change that this many unpaired runs on each side show.

    ``spread`` is the standard deviation of runs.
    """
    if runs < 2:
        return math.inf
    freedom = 2 * runs - 2
    return spread * (t_quantile(1 - level / 2, freedom) + t_quantile(power, freedom)) * math.sqrt(2 / runs)


def _factor(alpha: float, level: float, power: float, freedom: float) -> float:
    wanted = t_quantile(1 - level / 2, freedom) + t_quantile(power, freedom)
    return wanted / t_quantile(1 - alpha / 2, freedom)


def _facing(estimate: Estimate, limit: Limit) -> float:
    """Return the distance from the estimate to the end of its interval that faces the limit."""
    if estimate.change is None:
        return math.inf
    towards_low = _is_worse(estimate, limit) == limit.is_upper
    return estimate.change - estimate.low if towards_low else estimate.high - estimate.change


def _is_worse(estimate: Estimate, limit: Limit) -> bool:
    if estimate.change is None:
        return False
    return estimate.change > limit.at if limit.is_upper else estimate.change < limit.at


def _oriented(estimate: Estimate, limit: Limit) -> tuple[float, float]:
    """Return the interval with the worse side up."""
    return (estimate.low, estimate.high) if limit.is_upper else (-estimate.high, -estimate.low)


def _at(limit: Limit) -> float:
    return limit.at if limit.is_upper else -limit.at
