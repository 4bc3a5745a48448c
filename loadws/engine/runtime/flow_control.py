"""Exceptions that a step raises to end more than itself. None of them leaves the user that the step belongs to."""

from __future__ import annotations


class FlowInterrupted(Exception):
    """The end of more than one step."""


class EndTurn(FlowInterrupted):
    """The failure of a turn of ``every`` or ``repeat``; outside of any turn it is the session's.

    ``turn`` is the number of the turn that ends, with all turns inside it; None is the innermost one.
    """

    def __init__(self, turn: int | None = None) -> None:
        super().__init__()
        self.turn = turn

    def ends(self, turn: int) -> bool:
        """Return whether this turn is the outermost one that ends."""
        return self.turn is None or self.turn == turn


class EndSession(FlowInterrupted):
    """The failure of a session."""


class Leave(FlowInterrupted):
    """The end of a flow whose user was asked to leave and has finished its step."""
