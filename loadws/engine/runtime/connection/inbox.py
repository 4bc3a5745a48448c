"""Messages that came before anybody waited for them, kept for a later ``wait_for`` within bounds.

A user is a slow reader only when its scenario says so; a server that talks to nobody must not fill our memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from loadws.scenario.matching.message import Message

KEPT_MESSAGES = 1000
KEPT_BYTES = 1 << 20
KEPT_BYTES_PROCESS = 64 << 20


class KeptMessages:
    """Messages that nobody wanted yet: the last 1,000 or 1 MiB of a connection, within a bound for the process."""

    __slots__ = ("_bytes", "_messages", "_room")

    def __init__(self, room: KeptRoom) -> None:
        self._messages: deque[Message] = deque()
        self._bytes = 0
        self._room = room

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages)

    def keep(self, message: Message) -> int:
        """How many messages had to be let go for it, itself among them where there is no room at all."""
        size = len(message.payload)
        let_go = 0
        while self._messages and not self._fits(size):
            self._forget(0)
            let_go += 1
        if not self._fits(size):
            return let_go + 1
        self._messages.append(message)
        self._bytes += size
        self._room.used += size
        return let_go

    def take(self, predicate: Callable[[Message], bool] | None) -> Message | None:
        """The oldest message that matches, kept no longer."""
        for index, message in enumerate(self._messages):
            if predicate is None or predicate(message):
                self._forget(index)
                return message
        return None

    def let_go(self) -> int:
        """Forgets all; how many there were."""
        count = len(self._messages)
        self._room.used -= self._bytes
        self._messages.clear()
        self._bytes = 0
        return count

    def _fits(self, size: int) -> bool:
        return (
            len(self._messages) < KEPT_MESSAGES
            and self._bytes + size <= KEPT_BYTES
            and self._room.used + size <= KEPT_BYTES_PROCESS
        )

    def _forget(self, index: int) -> None:
        size = len(self._messages[index].payload)
        del self._messages[index]
        self._bytes -= size
        self._room.used -= size


class KeptRoom:
    """How many bytes all connections of the process keep."""

    __slots__ = ("used",)

    def __init__(self) -> None:
        self.used = 0
