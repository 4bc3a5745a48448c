"""Whole commands in the bench: what a command and all its children used, and the server that they talk to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from loadws.metrics.summary import Summary, from_json

CLIENT_CORE, SERVER_CORE = 0, 1
ROOT = Path(__file__).parents[2]
RUN_WITHIN_S, START_WITHIN_S = 3600, 30


@dataclass(frozen=True)
class Used:
    cpu_s: float
    wall_s: float
    peak_bytes: int  # of its largest process


class Counted(msgspec.Struct, frozen=True):
    """What a server saw: messages, the pings that it sent and their pongs, and the pings that it was asked to answer.

    ``first_s`` and ``last_s`` are the Unix times of the first connection and of the last message; 0 where there was none.
    """

    messages: int
    pings: int
    pongs: int
    asked: int
    first_s: float = 0.0
    last_s: float = 0.0


class CommandFailed(Exception):
    """A command that failed, with the last lines that it printed."""


def run_tree(
    command: list[str],
    folder: Path,
    *,
    cores: set[int] | None = None,
    allowed: Sequence[int] = (0,),
    more: Mapping[str, str] | None = None,
) -> Used:
    """Run a command to its end, on the client's core unless others are named, in a process group that ends with it.

    ``more`` is added to its environment.
    """
    with tempfile.TemporaryFile() as said:
        began_s = time.monotonic()
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **(more or {})}
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
            env=environment,
        )
        pin(process.pid, {CLIENT_CORE} if cores is None else cores)
        overdue = threading.Timer(RUN_WITHIN_S, os.killpg, (process.pid, signal.SIGKILL))
        overdue.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # in a session of its own, it would not hear of our Ctrl-C
            raise
        finally:
            overdue.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in allowed:
            said.seek(0)
            raise CommandFailed(
                f"{command[0]} ended with {process.returncode}: {said.read()[-2000:].decode(errors='replace')}"
            )
        return Used(usage.ru_utime + usage.ru_stime, time.monotonic() - began_s, usage.ru_maxrss * 1024)


def loadws(
    scenario: str, *options: str, cores: set[int] | None = None
) -> tuple[Used, Summary, list[dict[str, object]]]:
    """Run ``loadws run``; return what it used, its summary, and its windows. Any verdict is accepted."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bench.yaml").write_text(scenario)
        command = [sys.executable, "-m", "loadws", "run", "bench.yaml", "-q", "--out", "out", *options]
        used = run_tree(command, folder, cores=cores, allowed=(0, 1, 3, 4))
        [run] = (path.parent for path in (folder / "out").glob("bench/2*/summary.json"))
        windows = [msgspec.json.decode(line) for line in (run / "windows.ndjson").read_bytes().splitlines()]
        return used, from_json((run / "summary.json").read_bytes()), [each for each in windows if "health" in each]


class Server:
    """One echo server. ``stop`` returns what it counted."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.port = port_of(process)

    def stop(self) -> Counted:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        counted = msgspec.json.decode(self._process.stdout.read().strip().splitlines()[-1], type=Counted)
        self._process.wait(20)
        return counted


@contextmanager
def serving(*options: str, cores: set[int] | None = None) -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.server", "--count", *options],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        pin(process.pid, {SERVER_CORE} if cores is None else cores)
        yield Server(process)
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def port_of(server: subprocess.Popen[str]) -> int:
    """Return the port that an echo server prints, within a time limit."""
    assert server.stdout is not None
    overdue = threading.Timer(START_WITHIN_S, server.kill)
    overdue.start()
    try:
        said = server.stdout.readline()
    finally:
        overdue.cancel()
    if not said.strip():
        raise CommandFailed(f"the echo server did not start (it ended with {server.wait()})")
    return int(said)


def pin(process: int, cores: set[int]) -> None:
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(process, cores)
