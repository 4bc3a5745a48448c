"""Messages that nothing waited for when they came, kept for a later ``wait_for`` within bounds.

A server that sends to a user whose scenario never reads must not fill the generator's memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from loadws.scenario.matching.message import Message

KEPT_MESSAGES = 1000
KEPT_BYTES = 1 << 20
KEPT_BYTES_PROCESS = 64 << 20


class Inbox:
    """The kept messages of one connection: the last 1,000 or 1 MiB, within a budget for the whole process."""

    __slots__ = ("_budget", "_bytes", "_messages")

    def __init__(self, budget: InboxBudget) -> None:
        self._messages: deque[Message] = deque()
        self._bytes = 0
        self._budget = budget

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages)

    def keep(self, message: Message) -> int:
        """Keep a message, and return how many messages had to be discarded for it; it is one of them where there is no
        room at all.
        """
        size = len(message.payload)
        discarded = 0
        while self._messages and not self._fits(size):
            self._forget(0)
            discarded += 1
        if not self._fits(size):
            return discarded + 1
        self._messages.append(message)
        self._bytes += size
        self._budget.used += size
        return discarded

    def take(self, predicate: Callable[[Message], bool] | None) -> Message | None:
        """Remove and return the oldest message that matches; None where none does."""
        for index, message in enumerate(self._messages):
            if predicate is None or predicate(message):
                self._forget(index)
                return message
        return None

    def clear(self) -> int:
        """Discard all messages, and return how many there were."""
        count = len(self._messages)
        self._budget.used -= self._bytes
        self._messages.clear()
        self._bytes = 0
        return count

    def _fits(self, size: int) -> bool:
        return (
            len(self._messages) < KEPT_MESSAGES
            and self._bytes + size <= KEPT_BYTES
            and self._budget.used + size <= KEPT_BYTES_PROCESS
        )

    def _forget(self, index: int) -> None:
        size = len(self._messages[index].payload)
        del self._messages[index]
        self._bytes -= size
        self._budget.used -= size


class InboxBudget:
    """The number of bytes that all inboxes of the process hold."""

    __slots__ = ("used",)

    def __init__(self) -> None:
        self.used = 0
