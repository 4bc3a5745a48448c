"""Change points in the history of a value: E-divisive with a permutation test.

Z_1 .. Z_T: the levels of runs in the order of time. Of a segment, every split into X = Z_s .. Z_{τ-1} (n runs) and
Y = Z_τ .. Z_{κ-1} (m runs), n and m at least 3, has the energy

    Q = 2 / (n + m) · Σ |x - y|  -  2 m / ((n + m)(n - 1)) · Σ |x - x'|  -  2 n / ((n + m)(m - 1)) · Σ |y - y'|

summed over all pairs. The split with the largest Q of all segments is a change point when a permutation of the runs
within each segment reaches that Q in at most α of all draws; then its segment becomes two, and so on (Matteson,
James, "A nonparametric approach for multiple change point analysis of multivariate data", JASA 109, 2014, sections 2
and 3). Drawing ends as soon as too many have reached it (Besag, Clifford, "Sequential Monte Carlo p-values",
Biometrika 78, 1991).

Runs of different machines are histories of their own: only runs with the same fingerprint are compared. At least
three runs lie on either side, so the newest run alone is never a change, and neither is one outlier. Costs about T²
steps for each draw.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from loadws.gate.statistics.changes import median

LEAST_RUNS = 3
DRAWS = 399
#: Permuted sums of the same distances differ by rounding.
_ROUNDING = 1e-9


class ChangePoint(NamedTuple):
    """A change to a new level, whose first run is the one at index ``at``.

    ``before`` and ``after`` are the median levels up to the next change on either side, of runs of the same fingerprint;
    ``p`` is the permutation test's.
    """

    at: int
    fingerprint: Hashable
    p: float
    before: float
    after: float


class _Split(NamedTuple):
    energy: float
    at: int


def change_points(
    levels: Sequence[float], fingerprints: Sequence[Hashable] | None = None, alpha: float = 0.01, seed: int = 0
) -> list[ChangePoint]:
    """Return the change points in the order of time.

    ``levels`` are those of ``changes``; a NaN is left out, and an infinite one counts as farther away than any finite one.
    """
    places: defaultdict[Hashable, list[int]] = defaultdict(list)
    for index, level in enumerate(levels):
        if not math.isnan(level):
            places[fingerprints[index] if fingerprints else None].append(index)
    found = (
        _of_one_machine(levels, indices, fingerprint, alpha, random.Random(f"{seed} {number}"))
        for number, (fingerprint, indices) in enumerate(places.items())
    )
    return sorted((point for points in found for point in points), key=lambda point: point.at)


def _of_one_machine(
    levels: Sequence[float], indices: Sequence[int], fingerprint: Hashable, alpha: float, chance: random.Random
) -> Iterator[ChangePoint]:
    history = [levels[index] for index in indices]
    splits = _significant_splits(_finite(history), alpha, chance)
    ends = [0, *sorted(splits), len(history)]
    for start, at, end in zip(ends, ends[1:], ends[2:], strict=False):
        before, after = median(history[start:at]), median(history[at:end])
        assert before is not None
        assert after is not None
        yield ChangePoint(indices[at], fingerprint, splits[at], before, after)


def _significant_splits(history: Sequence[float], alpha: float, chance: random.Random) -> dict[int, float]:
    """Return the places of the change points with their p values."""
    splits: dict[int, float] = {}
    while True:
        ends = [0, *sorted(splits), len(history)]
        segments = [list(history[start:end]) for start, end in pairwise(ends)]
        best, start = max(((best_split(segment), start) for segment, start in zip(segments, ends, strict=False)))
        p = _permutation_p(segments, best.energy, alpha, chance)
        if p > alpha:
            return splits
        splits[start + best.at] = p


def _permutation_p(segments: Sequence[list[float]], energy: float, alpha: float, chance: random.Random) -> float:
    """Return the p value of the best split, or 1 as soon as it is known to be above ``alpha``."""
    most = math.floor(alpha * (DRAWS + 1)) - 1
    reached = 0
    for _ in range(DRAWS):
        drawn = max(best_split(chance.sample(segment, len(segment))).energy for segment in segments)
        reached += drawn >= energy * (1 - _ROUNDING)
        if reached > most:
            return 1.0
    return (reached + 1) / (DRAWS + 1)


def best_split(segment: Sequence[float]) -> _Split:
    """Return the split with the largest energy, and an energy of 0 at 0 where no split has one.

    ``inside[τ]`` is Σ |z - z'| within Z_τ .. Z_{κ-1} while κ grows; ``left`` are those sums from the segment's start.
    """
    best = _Split(0.0, 0)
    inside = [0.0] * len(segment)
    left = [0.0]
    for kappa in range(1, len(segment) + 1):
        reach = 0.0
        for tau in range(kappa - 2, -1, -1):
            reach += abs(segment[tau] - segment[kappa - 1])
            inside[tau] += reach
        left.append(inside[0])
        for tau in range(LEAST_RUNS, kappa - LEAST_RUNS + 1):
            energy = _energy(left[tau], inside[tau], inside[0], tau, kappa - tau)
            if energy > best.energy:
                best = _Split(energy, tau)
    return best


def _energy(left: float, right: float, whole: float, n: int, m: int) -> float:
    across = whole - left - right
    return 2 / (n + m) * (across - m / (n - 1) * left - n / (m - 1) * right)


def _finite(history: Sequence[float]) -> list[float]:
    """Return the history with infinite levels moved to one range of the finite ones beyond them."""
    finite = [level for level in history if math.isfinite(level)] or [0.0]
    low, high = min(finite), max(finite)
    away = high - low or 1.0
    return [min(max(level, low - away), high + away) for level in history]
