"""Runs of neighbouring intervals in which something holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Span(NamedTuple):
    """Intervals from ``begin`` up to, and without, ``end``."""

    begin: int
    end: int


def spans_where(holds: Sequence[bool], interval_s: float = 1.0, bridged_s: float = 0.0) -> list[Span]:
    """Return where ``holds`` is true; spans less than ``bridged_s`` seconds apart are one."""
    found: list[Span] = []
    for at, is_so in enumerate(holds):
        if not is_so:
            continue
        if found and (at - found[-1].end) * interval_s < max(bridged_s, interval_s / 2):
            found[-1] = Span(found[-1].begin, at + 1)
        else:
            found.append(Span(at, at + 1))
    return found
