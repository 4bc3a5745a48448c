"""``python -m tests.bench``: what the runner costs, on one core, with a server on the other. Needs the extra ``bench``.

First CPU a round trip of the whole runner beside its floors, clients in turn, several rounds; medians, spread and ratios.
Then users that only hold their connection: memory of each, connections opened per second, and as many as a process may hold.
Then the whole command: one process and two, send lag against load, 100,000 connections, memory over minutes. Then several
machines: what coordination costs, how far apart shares start, and how many machines a large load needs. The reports of
long runs: their time, size and first paint. The system calls of a message, by ``strace``. The dashboard: pairs of runs
without and with it. ``--peers``: other tools at the same work, which are installed into the user's cache. ``--table``: each
bar beside its floor.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable

from loadws.terms.transports import NAMES
from tests.bench import dashboard, machines, matching, reports, whole
from tests.bench.clients import client, held_users, loadws, server
from tests.bench.command import CommandFailed
from tests.bench.measured import Measured
from tests.bench.peers.compare import peers
from tests.bench.syscalls import syscalls
from tests.bench.table import print_table

PARTS = [
    "round-trips",
    "matching",
    "idle",
    "held",
    "processes",
    "lag",
    "many",
    "soak",
    "machines",
    "reports",
    "syscalls",
    "dashboard",
]
#: Each transport, ours with both kinds of stamps: the kernel's are what ``loadws run`` takes where it can.
RUNNERS = (NAMES[0], f"{NAMES[0]}+kernel", *NAMES[1:])
#: The rest of a process, without its users, is what so few of them take.
FEW = 100


def main() -> None:
    options = _options()
    needs_server = options.peers or options.table or not set(options.only) <= {"matching", "reports"}
    if needs_server and (missing := [name for name in ("picows", "uvloop") if importlib.util.find_spec(name) is None]):
        sys.exit(
            f"the bench's server needs {' and '.join(missing)}: install the extra 'bench' (pip install -e '.[bench]')"
        )
    if options.table:
        print_table(options.rounds, options.seconds)
        return
    if options.peers:
        peers([count for count in options.connections if count > 1], options.rounds)
        return
    parts: dict[str, Callable[[], None]] = {
        "round-trips": lambda: round_trips(options),
        "matching": matching.bench,
        "idle": lambda: idle(options.idle),
        "held": lambda: held(options.held, options.held_seconds),
        "processes": lambda: whole.processes(
            [count for count in options.connections if count > 1], options.seconds, options.rounds
        ),
        "lag": lambda: whole.lag(options.seconds),
        "many": lambda: whole.many(options.many, options.many_seconds),
        "soak": lambda: whole.soak(options.soak_seconds),
        "machines": lambda: machines.bench(options.seconds),
        "reports": reports.bench,
        "syscalls": syscalls,
        "dashboard": lambda: dashboard.bench(options.pairs, options.seconds),
    }
    try:
        for name in options.only:
            parts[name]()
    except CommandFailed as why:
        sys.exit(str(why))


def round_trips(options: argparse.Namespace) -> None:
    for tls in (False,) if options.plain else (False, True):
        for size in options.sizes:
            for connections in options.connections:
                with server(tls) as (port, ca):
                    rows = rounds(options, port, connections, size, ca)
                show(f"{connections} connections, {size} B, {'TLS' if tls else 'plain'}", rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--connections", type=_numbers, default=[1, 100, 1000], metavar="N,N")
    parser.add_argument("--sizes", type=_numbers, default=[64, 16_384], metavar="BYTES,BYTES")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="of one client in one round")
    parser.add_argument("--plain", action="store_true", help="not over TLS (where there is the runner only)")
    parser.add_argument("--only", nargs="*", default=PARTS, choices=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--idle", type=int, default=5_000, metavar="USERS")
    parser.add_argument("--held", type=int, default=18_000, metavar="USERS")
    parser.add_argument("--held-seconds", type=float, default=40.0)
    parser.add_argument("--many", type=int, default=100_000, metavar="USERS")
    parser.add_argument("--many-seconds", type=float, default=150.0)
    parser.add_argument("--soak-seconds", type=float, default=180.0)
    parser.add_argument("--pairs", type=int, default=10, help="of runs without and with a dashboard, at least two")
    parser.add_argument("--peers", action="store_true", help="other tools at the same closed loop, and nothing else")
    parser.add_argument("--table", action="store_true", help="all bars in one run, and nothing else")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def rounds(
    options: argparse.Namespace, port: int, connections: int, size: int, ca: str | None
) -> dict[str, list[Measured]]:
    """All clients in turn, so that whatever else the machine does meets all of them alike."""
    words = [str(port), str(connections), str(size), str(options.seconds)]
    commands = [loadws(name, "closed", port, connections, size, options.seconds, ca=ca) for name in RUNNERS]
    if ca is None:
        floors = ("raw-epoll", "raw-trio", "bare-trio-websocket")
        commands = [["tests.bench.floors", name, *words] for name in floors] + commands
    rows: dict[str, list[Measured]] = defaultdict(list)
    for _ in range(options.rounds):
        for command in commands:
            measured = client(command)
            rows[measured.name].append(measured)
    return rows


def idle(users: int) -> None:
    """On each transport a few users and many: the difference is what one takes."""
    print(f"\n{users:,} users that only hold their connection")
    print(f"  {'client':24} {'KB a user':>9} {'open/s a core':>14} {'lost':>6}")
    for number, name in enumerate(NAMES):
        few = held_users(name, FEW, 6, f"127.0.1.{number + 1}")
        many = held_users(name, users, 10 + users / 400, f"127.0.2.{number + 1}")
        per_user = (many.rss_bytes - few.rss_bytes) / (users - FEW)
        print(f"  {name:24} {per_user / 1000:9.1f} {1e6 / many.opening_cpu_us:14,.0f} {many.lost:6,}")


def held(users: int, seconds: float) -> None:
    """As many as one process may hold here; they ping the server, and the server pings them."""
    print(f"\n{users:,} connections in one process, for {seconds:g} s")
    found = held_users("native", users, seconds, "127.0.3.1", "--ping-every", "5")
    print(
        f"  open at once {found.most_open:,} after {found.opening_s:.1f} s, lost {found.lost:,}, pongs {found.pongs:,}, "
        f"{found.rss_bytes / 2**20:.0f} MiB, {found.holding_cpu_share:.0%} of a core while held"
    )


def show(title: str, rows: dict[str, list[Measured]]) -> None:
    """Medians over the rounds; the spread is that of the CPU time, in percent of its median."""
    print(
        f"\n{title}\n  {'client':24} {'CPU µs':>8} {'spread':>7} {'per s':>9} {'peak MiB':>9}  ÷ raw trio  ÷ bare t-w"
    )
    cpu = {name: statistics.median(each.cpu_us for each in measured) for name, measured in rows.items()}
    for name, measured in rows.items():
        times = [each.cpu_us for each in measured]
        spread = (max(times) - min(times)) / cpu[name]
        per_s = statistics.median(each.per_s for each in measured)
        peak = max(each.peak_rss_bytes for each in measured) / 2**20
        print(
            f"  {name:24} {cpu[name]:8.1f} {spread:7.0%} {per_s:9,.0f} {peak:9.1f}"
            f"  {_ratio(cpu, name, 'raw trio'):>10}  {_ratio(cpu, name, 'bare trio-websocket'):>10}"
        )


def _ratio(cpu: dict[str, float], name: str, base: str) -> str:
    return f"{cpu[name] / cpu[base]:.2f}" if base in cpu else ""


if __name__ == "__main__":
    main()
