"""When a load begins: as soon as everything is ready, or at a moment agreed with other machines.

An agreed moment is UTC, so it is as exact as the machines' clocks. It is converted to CLOCK_MONOTONIC shortly before,
and once: a clock that is set while the load runs does not change it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import trio

from loadws.engine.coordination import Alone
from loadws.engine.lifecycle import Lifecycle
from loadws.metrics.runinfo import EarlyEnd
from loadws.terms.errors import LoadwsError
from loadws.terms.units import NS_PER_S, format_duration
from loadws.transport.base import Timers

#: How long before an agreed moment it is converted to the monotonic clock and sent to the processes.
HAND_OVER_NS = NS_PER_S
#: How often the system's clock is read while loadws waits for a start, in case that the clock is set.
_READ_AGAIN_S = 5.0
#: The least time between knowing a start and the start, where the moment has to be written to a disk before.
NOTE_LEAD_NS = NS_PER_S // 2


class TooLate(LoadwsError):
    """An agreed moment that had passed before everything was ready. No load was run."""

    def __init__(self, late_ns: int) -> None:
        super().__init__(
            f"everything was ready {format_duration(late_ns)} after the start that --start-at names: nothing was run",
            "name a later start, for all shares",
        )


class Start:
    """The start of one load. ``at_unix_ns`` is the agreed moment; None: as soon as everything is ready.

    ``note`` is called with the moment in ns since 1970, in a thread, before it comes. ``too_late`` is set instead where
    an agreed moment had passed: the load is then ended before it begins, and the caller has to raise the error.
    """

    def __init__(self, at_unix_ns: int | None = None, note: Callable[[int], None] | None = None) -> None:
        self.at_unix_ns = at_unix_ns
        self._note = note
        self.too_late: TooLate | None = None

    async def moment(self, lead_ns: int, lifecycle: Lifecycle) -> int:
        """Return the first intended time in ns of CLOCK_MONOTONIC, at least ``lead_ns`` ahead.

        Waits until shortly before an agreed moment, or until the run is stopped.
        """
        if self.at_unix_ns is not None:
            await self._wait(self.at_unix_ns - HAND_OVER_NS, lifecycle.stopping)
        if self._note is not None:
            lead_ns = max(lead_ns, NOTE_LEAD_NS)
        now_unix_ns, now_ns = time.time_ns(), time.monotonic_ns()
        ahead_ns = lead_ns if self.at_unix_ns is None else self.at_unix_ns - now_unix_ns
        if ahead_ns < lead_ns and not lifecycle.stopping.is_set():
            self.too_late = TooLate(lead_ns - ahead_ns)
            lifecycle.end_early(EarlyEnd(gave_up=str(self.too_late)))
        if lifecycle.stopping.is_set():
            return now_ns + lead_ns
        if self._note is not None:
            await trio.to_thread.run_sync(self._note, now_unix_ns + ahead_ns)
        return now_ns + ahead_ns

    async def _wait(self, until_unix_ns: int, stopping: trio.Event) -> None:
        while (left_ns := until_unix_ns - time.time_ns()) > 0 and not stopping.is_set():
            with trio.move_on_after(min(left_ns / NS_PER_S, _READ_AGAIN_S)):
                await stopping.wait()


class AloneFrom(Alone):
    """``Together`` for one process that makes the whole load of its machine, from a ``start`` on."""

    def __init__(self, start: Start, lifecycle: Lifecycle, lead_ns: int) -> None:
        self._start = start
        self._lifecycle = lifecycle
        self._lead_ns = lead_ns

    async def begin(self, timers: Timers) -> int:
        at_ns = await self._start.moment(self._lead_ns, self._lifecycle)
        return timers.now_ns() + at_ns - time.monotonic_ns()


def as_utc(unix_ns: int) -> str:
    """Return a moment in UTC as ISO 8601 with microseconds."""
    return datetime.fromtimestamp(unix_ns // 1000 / 1e6, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
