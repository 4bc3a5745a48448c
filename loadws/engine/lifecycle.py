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

    def stop(self, reason: str) -> None:
        """No further user begins; those there finish their step, or get the graceful stop. Asked again: at once."""
        if self.stopping.is_set():
            self.stop_now()
            return
        self.reason = reason
        self.stopping.set()

    def stop_now(self) -> None:
        self.users.cancel()
