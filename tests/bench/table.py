"""All bars in one table: each kind of work beside its floor, in turn, as a ratio of medians in one run."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from tests.bench.clients import client, held_users, loadws, server
from tests.bench.command import ROOT, run_tree, serving
from tests.bench.matching import MOST_BY_ID_US, beyond_a_plain_request_us
from tests.bench.measured import Measured

KERNEL = "native+kernel"
PACED_USERS, PACED_RATE, CONNECTING = 100, 4_000.0, 20
MANY, FEW = 5_000, 100
_HOSTS = (f"127.0.6.{number}" for number in count(1))


@dataclass(frozen=True)
class Row:
    """One line: our figure and that of the floor in the same unit, and the greatest ratio that is allowed."""

    work: str
    unit: str
    ours: float
    beside: str
    floor: float
    bar: float

    def __str__(self) -> str:
        ratio = self.ours / self.floor
        met = "met" if ratio <= self.bar else "missed"
        return (
            f"| {self.work} | {self.ours:,.1f} {self.unit} | {self.beside} {self.floor:,.1f} "
            f"| {ratio:.2f} | {self.bar:g} | {met} |"
        )


def print_table(rounds: int, seconds: float) -> None:
    """Print the table, row by row as it is measured."""
    print("| work | loadws | beside | ratio | bar | |\n| --- | --- | --- | --- | --- | --- |")
    for part in (_round_trips, _matching, _paced, _connecting, _idle, _starting):
        for row in part(rounds, seconds):
            print(row, flush=True)


def _round_trips(rounds: int, seconds: float) -> Iterator[Row]:
    for connections, size, trio_bar, epoll_bar in (
        (100, 64, 1.0, 1.8),
        (1_000, 64, 0.9, 1.8),
        (100, 16_384, 1.6, 1.3),
        (10, 1_048_576, 2.0, 2.0),
    ):
        with server(False) as (port, _):
            words = [str(port), str(connections), str(size), str(seconds)]
            ours, trio, epoll = _in_turn(
                rounds,
                loadws(KERNEL, "closed", port, connections, size, seconds),
                ["tests.bench.floors", "raw-trio", *words],
                ["tests.bench.floors", "raw-epoll", *words],
            )
        work = f"CPU per round trip, {connections:,} connections, {size:,} B"
        yield Row(work, "µs", _cpu(ours), "raw trio", _cpu(trio), trio_bar)
        yield Row(work, "µs", _cpu(ours), "raw epoll", _cpu(epoll), epoll_bar)


def _matching(_rounds: int, _seconds: float) -> Iterator[Row]:
    work = "a JSON request matched by its id, beyond a plain one"
    yield Row(work, "µs", beyond_a_plain_request_us(), "µs", 1.0, MOST_BY_ID_US)


def _paced(rounds: int, seconds: float) -> Iterator[Row]:
    with server(False) as (port, _):
        floor = ["127.0.0.1", str(port), str(PACED_USERS), str(PACED_RATE), str(seconds)]
        ours, bare = _in_turn(
            rounds,
            loadws(KERNEL, "paced", port, PACED_USERS, 64, seconds, rate=PACED_RATE),
            ["tests.bench.paced_floor", "paced", *floor],
        )
    work = f"{PACED_USERS} users on a schedule, {PACED_RATE:,.0f} per second"
    yield Row(f"CPU per message, {work}", "µs", _cpu(ours), "bare epoll", _cpu(bare), 1.7)
    yield Row(f"send lag p99, {work}", "µs", _lag(ours), "bare epoll", _lag(bare), 2.0)


def _connecting(rounds: int, seconds: float) -> Iterator[Row]:
    rows: list[list[Measured]] = [[], []]
    for _ in range(rounds):
        host = next(_HOSTS)  # ports of connections that ended stay taken for a minute
        with server(False, "--host", host) as (port, _):
            words = [host, str(port), str(CONNECTING), "0", str(seconds)]
            rows[0].append(client(loadws(KERNEL, "connecting", port, CONNECTING, 64, seconds, host=host)))
            rows[1].append(client(["tests.bench.paced_floor", "connecting", *words]))
    yield Row("CPU per connection: open, upgrade, close", "µs", _cpu(rows[0]), "raw epoll", _cpu(rows[1]), 2.5)


def _idle(_rounds: int, _seconds: float) -> Iterator[Row]:
    few = held_users("native", FEW, 6, "127.0.7.1")
    many = held_users("native", MANY, 10 + MANY / 400, "127.0.7.2")
    per_user = (many.rss_bytes - few.rss_bytes) / (MANY - FEW) / 1_000
    yield Row("memory of an idle connected user", "KB", per_user, "KB", 1.0, 6.0)


def _starting(rounds: int, _seconds: float) -> Iterator[Row]:
    """Measure commands as those of an installed wheel: their bytecode was kept, and they have been run before."""
    python, loads = [sys.executable], [sys.executable, "-m", "loadws"]
    with tempfile.TemporaryDirectory() as kept:
        as_installed = {"PYTHONPYCACHEPREFIX": kept, "XDG_CACHE_HOME": kept, "PYTHONDONTWRITEBYTECODE": ""}
        for command, bar in ((["--help"], 6.0), (["validate", "scenarios/quickstart.yaml"], 20.0)):
            both = [*python, "-c", "pass"], [*loads, *command]
            times = [[_cpu_s(each, as_installed) for each in both] for _ in range(rounds + 1)][1:]
            bare, ours = (statistics.median(column) * 1e3 for column in zip(*times, strict=True))
            yield Row(f"loadws {' '.join(command)}", "ms", ours, "python -c pass", bare, bar)
        around = [_around_a_load(as_installed) for _ in range(rounds + 1)][1:]
    before, after = (statistics.median(column) for column in zip(*around, strict=True))
    yield Row("loadws run: start to first connection", "s", before, "s", 1.0, 0.8)
    yield Row("loadws run: last message to summary.json", "s", after, "s", 1.0, 0.4)


def _around_a_load(more: dict[str, str]) -> tuple[float, float]:
    """Return the seconds from the start of a run to the first connection that the server sees, and from the last message
    that it sees to the summary.
    """
    with tempfile.TemporaryDirectory() as name, serving() as server:
        folder = Path(name)
        scenario = f"target: ws://127.0.0.1:{server.port}\nload: [{{users: 10, for: 1s}}]\nflow: [{{request: hello}}]\n"
        (folder / "short.yaml").write_text(scenario)
        began_s = time.time()
        run_tree([sys.executable, "-m", "loadws", "run", "short.yaml", "-q", "--out", "out"], folder, more=more)
        [path] = folder.glob("out/short/2*/summary.json")
        seen = server.stop()
        return seen.first_s - began_s, path.stat().st_mtime - seen.last_s


def _in_turn(rounds: int, *commands: list[str]) -> list[list[Measured]]:
    """Run all clients in turn, so that whatever else the machine does meets all of them alike."""
    rows = [[client(command) for command in commands] for _ in range(rounds)]
    return [list(column) for column in zip(*rows, strict=True)]


def _cpu(rows: list[Measured]) -> float:
    return statistics.median(row.cpu_us for row in rows)


def _lag(rows: list[Measured]) -> float:
    return statistics.median(row.lag_p99_us for row in rows)


def _cpu_s(command: list[str], more: dict[str, str]) -> float:
    return run_tree(command, ROOT, more=more).cpu_s
