"""The history of a connection that replaces one that has ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from loadws.metrics.recording.recorder import Recorder


class Replacement:
    """The facts that a connection knows about the one that it replaces.

    ``lost_ns`` is when the outage began; 0 where nothing was lost. ``attempt`` counts the attempts in a row,
    ``opened_ns`` is when this connection opened. ``renewals`` subscribe again to what the other one had.
    """

    __slots__ = ("_recorder", "attempt", "lost_ns", "opened_ns", "renewals")

    def __init__(
        self,
        lost_ns: int,
        recorder: Recorder,
        attempt: int = 0,
        renewals: Sequence[Callable[..., Awaitable[None]]] = (),
    ) -> None:
        self.renewals = renewals
        self._recorder = recorder
        self.attempt = attempt
        self.lost_ns = lost_ns
        self.opened_ns = 0

    def recovered(self, at_ns: int) -> None:
        """Record how long the outage lasted: from the loss to the first good answer after it."""
        self._recorder.duration("recovery_time", None, self.lost_ns, at_ns - self.lost_ns)
