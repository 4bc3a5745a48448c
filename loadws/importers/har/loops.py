"""Repeated steps become loops: the same steps again and again, with pauses that may differ."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

#: How many steps a turn of a loop may have, and how often it must come at least.
_LONGEST_TURN, _FEWEST_TURNS = 12, 3


@dataclass
class Step:
    """A step and the pause before it. ``line`` is that of the message; ``comments`` stand above it."""

    body: dict[str, Any]
    think_s: float = 0.0
    line: int = 0
    comments: tuple[str, ...] = ()
    inner: tuple[Step, ...] = ()
    pauses_s: tuple[float, ...] = field(default=())

    @property
    def key(self) -> str:
        """What two equal steps have in common; pauses count only as being there."""
        return json.dumps([self.body, self.think_s > 0, [step.key for step in self.inner]], default=str)


def looped(steps: Sequence[Step]) -> list[Step]:
    """Return the steps with loops in place of repetitions, the shortest turns first."""
    keys = [step.key for step in steps]
    found: list[Step] = []
    at = 0
    while at < len(steps):
        length, times = _repetition(keys, at)
        if times >= _FEWEST_TURNS:
            found.append(_loop(steps, at, length, times))
        else:
            length, times = 1, 1
            found.append(steps[at])
        at += length * times
    return found


def _repetition(keys: Sequence[str], at: int) -> tuple[int, int]:
    """Return length and number of the turns that begin at a step; the first length that repeats often enough."""
    for length in range(1, min(_LONGEST_TURN, len(keys) - at) + 1):
        turn, times = keys[at : at + length], 1
        while keys[at + times * length : at + (times + 1) * length] == turn:
            times += 1
        if times >= _FEWEST_TURNS:
            return length, times
    return 1, 1


def _loop(steps: Sequence[Step], at: int, length: int, times: int) -> Step:
    """Return the loop of the turns. A step in it pauses for anything between its shortest and longest pause."""
    turn = []
    for offset in range(length):
        same = [steps[at + offset + length * number] for number in range(times)]
        pauses = tuple(step.think_s for step in same)
        step = same[0]
        turn.append(Step(step.body, step.think_s, step.line, step.comments, step.inner, pauses))
    return Step({"repeat": times}, line=steps[at].line, inner=tuple(turn))
