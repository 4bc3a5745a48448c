"""The fuzzing server as a process of its own, on a free loopback port, for as long as it is needed."""

from __future__ import annotations

import json
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import trio

from loadws.transport.background import background

_START_PATIENCE_S = 30
_RETRY_S = 0.05
#: Its own is a second for our answer to its close. It does not read that long where cases beside it have megabytes to check.
_PATIENCE = {"openHandshakeTimeout": 60, "closeHandshakeTimeout": 60}


@dataclass(frozen=True, slots=True)
class Server:
    """``index`` is where ``/updateReports`` writes the verdicts."""

    url: str
    index: Path

    def verdicts(self) -> Any:
        """By agent, then by case: ``behavior`` and ``behaviorClose`` among other things."""
        return json.loads(self.index.read_text("utf-8"))


@asynccontextmanager
async def fuzzing_server(fuzzer: Path, sections: tuple[int, ...]) -> AsyncIterator[Server]:
    """It knows the cases of these sections, numbered from 1 in their order."""
    with tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        server = Server(f"ws://127.0.0.1:{port}", Path(folder) / "reports" / "index.json")
        specification = Path(folder) / "spec.json"
        specification.write_text(json.dumps(_specification(server, sections)), "utf-8")
        command = [str(fuzzer / "v" / "bin" / "python"), str(fuzzer / "fuzzing_server.py"), str(specification)]
        with (Path(folder) / "log").open("wb") as log:
            run = partial(trio.run_process, command, stdout=log, stderr=subprocess.STDOUT, check=False)
            async with background() as nursery:
                process = await nursery.start(run)
                await _listens(process, port, Path(log.name))
                yield server


def _specification(server: Server, sections: tuple[int, ...]) -> dict[str, Any]:
    cases = [f"{section}.*" for section in sections]
    return {"url": server.url, "outdir": str(server.index.parent), "cases": cases, "options": _PATIENCE}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _listens(process: trio.Process, port: int, log: Path) -> None:
    """It says nothing once it listens, so it is asked until it answers."""
    with trio.fail_after(_START_PATIENCE_S):
        while process.returncode is None:
            try:
                await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
            except OSError:
                await trio.sleep(_RETRY_S)
            else:
                return
    raise RuntimeError(f"the fuzzing server ended with {process.returncode}: {log.read_text('utf-8')[-400:]}")
