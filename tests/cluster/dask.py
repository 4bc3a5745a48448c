"""A real Dask scheduler and real workers, as processes of this machine, with TLS or without, each where its ``Host`` is."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trio
import trustme

WITHIN_S = 120


@dataclass(frozen=True)
class Host:
    """Where programs run: their address, and what comes before their command line to run them there."""

    address: str = "127.0.0.1"
    prefix: tuple[str, ...] = ()


LOOPBACK = Host()


class Program:
    """A running program. What it prints to stderr is read as it comes, and can be waited for."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self.said = ""
        self._more = trio.Event()

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        """End it as a machine ends that loses its power: the kernel ends what it has started."""
        self.process.send_signal(signal.SIGKILL)

    async def read(self) -> None:
        """Read what it prints until it has ended."""
        assert self.process.stderr is not None
        async for chunk in self.process.stderr:
            self.said += chunk.decode(errors="replace")
            more, self._more = self._more, trio.Event()
            more.set()

    async def says(self, pattern: str) -> str:
        """Wait until what it has printed matches; return the first group."""
        with trio.move_on_after(WITHIN_S):
            while not (found := re.search(pattern, self.said)):
                await self._more.wait()
            return found[1]
        raise AssertionError(f"it did not say {pattern!r}: {self.said}")


@dataclass
class Dask:
    """A running cluster. ``env`` is what its clients need in their environment."""

    address: str
    env: Mapping[str, str]
    nursery: trio.Nursery
    folder: Path
    programs: list[Program] = field(default_factory=list)
    workers: list[Program] = field(default_factory=list)
    ports: list[str] = field(default_factory=list)  # of the workers

    async def start(self, host: Host, *arguments: str) -> Program:
        """Start one of Dask's programs, or any other, at ``host``."""
        process = await trio.lowlevel.open_process(
            [*host.prefix, sys.executable, "-m", *arguments], env=self.env, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        program = Program(process)
        self.programs.append(program)
        self.nursery.start_soon(program.read)
        return program

    async def start_worker(self, host: Host = LOOPBACK, port: str = "0") -> Program:
        """Start a worker without a nanny, and wait until its scheduler knows it."""
        worker = await self.start(
            host, "distributed.cli.dask_worker", self.address, "--no-nanny", "--nthreads", "2", "--no-dashboard",
            "--host", host.address, "--worker-port", port, "--local-directory", str(self.folder),
        )  # fmt: skip
        self.workers.append(worker)
        self.ports.append(await worker.says(r"Start worker at:\s+\w+://[\d.]+:(\d+)"))
        await worker.says(r"(Registered to)")
        return worker

    async def end(self) -> None:
        """End all programs, the last one first."""
        for program in reversed(self.programs):
            program.kill()
            await program.process.wait()


@asynccontextmanager
async def dask(workers: Sequence[Host] | int, tls: bool = False, at: Host = LOOPBACK) -> AsyncIterator[Dask]:
    """Start a scheduler and workers without nannies; stop them all at the end."""
    hosts = [LOOPBACK] * workers if isinstance(workers, int) else workers
    with tempfile.TemporaryDirectory() as name:
        folder, protocol = Path(name), "tls" if tls else "tcp"
        env = {**os.environ, **(_tls(folder) if tls else {}), "DASK_DISTRIBUTED__WORKER__DAEMON": "False"}
        async with trio.open_nursery() as nursery:
            cluster = Dask("", env, nursery, folder)
            try:
                scheduler = await cluster.start(
                    at, "distributed.cli.dask_scheduler", "--protocol", protocol, "--host", f"{protocol}://{at.address}",
                    "--port", "0", "--no-dashboard", "--dashboard-address", f"{at.address}:0",
                )  # fmt: skip
                cluster.address = await scheduler.says(rf"Scheduler at:\s+({protocol}://[\d.:]+)")
                for host in hosts:
                    await cluster.start_worker(host)
                yield cluster
            finally:
                with trio.CancelScope(shield=True):
                    await cluster.end()
                nursery.cancel_scope.cancel()


def _tls(folder: Path) -> dict[str, str]:
    """Make an authority and one certificate for all; return what says so to Dask."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(folder / "all.pem"))
    prefix = "DASK_DISTRIBUTED__COMM__"
    parts = {
        f"{prefix}TLS__{part}__{what}": str(folder / "all.pem")
        for part in ("SCHEDULER", "WORKER", "CLIENT")
        for what in ("CERT", "KEY")
    }
    return {f"{prefix}REQUIRE_ENCRYPTION": "True", f"{prefix}TLS__CA_FILE": str(folder / "ca.pem"), **parts}
