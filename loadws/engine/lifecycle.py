"""How a run is asked to end: gracefully first, at once the second time.

``Lifecycle`` is told by signals, by a rule with ``abort``, and by the executor when the last phase is over. It owns the
scope that all users run in, so that "at once" is one cancellation.
"""

from __future__ import annotations

import trio


class Lifecycle:
    """``stopping`` is set when the load is to end before its plan does; ``reason`` says why, and stays the first one."""

    def __init__(self) -> None:
        self.stopping = trio.Event()
        self.users = trio.CancelScope()
        self.reason: str | None = None
        self.rule: str | None = None

    def signal(self, name: str) -> None:
        """The first signal ends the run gracefully, the second one at once."""
        if self.stopping.is_set():
            self.users.cancel()
        else:
            self._stop(name)

    def abort(self, rule: str) -> None:
        """A rule with ``abort`` was broken: gracefully, once."""
        if not self.stopping.is_set():
            self.rule = rule
            self._stop(f"the rule {rule}")

    def _stop(self, reason: str) -> None:
        self.reason = reason
        self.stopping.set()
