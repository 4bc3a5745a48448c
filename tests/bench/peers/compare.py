"""``python -m tests.bench --peers``: processor time of a round trip of each tool, beside loadws, in turn on one core.

Each tool does the work twice, short and long, in each round, and the difference counts, so that starting costs nothing.
The server counts the round trips, for all alike.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from tests.bench.command import CommandFailed, Used, run_tree, serving
from tests.bench.peers.tools import TOOLS, NotInstalled, Tool, Work, installed

OURS = "loadws"
SHORT_S, LONG_S = 2, 8
_SCENARIO = """
target: ws://127.0.0.1:{port}
load: [{{users: {connections}, for: {seconds}s}}]
flow: [{{request: {text}}}]
"""
Command = Callable[[Path, Work], list[str]]


def peers(connections: list[int], rounds: int) -> None:
    commands: dict[str, Command] = {OURS: _ours}
    for tool in TOOLS:
        try:
            commands[tool.name] = _command_of(tool, installed(tool))
        except NotInstalled as why:
            print(f"  {tool.name} is left out: {why}")
    for count in connections:
        rows = _measure(commands, count, rounds)
        if rows[OURS]:
            _show(count, rows)
    print()
    for tool in TOOLS:
        if tool.name in commands:
            print(f"  {tool.name} cannot: {tool.cannot}")


def _command_of(tool: Tool, folder: Path) -> Command:
    return lambda work_folder, work: tool.command(folder, work_folder, work)


def _ours(folder: Path, work: Work) -> list[str]:
    file = folder / "peer.yaml"
    file.write_text(_SCENARIO.format(**vars(work), text="x" * 64))
    return [
        sys.executable,
        "-m",
        "loadws",
        "run",
        str(file),
        "-q",
        "--processes",
        "1",
        "--out",
        str(folder / "reports"),
    ]


def _measure(commands: dict[str, Command], connections: int, rounds: int) -> dict[str, list[tuple[float, float, int]]]:
    """Return for each (CPU µs per round trip, round trips per second, peak memory in bytes) of each round."""
    rows: dict[str, list[tuple[float, float, int]]] = defaultdict(list)
    for _ in range(rounds):
        for name, command in commands.items():
            try:
                short, long = (_work(command, connections, seconds) for seconds in (SHORT_S, LONG_S))
            except CommandFailed as why:
                print(f"  {name} is left out: {why}")
                continue
            trips = long[1] - short[1]
            if trips <= 0:
                print(f"  {name} made no more round trips in {LONG_S} s than in {SHORT_S}")
                continue
            cpu_s, wall_s = long[0].cpu_s - short[0].cpu_s, long[0].wall_s - short[0].wall_s
            # A tool that counts messages, and then waits for a while, does not tell how many it makes per second.
            per_s = trips / wall_s if wall_s > (LONG_S - SHORT_S) / 2 else 0.0
            rows[name].append((cpu_s / trips * 1e6, per_s, long[0].peak_bytes))
    return rows


def _work(command: Command, connections: int, seconds: int) -> tuple[Used, int]:
    with tempfile.TemporaryDirectory() as folder, serving() as server:
        work = Work(server.port, connections, seconds, messages=300 * seconds)
        used = run_tree(command(Path(folder), work), Path(folder))
        return used, server.stop().messages


def _show(connections: int, rows: dict[str, list[tuple[float, float, int]]]) -> None:
    print(
        f"\n{connections:,} connections, 64 B, closed loop\n  {'tool':16} {'CPU µs':>8} {'per s':>9} {'MiB':>7}  ÷ {OURS}"
    )
    ours = statistics.median(cpu_us for cpu_us, _, _ in rows[OURS])
    for name, measured in rows.items():
        if not measured:
            continue
        cpu_us, per_s = (statistics.median(row[index] for row in measured) for index in (0, 1))
        peak = max(row[2] for row in measured) / 2**20
        print(f"  {name:16} {cpu_us:8.1f} {f'{per_s:,.0f}' if per_s else '—':>9} {peak:7.0f}  {cpu_us / ours:.2f}")
