"""One pass through some steps: how many counted events it has, and for how long it pauses at least.

The run decides what a ``while``, an ``if`` or a ``pick`` does, how often a template repeats, and what a function does.
Where a counted step is inside such a step, the number is unknown.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from loadws.scenario.model.steps import AnyStep, walk
from loadws.terms.units import NS_PER_S

#: How many counted events one run of a step has, without the steps inside it.
Counted = Callable[[AnyStep], float]


class Unknown(Exception):
    """A number that only the run will tell."""


class Pass(msgspec.Struct, frozen=True):
    """The count of one pass through some steps, and for how long it pauses at least."""

    count: float = 0.0
    pause_s: float = 0.0

    def times(self, number: int) -> Pass:
        """Return ``number`` of these passes, one after another."""
        return Pass(self.count * number, self.pause_s * number)

    def then(self, other: Pass) -> Pass:
        """Return this pass and another one after it."""
        return Pass(self.count + other.count, self.pause_s + other.pause_s)


def pass_through(flow: tuple[AnyStep, ...], counted: Counted) -> Pass:
    """Return one pass through a flow. Raises ``Unknown``."""
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
    """Return the step's own count; the steps inside it may run any number of times.

    Raises:
        Unknown: A step inside it is counted.
    """
    inside = [each for _, each in walk((step,)) if each is not step]
    if any(each.is_opaque or counted(each) for each in inside):
        raise Unknown
    return Pass(counted(step))
