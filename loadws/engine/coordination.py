"""What the processes of one run have to agree on while it goes: when it begins, and when a phase that its flows end is
over.

Each process knows everything else from the plan and a clock. A single process agrees with itself at once.
"""

from __future__ import annotations

from typing import Protocol

from loadws.terms.units import NS_PER_MS
from loadws.transport.base import Timers

#: From the announcement of a moment to the moment itself: long enough for every process to receive it and be ready.
LEAD_NS = 20 * NS_PER_MS


class Together(Protocol):
    async def begin(self, timers: Timers) -> int:
        """Report that this process is ready; return the first intended time, on the clock of ``timers``."""

    async def flows_done(self, phase: int, timers: Timers) -> int:
        """Report that this process's share of a phase's flows has ended. Return the phase's end once all shares have
        ended; it may lie ahead.
        """


class Alone:
    """One process makes the whole load."""

    async def begin(self, timers: Timers) -> int:
        return timers.now_ns() + LEAD_NS

    async def flows_done(self, phase: int, timers: Timers) -> int:
        return timers.now_ns()
