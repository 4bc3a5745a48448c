"""Clients and the server of the bench, each in a process on a core of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import trustme

from tests.bench.command import CLIENT_CORE, SERVER_CORE, pin, port_of
from tests.bench.held import Held
from tests.bench.measured import Measured

LOCALHOST = "127.0.0.1"


@contextmanager
def server(tls: bool, *options: str) -> Iterator[tuple[int, str | None]]:
    """The echo server on a core of its own; yields its port, and what a client has to trust."""
    with tempfile.TemporaryDirectory() as folder:
        words = _certificate(Path(folder)) if tls else []
        if words:
            options += ("--tls", *words[:2])
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.server", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None and process.stdout is not None
        pin(process.pid, {SERVER_CORE})
        try:
            yield port_of(process), words[2] if tls else None
        finally:
            process.stdin.close()
            for line in process.stdout:
                print(f"  the server pinged and was answered: {line.strip()}")
            process.wait(10)
            process.stdout.close()


def _certificate(folder: Path) -> list[str]:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    chain, key, ca = folder / "chain.pem", folder / "key.pem", folder / "ca.pem"
    chain.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(key))
    authority.cert_pem.write_to_path(str(ca))
    return [str(chain), str(key), str(ca)]


def loadws(
    transport: str,
    work: str,
    port: int,
    connections: int,
    size: int,
    seconds: float,
    *,
    ca: str | None = None,
    rate: float | None = None,
    host: str = LOCALHOST,
) -> list[str]:
    """Return the command of the whole runner at some work (``runner.py``)."""
    options = [*(("--ca", ca) if ca else ()), *(("--rate", str(rate)) if rate else ())]
    return ["tests.bench.runner", transport, work, host, *map(str, (port, connections, size, seconds)), *options]


def client(command: list[str]) -> Measured:
    """Run a client of the bench on its core, and return what it measured."""
    return msgspec.json.decode(_run(command), type=Measured)


def held_users(name: str, users: int, seconds: float, host: str, *server_options: str) -> Held:
    """Hold connections to a server at an address of its own: ports of connections that ended stay taken for a minute."""
    with server(False, "--host", host, *server_options) as (port, _):
        return msgspec.json.decode(
            _run(["tests.bench.held", name, host, str(port), str(users), str(seconds)]), type=Held
        )


def _run(command: list[str]) -> bytes:
    process = subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.PIPE)
    pin(process.pid, {CLIENT_CORE})
    printed, _ = process.communicate(timeout=300)
    return printed
