"""One run on each side: the change of a percentile, by a bootstrap over blocks of windows of time.

The windows of a run (one second each) are drawn again, with replacement, in blocks of neighbours that wrap round at
the end, so that what lasts for some windows stays together (circular block bootstrap: Politis, Romano, "A circular
block-resampling procedure for stationary data", in "Exploring the Limits of Bootstrap", 1992). A block has n^(1/3) of
the n windows (Hall, Horowitz, Jing, "On blocking rules for the bootstrap with dependent data", Biometrika 82, 1995).
The percentile of each drawn run is that of its merged histograms. The interval is from the α / 2 to the 1 - α / 2
quantile of the drawn changes (Efron, Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13), stretched
about its median by √(b / (b - 1)) for the b blocks.

It includes the noise within the two runs and none between runs, so it is weaker than any comparison of several runs, and
the report says so. p counts the measured run among those drawn, so it is never 0.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, count
from operator import mul

from loadws.gate.statistics.changes import change, known, median
from loadws.gate.statistics.estimate import Estimate
from loadws.terms.percentiles import rank_of

#: A window's values, in order, with how often each was seen; unanswered requests are infinite.
Window = Sequence[tuple[float, int]]
DRAWS = 2_000
#: With fewer blocks there is no interval.
LEAST_BLOCKS = 10


def compare(
    baseline: Sequence[Window],
    candidate: Sequence[Window],
    percentile: float,
    level: Callable[[float | None], float],
    limit: float,
    alpha: float,
    seed: int = 0,
    draws: int = DRAWS,
) -> Estimate:
    """Return the estimate of the change of a percentile (in percent) between two runs.

    ``level`` is ``changes.log_level`` or ``changes.plain_level``.
    """
    chance = random.Random(seed)
    sides = [_Side(baseline), _Side(candidate)]
    windows = min(side.windows for side in sides)
    blocks = min(side.blocks for side in sides)
    before, after = (level(side.percentile(side.once(), percentile)) for side in sides)
    found = median([change(before, after)])
    if blocks < LEAST_BLOCKS or found is None:
        return Estimate(found, -math.inf, math.inf, 1.0, windows, 0, max(1, blocks - 1))
    levels = ([level(side.percentile(side.drawn(chance), percentile)) for side in sides] for _ in range(draws))
    drawn = sorted(known(change(before, after) for before, after in levels))
    low, high = _ends(drawn, alpha, math.sqrt(blocks / (blocks - 1)))
    return Estimate(found, low, high, _p(drawn, limit), windows, 0, max(1, blocks - 1))


def least_windows(alpha: float) -> int:
    """Return the fewest windows that have enough blocks, whatever ``alpha``."""
    return next(windows for windows in count(1) if windows // _length(windows) >= LEAST_BLOCKS)


def _length(windows: int) -> int:
    """Return the length of a bootstrap block, in windows, for a run of so many windows."""
    return max(1, round(math.cbrt(windows)))


class _Side:
    """One run's windows, laid out so that the percentile of any draw of them is found quickly.

    ``_below[v][w]`` is how many values of window w are at most the v-th value.
    """

    def __init__(self, windows: Sequence[Window]) -> None:
        self.windows = len(windows)
        self._length = _length(self.windows)
        self.blocks = self.windows // self._length
        self._totals = [sum(times for _, times in window) for window in windows]
        self._values = sorted({value for window in windows for value, _ in window})
        columns = [list(_counts_at(window, self._values)) for window in windows]
        self._below = list(zip(*columns, strict=True))

    def once(self) -> list[int]:
        """Return the counts of the run itself, which has each window once."""
        return [1] * self.windows

    def drawn(self, chance: random.Random) -> list[int]:
        """Return how often each window is in a drawn run of as many windows."""
        times = [0] * self.windows
        left = self.windows
        while left:
            start = chance.randrange(self.windows)
            for offset in range(min(self._length, left)):
                times[(start + offset) % self.windows] += 1
            left -= min(self._length, left)
        return times

    def percentile(self, times: Sequence[int], percentile: float) -> float | None:
        """Return the nearest rank's value of the windows, each taken ``times`` often; None where there is no value."""
        total = sum(map(mul, times, self._totals))
        if not total:
            return None
        rank = rank_of(percentile, total)
        place = bisect_left(self._below, rank, key=lambda column: sum(map(mul, times, column)))
        return self._values[place]


def _counts_at(window: Window, values: Sequence[float]) -> Iterator[int]:
    """Yield how many of the window's values are at most each of ``values``."""
    times = dict(window)
    return accumulate(times.get(value, 0) for value in values)


def _ends(drawn: Sequence[float], alpha: float, stretch: float) -> tuple[float, float]:
    """Return the ends of the interval, stretched about the median where that is finite."""
    middle = median(drawn)
    if middle is None:
        return -math.inf, math.inf
    reach = math.floor(len(drawn) * alpha / 2)
    low, high = drawn[reach], drawn[-1 - reach]
    if math.isinf(middle):
        return low, high
    return middle + (low - middle) * stretch, middle + (high - middle) * stretch


def _p(drawn: Sequence[float], limit: float) -> float:
    below, above = sum(each <= limit for each in drawn), sum(each >= limit for each in drawn)
    return min(1.0, 2 * (min(below, above) + 1) / (len(drawn) + 1))
