"""What a codec raises where bytes are no packets of its protocol."""

from __future__ import annotations

from loadws.scenario.json_reader import NotJson


class Unreadable(NotJson):
    """Bytes that form no packet. The connection ends: nothing tells where the next packet begins."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, 0, "")

    def __str__(self) -> str:
        return self.reason
