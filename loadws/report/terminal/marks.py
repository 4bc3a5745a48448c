"""Small drawings made of characters: sparklines and bars."""

from __future__ import annotations

from collections.abc import Sequence

LEVELS = "▁▂▃▄▅▆▇█"
#: A second without a value: nothing was measured, which is not the same as a small number.
GAP = " "
FULL, EMPTY = "━", "─"


def sparkline(values: Sequence[float | None], highest: float | None = None) -> str:
    """Return one character for each value, from 0 to ``highest`` (the largest value where it is None); a gap for None."""
    top = highest if highest is not None else max((value for value in values if value is not None), default=0.0)
    return "".join(GAP if value is None else LEVELS[_level(value, top)] for value in values)


def bar(share: float, width: int) -> tuple[str, str]:
    """Return the full and the empty part of a bar of ``width`` characters."""
    full = round(min(max(share, 0.0), 1.0) * width)
    return FULL * full, EMPTY * (width - full)


def _level(value: float, top: float) -> int:
    if top <= 0:
        return 0
    return min(int(value / top * len(LEVELS)), len(LEVELS) - 1)
