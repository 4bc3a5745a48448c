"""A real Dask scheduler and real workers, as processes of this machine, with TLS or without."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trustme

WITHIN_S = 120


@dataclass
class Dask:
    """A running cluster. ``env`` is what its clients need in their environment."""

    address: str
    env: Mapping[str, str]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def kill(self, worker: int) -> None:
        """Kill a worker: the kernel ends what it has started."""
        self.workers[worker].send_signal(signal.SIGKILL)


@contextmanager
def dask(workers: int, tls: bool = False) -> Iterator[Dask]:
    """Start a scheduler and workers without nannies; stop them all at the end."""
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, **(_tls(Path(folder)) if tls else {}), "DASK_DISTRIBUTED__WORKER__DAEMON": "False"}
        protocol = "tls" if tls else "tcp"
        log = Path(folder) / "scheduler.log"
        scheduler = _started(
            log, env, "dask_scheduler", "--protocol", protocol, "--host", f"{protocol}://127.0.0.1", "--port", "0",
            "--no-dashboard", "--dashboard-address", "127.0.0.1:0",
        )  # fmt: skip
        started = [scheduler]
        try:
            address = _said(scheduler, log, rf"Scheduler at:\s+({protocol}://[\d.:]+)")
            cluster = Dask(address, env)
            logs = [Path(folder) / f"worker-{number}.log" for number in range(workers)]
            for log in logs:
                worker = _started(
                    log, env, "dask_worker", address, "--no-nanny", "--nthreads", "1", "--no-dashboard",
                    "--host", "127.0.0.1", "--local-directory", folder,
                )  # fmt: skip
                started.append(worker)
                cluster.workers.append(worker)
            for worker, log in zip(cluster.workers, logs, strict=True):
                _said(worker, log, r"(Registered to)")
            yield cluster
        finally:
            for process in reversed(started):
                process.kill()
                process.wait()


def _started(log: Path, env: Mapping[str, str], program: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Start one of Dask's programs. It prints into a file, as it would stand still before a pipe that nothing reads."""
    command = (sys.executable, "-m", f"distributed.cli.{program}", *arguments)
    with log.open("wb") as file:
        return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=file)


def _said(process: subprocess.Popen[bytes], log: Path, pattern: str) -> str:
    """Wait until a process has printed what matches; return the first group."""
    until = time.monotonic() + WITHIN_S
    while not (found := re.search(pattern, log.read_text(errors="replace"))):
        assert process.poll() is None and time.monotonic() < until, log.read_text(errors="replace")
        time.sleep(0.05)
    return found[1]


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
