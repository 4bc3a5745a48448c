"""The frames that one connection could not write yet: the rest of one that was begun, and those that wait behind it.

It exists only while the kernel takes no more, so a connection that is not held up has none. It stores and counts; the
connection writes. Messages that no task waits for are bounded as in ``outbox``; a task that waits for its message is
its own bound.
"""

from __future__ import annotations

from collections import deque

import trio

from loadws.transport.base import NotOpen, Outgoing
from loadws.transport.net.outbox import MOST_BYTES, MOST_MESSAGES, MOST_PONGS


class Write:
    """A frame to write, or a message of several frames.

    ``out`` receives the stamps; ``done`` is set when it is written, or never will be.
    """

    __slots__ = ("done", "fragments", "opcode", "out", "payload")

    def __init__(
        self,
        opcode: int,
        payload: bytes,
        out: Outgoing | None = None,
        done: trio.Event | None = None,
        fragments: int = 1,
    ) -> None:
        self.opcode = opcode
        self.payload = payload
        self.out = out
        self.done = done
        self.fragments = fragments


class Backlog:
    """The waiting writes. ``current`` was begun at ``began_ns``, and ``rest`` has its bytes that are still to be
    written.
    """

    __slots__ = ("_bytes", "_pongs", "_waiting", "began_ns", "current", "rest")

    def __init__(self) -> None:
        self._waiting: deque[Write] = deque()
        self._bytes = 0
        self._pongs: list[Write] = []
        self.current: Write | None = None
        self.rest = memoryview(b"")
        self.began_ns = 0

    def put(self, write: Write, *, bounded: bool = True) -> None:
        """Add a write.

        Raises:
            NotOpen: The write is bounded and too much waits already; its kind is ``backlog``.
        """
        size = len(write.payload)
        if bounded and (len(self._waiting) >= MOST_MESSAGES or self._bytes + size > MOST_BYTES):
            raise NotOpen(f"{len(self._waiting)} messages of {self._bytes} bytes wait already", "backlog")
        self._waiting.append(write)
        self._bytes += size

    def put_pong(self, write: Write) -> None:
        """Add a pong. Where too many wait, drop the oldest: a later pong answers its ping, too."""
        self._pongs.append(write)
        del self._pongs[:-MOST_PONGS]

    def take(self) -> Write | None:
        """Return the next write, which becomes ``current``; pongs go first."""
        if self._pongs:
            self.current = self._pongs.pop(0)
        elif self._waiting:
            self.current = self._waiting.popleft()
            self._bytes -= len(self.current.payload)
        else:
            self.current = None
        return self.current

    def withdraw(self, write: Write) -> bool:
        """Remove a write that is no longer wanted. Return False if it was begun: half a frame cannot be taken back."""
        if write not in self._waiting:
            return False
        self._waiting.remove(write)
        self._bytes -= len(write.payload)
        return True

    def clear(self) -> None:
        """Drop all waiting writes, and wake the tasks that wait for them."""
        for write in self._waiting:
            if write.done is not None:
                write.done.set()
        self._waiting.clear()
        self._bytes = 0
        self._pongs.clear()
