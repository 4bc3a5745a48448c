"""``--mode action-cable``: Action Cable. What is sent to a channel comes back.

Any channel but ``PrivateChannel`` can be subscribed to.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from loadws.target.speaking.talk import Talk, text_of, value_of


class ActionCable(Talk):
    """A server of Action Cable."""

    heartbeat_s: float | None = 3.0

    def __init__(self) -> None:
        self._identifiers: list[str] = []

    def opened(self) -> Sequence[str]:
        """Welcome the client."""
        return (text_of({"type": "welcome"}),)

    def answers(self, message: str) -> Sequence[str]:
        """Answer a command."""
        asked = value_of(message)
        if not isinstance(asked, dict) or not isinstance(asked.get("identifier"), str):
            return ()
        identifier, command = asked["identifier"], asked.get("command")
        if command == "subscribe":
            if "PrivateChannel" in identifier:
                return (text_of({"identifier": identifier, "type": "reject_subscription"}),)
            self._identifiers.append(identifier)
            return (text_of({"identifier": identifier, "type": "confirm_subscription"}),)
        if command == "unsubscribe" and identifier in self._identifiers:
            self._identifiers.remove(identifier)
        if command == "message" and identifier in self._identifiers:
            return (text_of({"identifier": identifier, "message": value_of(asked.get("data", "null"))}),)
        return ()

    def tick(self, number: int) -> Sequence[str]:
        """Broadcast to each subscription."""
        return [text_of({"identifier": one, "message": {"tick": number}}) for one in self._identifiers]

    def heartbeat(self) -> Sequence[str]:
        """Return a ping with the time; clients do not answer it."""
        return (text_of({"type": "ping", "message": int(time.time())}),)
