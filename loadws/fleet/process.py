"""One process of a run, as its parent sees it: started, spoken to, listened to, and gone at the end whatever happened."""

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
#: After its last word, a process has this long to go by itself.
LEAVE_WITHIN_S = 5.0
_LONGEST_SAID = 300


class ProcessError(LoadwsError):
    """A process that could not be started: a limit of the machine, and no defect of loadws."""

    def __init__(self, number: int, error: OSError) -> None:
        super().__init__(
            f"process {number} could not be started: {error.strerror or error}",
            "use fewer processes (--processes), or raise the limit of open files, processes or memory (ulimit -a)",
        )


class Process:
    """``ending`` is how it ended by itself, ``lost`` why it did not: it has one of the two when it is over."""

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

    async def tell(self, message: Down) -> None:
        """Send to the process. One that has ended gets nothing; its end shows in its silence."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await self._sender.send(message)

    async def hear(self) -> Up | None:
        """Its next message; None where there will be no more."""
        message = await self._receiver.receive()
        self.quiet = 0
        return message

    def lose(self, why: str) -> None:
        """Give a process up: it ends now, and only what it has sent until now counts. ``why`` goes on after its
        number.
        """
        if not self.is_over:
            self.lost = why
            self._process.kill()

    async def note_death(self, hide: Callable[[str], str] = str) -> None:
        """Note that the process will say no more, and that its last message was no last word.

        ``hide`` masks secrets in what it left on stderr.
        """
        code = await self._process.wait()
        if not self.is_over:
            self.lost = _said(_how(code), self._stderr, hide)

    async def leave(self) -> None:
        """When this returns it is gone, by itself or not."""
        if self.ending is None:
            self._process.kill()
        with trio.move_on_after(LEAVE_WITHIN_S):
            await self._process.wait()
        self._process.kill()
        await self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                await stream.aclose()


@asynccontextmanager
async def open_process(number: int) -> AsyncIterator[Process]:
    """Open a process that waits for its order. In a session of its own: the terminal's Ctrl-C reaches the parent alone.

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
    """With the last line that it left on stderr, if any: of a traceback, the error."""
    stderr.seek(0)
    lines = stderr.read().decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f"{how} ({hide(last)[:_LONGEST_SAID]})" if last else how
