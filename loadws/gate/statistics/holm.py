"""Several rules judged together: Holm's step-down procedure (Holm, "A simple sequentially rejective multiple test
procedure", Scandinavian Journal of Statistics 6, 1979).

With p values p(1) <= .. <= p(k) the adjusted value of the i-th is the largest of (k - j + 1) · p(j) over j <= i, at
most 1. A rule is beyond its limit at level α when its adjusted value is at most α; the chance that any rule that is
within its limit is called beyond is then at most α, however the rules depend on each other. The first rule needs p <=
α / k.
"""

from __future__ import annotations

from collections.abc import Sequence


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Return the adjusted p values, in the order given."""
    result = [1.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        result[index] = largest
    return result
