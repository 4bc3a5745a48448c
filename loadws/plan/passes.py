"""One time through some steps: how often it does what is counted, and for how long it pauses at least.

What a ``while``, an ``if`` or a ``pick`` does, how often a template repeats, and what a function does is decided by the run.
Where something that is counted stands inside of such a step, nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from loadws.scenario.model.steps import AnyStep, walk
from loadws.terms.units import NS_PER_S

#: How much of what is counted one run of a step is, without the steps inside it.
Counted = Callable[[AnyStep], float]


class Unknown(Exception):
    """Only the run will tell."""


@dataclass(frozen=True, slots=True)
class Pass:
    """What one time through some steps counts, and for how long it pauses at least."""

    count: float = 0.0
    pause_s: float = 0.0

    def times(self, number: int) -> Pass:
        """Return what so many of it come to, one after another."""
        return Pass(self.count * number, self.pause_s * number)

    def then(self, other: Pass) -> Pass:
        """Return what it and the other come to, one after the other."""
        return Pass(self.count + other.count, self.pause_s + other.pause_s)


def pass_through(flow: tuple[AnyStep, ...], counted: Counted) -> Pass:
    """Return what one time through a flow counts. Raises ``Unknown``."""
    total = Pass()
    for step in flow:
        total = total.then(_of_step(step, counted))
    return total


def _of_step(step: AnyStep, counted: Counted) -> Pass:
    pace = step.pace()
    if step.is_opaque or (pace.interval_ns is not None and pace.is_endless):
        raise Unknown
    if pace.times is None:
        return _of_open_ended(step, counted)
    inside = pass_through(step.inner(), counted).times(pace.times)
    pause_s = pace.pause_ns / NS_PER_S
    if pace.interval_ns is not None:  # its time covers the pauses inside
        inside = Pass(inside.count)
    return inside.then(Pass(counted(step), pause_s))


def _of_open_ended(step: AnyStep, counted: Counted) -> Pass:
    """Return what the step counts itself; what stands inside it may run any number of times.

    Raises:
        Unknown: Something inside it is counted.
    """
    inside = [each for _, each in walk((step,)) if each is not step]
    if any(each.is_opaque or counted(each) for each in inside):
        raise Unknown
    return Pass(counted(step))
