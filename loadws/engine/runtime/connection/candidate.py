"""What may receive a message, and why a message is not for it: what ``--trace`` explains."""

from __future__ import annotations

from loadws.scenario.matching.message import Message
from loadws.scenario.template.template import EvaluationError, Scope
from loadws.scenario.unpacking.where import Where


class Candidate:
    """A step or a handler that may receive a message: its name in a trace, and its conditions."""

    __slots__ = ("_where", "name", "scope")

    def __init__(self, name: str, where: Where | None, scope: Scope) -> None:
        self.name = name
        self.scope = scope
        self._where = where

    def why_not(self, message: Message) -> str | None:
        """Return why the message does not meet the conditions; None where it does."""
        if self._where is None:
            return None
        try:
            return self._where.why(message, self.scope)
        except EvaluationError as error:
            return str(error)
