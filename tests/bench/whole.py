"""The whole command: several processes, lag against load, tens of thousands of connections, and memory over minutes."""

from __future__ import annotations

import math
import os
import resource
import socket
import statistics
from contextlib import ExitStack

from loadws.metrics.summary import MetricEntry, Summary
from tests.bench.command import loadws, serving

_CLOSED = """
target: ws://127.0.0.1:{port}
graceful_stop: 20s
load:
  - {{users: {users}, for: {warmup}s, warmup: true}}
  - {{name: steady, users: {users}, for: {seconds}s}}
flow: [{{request: {text}}}]
"""
_PACED = """
target: ws://127.0.0.1:{port}
graceful_stop: 20s
load:
  - {{users: {users}, for: 2s, warmup: true}}
  - {{name: steady, users: {users}, for: {seconds}s}}
flow: [{{every: {every_us}us, do: [{{request: {text}}}]}}]
thresholds: [response_time.p99 < 10s]
"""
_HELD = """
target: ws://held.test:{port}
graceful_stop: 60s
connection:
  ping: {{every: 10s, timeout: 30s}}
  open_timeout: 60s
  resolve: {{held.test: [{addresses}]}}
  source_addresses: [127.0.0.11, 127.0.0.12, 127.0.0.13]
load: [{{users: {users}, for: {seconds}s}}]
flow: [{{think: 1h}}]
"""
_TEXT = "x" * 64
#: How many files a process may have open beside its connections.
_OTHER_FILES = 1_000
ALL_CORES = set(range(os.cpu_count() or 1))
PACED_USERS = 100
SHARES = (0.1, 0.25, 0.5, 0.75, 0.9)
_BARS = " ▁▂▃▄▅▆▇█"


def processes(connections: list[int], seconds: float, rounds: int) -> None:
    """Show what a second process costs and brings, including the parent; the server shares the same cores."""
    print("\nwhole command, closed loop, 64 B; server and generator share all cores")
    print(f"  {'connections':>11} {'processes':>9} {'CPU µs':>8} {'per s':>9}")
    for users in connections:
        rows: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
        for _ in range(rounds):
            for count, measured in rows.items():
                measured.append(_closed_loop(users, count, seconds))
        for count, measured in rows.items():
            cpu_us, per_s = (statistics.median(each) for each in zip(*measured, strict=True))
            print(f"  {users:11,} {count:9} {cpu_us:8.1f} {per_s:9,.0f}")


def _closed_loop(users: int, count: int, seconds: float) -> tuple[float, float]:
    """Return CPU µs for each round trip and round trips per second, by a short run and a long one, so that starting and
    reporting do not count.
    """
    cpu_s, answered, per_s = [], [], 0.0
    for length in (1.0, 1.0 + seconds):
        with serving(cores=ALL_CORES) as server:
            text = _CLOSED.format(port=server.port, users=users, warmup=2, seconds=length, text=_TEXT)
            used, summary, _ = loadws(text, "--processes", str(count), cores=ALL_CORES)
        cpu_s.append(used.cpu_s)
        answered.append(summary.ledger.messages.answered)
        per_s = _per_s(summary)
    return (cpu_s[1] - cpu_s[0]) / (answered[1] - answered[0]) * 1e6, per_s


def lag(seconds: float) -> None:
    """Show how late messages leave, at shares of what one core can do in a closed loop."""
    with serving() as server:
        text = _CLOSED.format(port=server.port, users=PACED_USERS, warmup=2, seconds=seconds, text=_TEXT)
        _, summary, _ = loadws(text, "--processes", "1")
        capacity = _per_s(summary)
        print(
            f"\nsend lag against load: one core makes {capacity:,.0f} round trips a second on {PACED_USERS} connections"
        )
        print(f"  {'load':>5} {'per s':>9} {'lag p50':>10} {'p99':>10} {'p99.9':>10} {'CPU p95':>8}  verdict")
        for share in SHARES:
            every_us = round(PACED_USERS / (share * capacity) * 1e6)
            text = _PACED.format(port=server.port, users=PACED_USERS, seconds=seconds, every_us=every_us, text=_TEXT)
            _, summary, _ = loadws(text, "--processes", "1")
            found = _entry(summary, "send_lag")
            times = "".join(f" {_us(value):>10}" for value in (found.p50, found.p99, found.p999))
            busy = summary.generator.processes[0].cpu_share_p95
            print(f"  {share:5.0%} {_per_s(summary):9,.0f}{times} {busy:8.0%}  {summary.verdict.outcome}")


