"""Processes that make one load after another: those of a comparison or a search, whose loads differ by nothing else.

Two sets of processes differ as two runs do: where their memory lies, and on which cores they began. One set for all
slices takes that out of a comparison. A process that was lost in a load is replaced before the next.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from loadws.fleet.process import Process, open_process


class Crew:
    """A set of processes that stay between loads. Use as ``async with open_crew() as crew``."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._processes: dict[int, Process] = {}

    async def gather(self, numbers: list[int]) -> list[Process]:
        """Return a process for each number, ready for its next order; those that are missing are started.

        Raises ``ProcessError`` where the machine has no room for one more.
        """
        for number in numbers:
            known = self._processes.get(number)
            if known is None or known.lost is not None:
                self._processes[number] = await self._stack.enter_async_context(open_process(number))
            else:
                known.renew()
        return [self._processes[number] for number in numbers]


@asynccontextmanager
async def open_crew() -> AsyncIterator[Crew]:
    """Open a set without a process. At the end all have ended."""
    async with AsyncExitStack() as stack:
        yield Crew(stack)
