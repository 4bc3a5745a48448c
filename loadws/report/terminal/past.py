"""The seconds of a run so far, in as many columns as there is room for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from loadws.metrics.live import Second

#: How many seconds are kept one by one; beyond, every two become one, and so on.
MOST_MOMENTS = 400


class Moment(NamedTuple):
    """Some seconds together: what was received in them, their errors, and of all of them the slowest p99 and p50 (None: no
    response, or too few) and the most users.
    """

    seconds: int
    received: int
    p99_ns: float | None
    errors: int
    p50_ns: float | None = None
    users: int = 0

    @property
    def received_per_s(self) -> float:
        return self.received / self.seconds


class Past:
    """Every second of a run, at most ``MOST_MOMENTS`` moments. A second reported again replaces its first report."""

    def __init__(self) -> None:
        self.seconds_each = 1
        self._newest: dict[int, Second] = {}
        self._older: list[Moment | None] = []  # None: there was no report about that time

    def note(self, seconds: Iterable[Second]) -> None:
        """Take the newest seconds. Those that are not reported any more are settled."""
        told = {each.second: each for each in seconds}
        if not told:
            return
        first = min(told)
        for number in sorted(number for number in self._newest if number < first):
            self._settle(self._newest.pop(number))
        self._newest.update(told)

    def columns(self, width: int) -> list[Moment | None]:
        """Return at most ``width`` moments, oldest first, of equal length but for the last; the whole run so far."""
        moments = list(self._older)
        for number in sorted(self._newest):
            self._put(moments, self._newest[number])
        each = max(-(-len(moments) // max(width, 1)), 1)
        return [joined(moments[start : start + each]) for start in range(0, len(moments), each)]

    def _settle(self, second: Second) -> None:
        self._put(self._older, second)
        while len(self._older) >= MOST_MOMENTS:
            self._older = [joined(self._older[start : start + 2]) for start in range(0, len(self._older), 2)]
            self.seconds_each *= 2

    def _put(self, moments: list[Moment | None], second: Second) -> None:
        """Put a second at its place: into the last moment where it belongs there, else behind it, after gaps."""
        place, moment = second.second // self.seconds_each, moment_of(second)
        moments.extend([None] * (place - len(moments)))
        if place < len(moments):
            moments[place] = joined([moments[place], moment])
        else:
            moments.append(moment)


def moment_of(second: Second) -> Moment:
    """Return one second as a moment."""
    return Moment(1, second.received, second.response_p99_ns, second.errors, second.response_p50_ns, second.users)


def joined(moments: list[Moment | None]) -> Moment | None:
    """Return some moments as one; None where there was no report about any."""
    told = [moment for moment in moments if moment is not None]
    if not told:
        return None
    return Moment(
        sum(moment.seconds for moment in told),
        sum(moment.received for moment in told),
        max((moment.p99_ns for moment in told if moment.p99_ns is not None), default=None),
        sum(moment.errors for moment in told),
        max((moment.p50_ns for moment in told if moment.p50_ns is not None), default=None),
        max(moment.users for moment in told),
    )
