"""``loadws run --cluster`` as a process, whose end and words are waited for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import trio

from loadws.metrics.runinfo import MachineInfo
from loadws.metrics.summary import Summary, from_json
from loadws.report.folder import read_info
from tests.cluster.dask import LOOPBACK, Dask, Program, dask
from tests.cluster.target import CountingEcho, counting_echo

T = TypeVar("T")
#: Of a whole test: a busy machine needs half a minute to start five interpreters.
WITHIN_S = 240
SCENARIO = """\
name: spread
target: builtin:echo
data: {people: {file: people.csv, order: unique}}
load: [{users: 6, for: DURATION}]
graceful_stop: 3s
flow:
  - request: {name: ask, send: "{{ people.name }}"}
  - think: 20ms
thresholds: ['response_time.p50 < 10h', 'error_rate < 1%']
"""


def scenario(folder: Path, duration: str) -> Path:
    path = folder / "spread.yaml"
    path.write_text(SCENARIO.replace("DURATION", duration), "utf-8")
    (folder / "people.csv").write_text("name\n" + "".join(f"person-{number}\n" for number in range(9)), "utf-8")
    return path


@asynccontextmanager
async def running(
    cluster: Dask, target: CountingEcho, folder: Path, duration: str, *more: str
) -> AsyncIterator[Program]:
    """Start a run; at the end it is over, by itself or not."""
    process = await cluster.start(
        LOOPBACK, "loadws", "run", str(scenario(folder, duration)), "--target", target.url, "--cluster",
        cluster.address, "--out", str(folder), "--quiet", *more,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()


@dataclass(frozen=True)
class Scene:
    """A run that has been started, and all that it is made with."""

    target: CountingEcho
    cluster: Dask
    command: Program


@asynccontextmanager
async def started(folder: Path, duration: str, *more: str, tls: bool = False) -> AsyncIterator[Scene]:
    """Start a run on two workers of a cluster of its own."""
    async with (
        counting_echo() as target,
        dask(2, tls) as cluster,
        running(cluster, target, folder, duration, *more) as run,
    ):
        yield Scene(target, cluster, run)


def summary_of(folder: Path) -> Summary:
    return from_json((folder / "spread/latest/summary.json").read_bytes())


def machines_of(folder: Path) -> tuple[MachineInfo, ...]:
    return read_info(folder / "spread/latest").machines


def bounded(main: Callable[[], Awaitable[T]], within_s: float = WITHIN_S) -> T:
    """Run a test's coroutine function with a deadline."""

    async def run() -> T:
        with trio.fail_after(within_s):
            return await main()

    return trio.run(run)
