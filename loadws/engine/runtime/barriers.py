"""Places where users wait for each other.

A barrier gathers ``users``; the one that completes the number releases all, and the next user begins a new round.
Barriers with the same name are one barrier, whichever user types meet there. A user that gives up waiting is not
counted any more.

A process knows its own users only. Each of n processes gathers its share of ``users``, the same share that it has of
the plan's users, so that together they gather all. The processes do not release their users at the same moment.
"""

from __future__ import annotations

from collections.abc import Callable

from loadws.plan.split import Shard

_WHOLE = Shard()


class Barrier:
    """A barrier at which ``needed`` users of this process make a round. Each waits with a callback, which is called
    once, at its release.
    """

    def __init__(self, needed: int) -> None:
        self.needed = needed
        self._round: dict[Callable[[], None], None] = {}

    @property
    def gathered(self) -> int:
        return len(self._round)

    def come(self, release: Callable[[], None]) -> None:
        """Join the barrier. The user that completes it releases all, itself included."""
        self._round[release] = None
        if len(self._round) >= self.needed:
            released, self._round = self._round, {}
            for each in released:
                each()

    def leave(self, release: Callable[[], None]) -> None:
        """Stop waiting. Do nothing if the user was released already."""
        self._round.pop(release, None)


class Barriers:
    """The barriers of one process, which makes the part ``own`` of the load."""

    def __init__(self, own: Shard = _WHOLE) -> None:
        self._own = own
        self._named: dict[str, Barrier] = {}

    def named(self, name: str, users: int) -> Barrier:
        if name not in self._named:
            self._named[name] = Barrier(self.share_of(users))
        return self._named[name]

    def share_of(self, users: int) -> int:
        """Return this process's part of ``users``, at least one: as many as the plan gives it of so many."""
        return max(1, self._own.part_of(users))
