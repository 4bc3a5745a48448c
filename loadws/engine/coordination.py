"""What the processes of one run agree on while it goes: when it begins, and when a phase is over that its flows decide.

Everything else they know by themselves, from the plan and a clock. A process alone agrees with itself at once.
"""

from __future__ import annotations

from typing import Protocol

from loadws.terms.units import NS_PER_MS
from loadws.transport.base import Timers

#: From the word to the moment that it names: long enough for every process to hear it, and to be there on time.
LEAD_NS = 20 * NS_PER_MS


class Together(Protocol):
    async def begin(self, timers: Timers) -> int:
        """Report that all is set up; return the first intended time, on the clock of ``timers``."""

    async def flows_done(self, phase: int, timers: Timers) -> int:
        """Report that this process's share of a phase's flows has ended. Return the phase's end, which may lie ahead,
        once all shares have ended.
        """


class Alone:
    """One process makes the whole load."""

    async def begin(self, timers: Timers) -> int:
        return timers.now_ns() + LEAD_NS

    async def flows_done(self, phase: int, timers: Timers) -> int:
        return timers.now_ns()
