"""Estimate how far a share's clock is from the coordinator's, by pulses and their answers (Cristian, 1989).

A pulse leaves at s, is answered where the share's clock shows c, and the answer arrives at r. If both directions take
equally long, the offset is c − (s + r) / 2; in any case the error is at most half of the round trip, (r − s) / 2. So
the pulse with the shortest round trip is the most exact.
"""

from __future__ import annotations

from statistics import linear_regression

import msgspec

from loadws.terms.units import format_duration

#: The closest offset of each such stretch of time is kept, and the clocks' drift is a line through them.
STRETCH_NS = 10_000_000_000


class Offset(msgspec.Struct, frozen=True):
    """The share's clock is ``offset_ns`` ± ``bound_ns`` ahead of the coordinator's, at ``at_ns`` of the latter."""

    at_ns: int
    offset_ns: int
    bound_ns: int


class Clock:
    """The estimates of one share's clock. ``best`` is the closest offset of all."""

    def __init__(self) -> None:
        self.best: Offset | None = None
        self._closest: dict[int, Offset] = {}  # of each stretch

    def add(self, sent_ns: int, clock_ns: int, received_ns: int) -> None:
        """Add one pulse's answer."""
        bound_ns = max(0, received_ns - sent_ns + 1) // 2
        offset = Offset(received_ns, clock_ns - (sent_ns + received_ns) // 2, bound_ns)
        stretch = received_ns // STRETCH_NS
        self.best = _closer(self.best, offset)
        self._closest[stretch] = _closer(self._closest.get(stretch), offset)

    @property
    def offset_ns(self) -> int:
        """Return the closest estimate; 0 where no pulse was answered yet."""
        return self.best.offset_ns if self.best else 0

    def error_ns(self, used_ns: int) -> int | None:
        """Return by how much a time is off at most that was computed with the offset ``used_ns``; None: unknown.

        In each stretch the true offset lies within the bound of the closest estimate, so a drift is in it.
        """
        errors = [abs(offset.offset_ns - used_ns) + offset.bound_ns for offset in self._closest.values()]
        return max(errors, default=None)

    @property
    def drift_ppm(self) -> float | None:
        """Return how fast the clocks drift apart, in millionths, by least squares; None where they were compared in one
        stretch only.
        """
        if len(self._closest) < 2:
            return None
        points = [(offset.at_ns, offset.offset_ns) for offset in self._closest.values()]
        slope, _ = linear_regression([at for at, _ in points], [offset for _, offset in points])
        return slope * 1e6

    def sentence(self) -> str:
        """Return the offset and its bound as a sentence; empty where nothing is known."""
        if self.best is None:
            return ""
        side = "ahead of" if self.best.offset_ns >= 0 else "behind"
        offset, bound = format_duration(abs(self.best.offset_ns)), format_duration(self.best.bound_ns)
        known = f"its clock is {offset} ± {bound} {side} the coordinator's"
        drift = self.drift_ppm
        return known if drift is None else f"{known}, drifting by {drift:.1f} ppm"


def _closer(known: Offset | None, new: Offset) -> Offset:
    return new if known is None or new.bound_ns <= known.bound_ns else known
