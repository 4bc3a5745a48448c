"""One process of a run, as its parent sees it: started, spoken to, and certainly ended when the parent leaves it."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import BinaryIO

import trio

from loadws.fleet.protocol import Down, Receiver, Sender, Up
from loadws.metrics.runinfo import Ending
from loadws.terms.errors import LoadwsError

COMMAND = (sys.executable, "-m", "loadws.fleet.worker")
#: How long a process may need to end by itself after its last message.
LEAVE_WITHIN_S = 5.0
_LONGEST_SAID = 300


class ProcessError(LoadwsError):
    """A process that could not be started because of a limit of the machine, which is not a defect of loadws."""

    def __init__(self, number: int, error: OSError) -> None:
        super().__init__(
            f"process {number} could not be started: {error.strerror or error}",
            "use fewer processes (--processes), or raise the limit of open files, processes or memory (ulimit -a)",
        )


class Process:
    """One process, for one load after another. ``ending`` is how the load ended in it, ``lost`` why it did not: it has
    one of the two when the load is over.
    """

    def __init__(self, number: int, process: trio.Process, stderr: BinaryIO) -> None:
        assert process.stdin is not None and process.stdout is not None
        self.number = number
        self.is_ready = False
        self.quiet = 0  # at how many looks in a row nothing had been heard of it
        self.ending: Ending | None = None
        self.lost: str | None = None
        self._process = process
        self._stderr = stderr
        self._sender = Sender(process.stdin)
        self._receiver: Receiver[Up] = Receiver(process.stdout, Up)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_over(self) -> bool:
        return self.ending is not None or self.lost is not None

    def renew(self) -> None:
        """Begin anew with a process whose load has ended, so that it can get its next order."""
        assert self.ending is not None and self.lost is None
        self.is_ready, self.quiet, self.ending = False, 0, None

    async def tell(self, message: Down) -> None:
        """Send to the process. A process that has ended gets nothing, which shows as silence."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await self._sender.send(message)

    async def hear(self) -> Up | None:
        """Return its next message; None where there will be no more."""
        message = await self._receiver.receive()
        self.quiet = 0
        return message

    def lose(self, why: str) -> None:
        """Give a process up: end it now, and keep what it has sent until now. ``why`` is the end of a sentence that
        begins with its number.
        """
        if not self.is_over:
            self.lost = why
            self._process.kill()

    async def note_death(self, hide: Callable[[str], str] = str) -> None:
        """Note that the process has ended without its last message.

        ``hide`` masks secrets in what it printed on stderr.
        """
        code = await self._process.wait()
        if not self.is_over:
            self.lost = _said(_how(code), self._stderr, hide)

    async def leave(self) -> None:
        """Let the process end, by closing its stdin, and end it after a while. It has ended when this returns."""
        assert self._process.stdin is not None
        await self._process.stdin.aclose()
        if self.ending is None:
            self._process.kill()
        with trio.move_on_after(LEAVE_WITHIN_S):
            await self._process.wait()
        self._process.kill()
        await self._process.wait()
        assert self._process.stdout is not None
        await self._process.stdout.aclose()


@asynccontextmanager
async def open_process(number: int) -> AsyncIterator[Process]:
    """Open a process that waits for its order. It has a session of its own, so that only the parent receives the
    terminal's Ctrl-C.

    Raises ``ProcessError`` where the machine has no room for one more.
    """
    with tempfile.TemporaryFile() as stderr:
        process = Process(number, await _started(number, stderr), stderr)
        try:
            yield process
        finally:
            with trio.CancelScope(shield=True):
                await process.leave()


async def _started(number: int, stderr: BinaryIO) -> trio.Process:
    try:
        return await trio.lowlevel.open_process(
            COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, start_new_session=True
        )
    except OSError as error:
        raise ProcessError(number, error) from error


def _how(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def _said(how: str, stderr: BinaryIO, hide: Callable[[str], str]) -> str:
    """Return how a process ended, with the last line that it printed on stderr, if any: of a traceback, the error."""
    stderr.seek(0)
    lines = stderr.read().decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f"{how} ({hide(last)[:_LONGEST_SAID]})" if last else how
