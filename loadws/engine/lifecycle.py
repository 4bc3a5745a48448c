"""How a run is asked to end: gracefully first, at once the second time.

``Lifecycle`` is told by signals, by a rule with ``abort``, and by the executor when the last phase is over. It owns the
scope that all users run in, so that "at once" is one cancellation.
"""

from __future__ import annotations

import trio

from loadws.metrics.runinfo import EarlyEnd


class Lifecycle:
    """``stopping`` is set when the load is to end before its plan does; ``reason`` says why, and stays the first one."""

    def __init__(self) -> None:
        self.stopping = trio.Event()
        self.users = trio.CancelScope()
        self.reason: str | None = None
        self.rule: str | None = None
        self.gave_up: str | None = None
        self.is_at_once = False  # a second signal came: nothing is waited for any more

    def signal(self, name: str) -> None:
        """End the run: gracefully at the first signal, at once at the second."""
        if self.stopping.is_set():
            self.is_at_once = True
            self.users.cancel()
        else:
            self._stop(name)

    def end_early(self, why: EarlyEnd) -> None:
        """End the run gracefully, once, for what was measured so far."""
        if not self.stopping.is_set():
            self.rule, self.gave_up = why.rule, why.gave_up
            self._stop(f"the rule {why.rule}" if why.rule is not None else "the dead target")

    def _stop(self, reason: str) -> None:
        self.reason = reason
        self.stopping.set()