def many(users: int, seconds: float) -> None:
    """Hold many connections from one command, from several source addresses to several servers.

    There are as many processes on both sides as their limits of open files need.
    """
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - _OTHER_FILES
    processes, servers = max(3, math.ceil(users / room)), max(4, math.ceil(users / room))
    addresses = [f"127.0.4.{number + 1}" for number in range(servers)]
    port = _free_port()
    with ExitStack() as stack:
        started = [
            stack.enter_context(serving("--host", address, "--port", str(port), cores=ALL_CORES))
            for address in addresses
        ]
        text = _HELD.format(port=port, addresses=", ".join(addresses), users=users, seconds=seconds)
        used, summary, windows = loadws(text, "--processes", str(processes), cores=ALL_CORES)
        seen = [server.stop() for server in started]
    held = summary.ledger.connections
    pongs = _entry(summary, "ping_time").count
    memory = sum(process.rss_max_bytes for process in summary.generator.processes)
    open_at = _all_open_after(windows, users)
    print(f"\n{users:,} connections from one command, for {seconds:g} s: {summary.verdict.outcome}")
    print(
        f"  opened {held.opened:,} ({open_at}), failed {held.failed:,}, lost {held.lost:,}, "
        f"closed by us {held.closed_by_us:,}\n"
        f"  the servers had {sum(each.asked for each in seen):,} of our pings\n"
        f"  pings answered {pongs:,} (ping time p99 {_us(_entry(summary, 'ping_time').p99)}), "
        f"{memory / 2**20:,.0f} MiB = {memory / users / 1000:.1f} KB a user, {used.cpu_s:.0f} s of CPU\n"
        f"  {processes} processes and {servers} servers on the same {len(ALL_CORES)} cores"
    )


def soak(seconds: float) -> None:
    """Run at full rate for some minutes: resident memory over time should be a flat line."""
    with serving() as server:
        text = _CLOSED.format(port=server.port, users=100, warmup=10, seconds=seconds, text=_TEXT)
        _, summary, windows = loadws(text, "--processes", "1")
    sizes = [window["health"]["rss_bytes"] / 2**20 for window in windows if window["health"]["rss_bytes"]]  # type: ignore[index]
    steady = sizes[len(sizes) // 10 :]
    quarter = max(1, len(steady) // 4)
    first, last = statistics.mean(steady[:quarter]), statistics.mean(steady[-quarter:])
    slope = statistics.linear_regression(range(len(steady)), steady).slope * 60
    answered = summary.ledger.messages.answered
    print(f"\n{seconds:g} s at full rate, {_per_s(summary):,.0f} round trips a second, {answered:,} in all")
    print(f"  {_line(sizes)}  {min(sizes):.1f} to {max(sizes):.1f} MiB")
    print(f"  mean of the first quarter {first:.2f} MiB, of the last {last:.2f} MiB, slope {slope:+.3f} MiB a minute")


def _line(values: list[float], width: int = 60) -> str:
    """Return a line of the values, from zero up, so that a flat line looks like one."""
    step = max(1, len(values) // width)
    means = [statistics.mean(values[at : at + step]) for at in range(0, len(values), step)]
    return "".join(_BARS[round(value / max(means) * (len(_BARS) - 1))] for value in means)


def _all_open_after(windows: list[dict[str, object]], users: int) -> str:
    """Return when the newest counts of all processes show that all are open."""
    opened: dict[int, int] = {}
    for window in windows:
        opened[window["process"]] = window["ledger"]["connections"]["opened"]  # type: ignore[index]
        if sum(opened.values()) >= users:
            return f"all after {window['start_s'] + window['duration_s']:.0f} s"  # type: ignore[operator]
    return "never all at once"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.4.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _per_s(summary: Summary) -> float:
    return _entry(summary, "messages_received").per_s or 0.0


def _entry(summary: Summary, name: str) -> MetricEntry:
    """Return the entry over all steps; an empty one where nothing was measured."""
    entries = summary.entries(name)
    whole = [entry for entry in entries if not entry.labels]
    return next(iter(whole or entries), MetricEntry(name, {}, "histogram", "ns", 0))


def _us(value_ns: float | None) -> str:
    return "—" if value_ns is None else f"{value_ns / 1000:,.0f} µs"
