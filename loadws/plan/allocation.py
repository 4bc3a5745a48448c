"""Assign user types: in the proportion of the weights, and in the same way whatever the number of processes.

An arriving user draws its type. Held users are so few that chance would show, so their types are allocated: wherever
the number of slots filled so far times a type's share is a whole number, exactly that many of them are of that type,
and elsewhere the number differs by less than one for two types (for the k-th of more, by less than k). Which of the
slots they are is drawn, because a fixed pattern and a number of processes with a common factor would put all users of
one type into one process.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import accumulate

from loadws.terms.chance import USER_TYPES, draw, fraction


def choose(weights: Sequence[float], user: int, seed: int) -> int:
    """Return the type that an arriving user draws."""
    if len(weights) == 1:
        return 0
    bounds = list(accumulate(weights))
    mark = fraction(draw(seed, USER_TYPES, user)) * bounds[-1]
    return next((index for index, bound in enumerate(bounds) if mark < bound), len(weights) - 1)


def allocate(weights: Sequence[float], slots: int, seed: int) -> array[int]:
    """Return the type of each slot.

    Each type in turn is weighed against all that follow it. Of n slots that remain for it, it should have had n·p; it
    has had x of the n - 1 before, and takes this one with the probability n·p - x (above 1 is certain, and it is never
    below 0). So x stays between n·p - 1 and n·p + 1, and equals n·p where that is whole.
    """
    last = len(weights) - 1
    types = array("H", bytes(2 * slots))
    if not last:
        return types
    seen, taken = [0] * last, [0] * last
    rest = [sum(weights[index:]) for index in range(last)]
    for slot in range(slots):
        for index in range(last):
            seen[index] += 1
            due = weights[index] * seen[index] / rest[index] - taken[index]
            if fraction(draw(seed, USER_TYPES, slot * last + index)) < due:
                taken[index] += 1
                types[slot] = index
                break
        else:
            types[slot] = last
    return types
