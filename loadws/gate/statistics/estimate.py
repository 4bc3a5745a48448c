"""The estimate of one change: its size, its interval, and how certain it is that the limit was passed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """``change``, ``low`` and ``high`` are on an additive scale (see ``changes``).

    ``change`` is None where no change is known. ``low`` and ``high`` contain the true change with the confidence that
    was asked for, and are -inf and inf where the data are too few for any interval. ``p`` is the two-sided p value of
    "the true change is the limit". ``n`` is the number of pairs, of runs on the smaller side, or of windows on the
    smaller side that the estimate rests on; ``unknown`` is how many more there were whose change is not known.
    ``freedom`` are the degrees of freedom of the spread behind the interval. ``is_constant``: the two are shares of which
    neither varied, because nothing or everything was a hit; the interval is then of the number of tries alone.
    """

    change: float | None
    low: float
    high: float
    p: float
    n: int
    unknown: int
    freedom: float
    is_constant: bool = False
