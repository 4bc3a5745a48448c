"""Student's t distribution, for planning and for intervals whose spread is itself estimated.

    P(T <= t) = 1 - I_x(ν/2, 1/2) / 2   with x = ν / (ν + t²), for t >= 0

ν: degrees of freedom, at least 1 and not necessarily whole; infinite is the normal distribution. I_x(a, b): the regularised
incomplete beta function, by its continued fraction (NIST Digital Library of Mathematical Functions, 8.17.22),
evaluated with the modified Lentz method (Thompson, Barnett, J. Comput. Phys. 64, 1986).
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

NORMAL = NormalDist()
_TINY = 1e-300
_PRECISION = 1e-15


def t_cdf(t: float, freedom: float) -> float:
    """Return P(T <= t)."""
    if math.isinf(freedom):
        return NORMAL.cdf(t)
    whole = freedom + t * t
    upper = _incomplete_beta(freedom / whole, t * t / whole, freedom / 2, 0.5) / 2
    return 1 - upper if t >= 0 else upper


@lru_cache(maxsize=4096)
def t_quantile(probability: float, freedom: float) -> float:
    """Return the t with P(T <= t) = ``probability``, which is between 0 and 1, by bisection."""
    if math.isinf(freedom):
        return NORMAL.inv_cdf(probability)
    if probability < 0.5:
        return -t_quantile(1 - probability, freedom)
    low, high = 0.0, 1.0
    while t_cdf(high, freedom) < probability and high < 1e12:
        low, high = high, 2 * high
    while high - low > _PRECISION * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if t_cdf(middle, freedom) < probability else (low, middle)
    return high


def _incomplete_beta(x: float, y: float, a: float, b: float) -> float:
    """Return I_x(a, b), where y = 1 - x to full precision."""
    if not x or not y:
        return 1.0 if x else 0.0
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(y)
    if x < (a + 1) / (a + b + 2):  # where the fraction converges fast
        return math.exp(log_front) * _fraction(x, a, b) / a
    return 1 - math.exp(log_front) * _fraction(y, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    result = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for coefficient in (even, odd):
            d = 1 / _away_from_zero(1 + coefficient * d)
            c = _away_from_zero(1 + coefficient / c)
            result *= c * d
        if abs(c * d - 1) < _PRECISION:
            break
    return result


def _away_from_zero(number: float) -> float:
    return number if abs(number) > _TINY else _TINY
