"""How a run is ended before its plan: gracefully at the first request, at once at the second.

Signals, a rule with ``abort`` and the executor call ``Lifecycle``. It owns the cancel scope that all users run in, so
that "at once" is one cancellation.
"""

from __future__ import annotations

import trio

from loadws.metrics.runinfo import EarlyEnd


class Lifecycle:
    """The end of a run. ``stopping`` is set when the load ends before its plan; ``reason`` is the first reason for
    that.
    """

    def __init__(self) -> None:
        self.stopping = trio.Event()
        self.users = trio.CancelScope()
        self.reason: str | None = None
        self.rule: str | None = None
        self.gave_up: str | None = None
        self.is_at_once = False  # a second signal came: the run waits for nothing more

    def signal(self, name: str) -> None:
        """End the run: gracefully at the first signal, at once at the second."""
        if self.stopping.is_set():
            self.is_at_once = True
            self.users.cancel()
        else:
            self._stop(name)

    def end_early(self, why: EarlyEnd) -> None:
        """End the run gracefully because of what was measured so far. Later calls do nothing."""
        if not self.stopping.is_set():
            self.rule, self.gave_up = why.rule, why.gave_up
            self._stop(f"the rule {why.rule}" if why.rule is not None else "the dead target")

    def _stop(self, reason: str) -> None:
        self.reason = reason
        self.stopping.set()
