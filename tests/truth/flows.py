"""The function of a scenario that holds up its process."""

from __future__ import annotations

from loadws import User
from tests.truth.running import spin


async def hold_up(user: User) -> None:
    """What a blocking library does: 60 ms of work, and nobody else has a turn."""
    spin(0.06)
