"""A function of a scenario that holds up its process."""

from __future__ import annotations

from loadws import User
from tests.truth.running import spin


async def hold_up(user: User) -> None:
    """Work for 60 ms without waiting, as a blocking library does."""
    spin(0.06)
