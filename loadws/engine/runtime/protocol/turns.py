"""One call at a time: the others of a connection wait in their order."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from loadws.engine.runtime.parker import Parker


@dataclass(eq=False, slots=True)
class _Waiting:
    parker: Parker
    may: bool = False


class CallTurns:
    """The calls of one connection, of which one may be under way."""

    __slots__ = ("_is_over", "_is_taken", "_waiting")

    def __init__(self) -> None:
        self._is_taken = self._is_over = False
        self._waiting: deque[_Waiting] = deque()

    async def take(self, parker: Parker, deadline_ns: int) -> bool:
        """Wait until no other call is under way; False at the deadline, or where the connection ended."""
        if not self._is_taken:
            self._is_taken = True
            return True
        waiting = _Waiting(parker)
        self._waiting.append(waiting)
        try:
            while not waiting.may and not self._is_over:
                if not await parker.wait(deadline_ns):
                    break
        except BaseException:
            if waiting.may:
                self.give()
            raise
        finally:
            if not waiting.may:
                self._waiting.remove(waiting)
        return waiting.may

    def give(self) -> None:
        """End the current call, and let the next one begin."""
        if self._waiting:
            waiting = self._waiting.popleft()
            waiting.may = True
            waiting.parker.wake()
        else:
            self._is_taken = False

    def end(self) -> None:
        """Let none wait any more: the connection has ended."""
        self._is_over = True
        for waiting in self._waiting:
            waiting.parker.wake()
