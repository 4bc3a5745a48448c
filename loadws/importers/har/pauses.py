"""Think times: kept, scaled, and bounded at both ends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

#: Pauses below are the page's own work and not a person's; a pause above is a person who did something else.
SHORTEST_S, LONGEST_S = 0.1, 60.0


@dataclass
class Pauses:
    """A converter of recorded gaps to pauses. ``speed`` 2 halves them; ``clamped`` counts those that were too long."""

    speed: float = 1.0
    clamped: int = 0

    def pause(self, gap_s: float) -> float:
        """Return how long a user pauses, in seconds; 0 where the gap is too short for a pause."""
        if gap_s < SHORTEST_S:
            return 0.0
        if gap_s > LONGEST_S:
            self.clamped += 1
        return round(min(gap_s, LONGEST_S) / self.speed, 3)


def written(seconds: float) -> str:
    """Return a duration as a scenario writes it, to the millisecond."""
    milliseconds = max(1, round(seconds * 1000))
    return f"{milliseconds}ms" if milliseconds < 1000 else f"{milliseconds / 1000:g}s"


def span(pauses_s: Iterable[float]) -> str:
    """Return one pause, or the range of several."""
    least, most = min(found := list(pauses_s)), max(found)
    return written(least) if written(least) == written(most) else f"{written(least)}..{written(most)}"
