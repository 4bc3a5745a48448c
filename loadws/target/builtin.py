"""``target: builtin:echo``: a target for one run, in a process of its own, on a free loopback port.

It has a process of its own so that generator and server do not share an interpreter, and a session of its own so that
the terminal's Ctrl-C reaches only the run, which then ends it. It does not outlive the run: the pipe that is its stdin
closes with the run even when that is killed, and it stops then.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import BinaryIO
from urllib.parse import parse_qsl

import msgspec
import trio

from loadws.target.cores import apart
from loadws.target.counts import Announcement
from loadws.target.options import MODES
from loadws.terms.errors import TargetError

#: The options of ``loadws target`` that ``builtin:`` accepts.
FAULTS = (
    "close-after",
    "close-all",
    "delay",
    "drop",
    "duplicate",
    "jitter",
    "login",
    "reject",
    "reorder",
    "stall",
    "tick",
)
START_WITHIN_S = 20.0
STOP_WITHIN_S = 5.0
_LONGEST_ANNOUNCEMENT = 64 * 1024


@asynccontextmanager
async def open_builtin(name: str, processes: int = 1) -> AsyncIterator[str]:
    """Start a target that runs as long as the block, and yield its URL.

    ``name`` is its mode, with options of ``loadws target`` behind a question mark: ``echo?close-all=3s&delay=20ms``. It
    has a core of its own where the ``processes`` of the run leave one.

    Raises:
        TargetError: It does not start.
    """
    mode, _, query = name.partition("?")
    if mode not in MODES:
        raise TargetError(
            f"there is no target builtin:{mode}", "one of " + ", ".join(f"builtin:{one}" for one in MODES)
        )
    command = (sys.executable, "-m", "loadws", "target", "--listen", "127.0.0.1:0", "--mode", mode,
               "--announce", "json", "--until-stdin-closes", *_options(query))  # fmt: skip
    async with _open_announced(command, processes) as announcement:
        yield announcement.url


def _options(query: str) -> Iterator[str]:
    """Yield the options of a query as words of the command line. Only the faults of `loadws target` are accepted: where
    and for how long a built-in target listens cannot be chosen.

    Raises:
        TargetError: An option is not a fault.
    """
    for option, value in parse_qsl(query):
        if option not in FAULTS:
            raise TargetError(f"a built-in target has no option {option!r}", f"options are: {', '.join(FAULTS)}")
        yield f"--{option}={value}"


@asynccontextmanager
async def _open_announced(command: tuple[str, ...], processes: int = 1) -> AsyncIterator[Announcement]:
    with tempfile.TemporaryFile() as stderr:
        process = await trio.lowlevel.open_process(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, start_new_session=True
        )
        try:
            with apart(process.pid, processes):
                yield await _read_announcement(process, stderr)
        finally:
            with trio.CancelScope(shield=True):
                await _stop(process)


async def _read_announcement(process: trio.Process, stderr: BinaryIO) -> Announcement:
    line = b""
    with trio.move_on_after(START_WITHIN_S):
        line = await _first_line(process)
    try:
        return msgspec.json.decode(line, type=Announcement)
    except msgspec.DecodeError:
        stderr.seek(0)
        said = stderr.read(4096).decode(errors="replace").strip()
        raise TargetError(f"the built-in target did not start: {said or 'it said nothing'}") from None


async def _first_line(process: trio.Process) -> bytes:
    """Return the output before the first line end; all of it, where the process ends without one."""
    assert process.stdout is not None
    line = b""
    while b"\n" not in line and len(line) < _LONGEST_ANNOUNCEMENT:
        chunk = await process.stdout.receive_some()
        if not chunk:
            break
        line += chunk
    return line.partition(b"\n")[0]


async def _stop(process: trio.Process) -> None:
    assert process.stdin is not None and process.stdout is not None
    await process.stdin.aclose()
    for ask in (process.terminate, process.kill):
        with trio.move_on_after(STOP_WITHIN_S):
            ask()
            await process.wait()
            break
    await process.stdout.aclose()
