"""``--only dashboard``: what a run with ``--dashboard``, and a browser that looks at it, costs the load.

Pairs of runs, one with and one without, in turns and each first in every other pair. Two figures of each: the p99 of the
send lag, and the processor time of the process that makes the load, as a share of the judged time. The difference within a
pair is what the dashboard did; how far these differences lie apart is what the machine did.

The dashboard's process is put on the core of the server, as the system would put it. The bench pins all that a run starts
to the core of the load, where the two would show what sharing a core costs.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from loadws.metrics.summary import from_json
from loadws.report.folder import read_frames
from tests.bench.clients import server
from tests.bench.command import CLIENT_CORE, SERVER_CORE, CommandFailed, pin

CONNECTIONS, RATE_PER_S, WARMUP_S = 100, 1_000, 1
MOST_CPU_MORE = 0.03
_WITHIN_S = 60
_SCENARIO = """
target: ws://127.0.0.1:{port}
load:
  - {{name: connect, users: {connections}, for: {warmup_s}s, warmup: true}}
  - {{name: steady, users: {connections}, for: {seconds}s}}
flow: [{{every: {every_us}us, do: [{{request: hello}}]}}]
thresholds: ['response_time.p99 < 10h']
"""


@dataclass(frozen=True)
class Run:
    """One run; ``states`` are what the browser received of it."""

    send_lag_ms: float
    cpu_share: float
    states: int = 0


@dataclass(frozen=True)
class Outcome:
    """The medians of the pairs: of the send lag without a dashboard and of its differences (in ms), how far the middle half
    of these lies apart, and by which share of it the processor time is higher.
    """

    without_ms: float
    more_ms: float
    spread_ms: float
    more_cpu: float

    @property
    def holds(self) -> bool:
        return abs(self.more_ms) <= self.spread_ms and self.more_cpu <= MOST_CPU_MORE


def bench(pairs: int, seconds: float) -> None:
    """Print each pair, and the outcome of all."""
    print(f"\nthe dashboard: {pairs} pairs of runs, {RATE_PER_S:,} messages per second on {CONNECTIONS} connections")
    print(f"  {'send lag p99':>14} {'with':>9} {'CPU':>8} {'with':>8} {'states':>7}")
    made = []
    with server(False) as (port, _), tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        every_us = round(CONNECTIONS / RATE_PER_S * 1e6)
        (path / "bench.yaml").write_text(
            _SCENARIO.format(
                port=port, connections=CONNECTIONS, warmup_s=WARMUP_S, seconds=round(seconds), every_us=every_us
            )
        )
        for number in range(pairs):
            order = (False, True) if number % 2 else (True, False)
            runs = {has_dashboard: _run(path, has_dashboard) for has_dashboard in order}
            without, with_it = made_pair = runs[False], runs[True]
            made.append(made_pair)
            print(
                f"  {without.send_lag_ms:11.3f} ms {with_it.send_lag_ms:6.3f} ms {without.cpu_share:8.2%} "
                f"{with_it.cpu_share:8.2%} {with_it.states:7}"
            )
    found = outcome(made)
    print(
        f"  median: send lag p99 {found.more_ms:+.3f} ms on {found.without_ms:.3f} ms (the pairs lie {found.spread_ms:.3f} "
        f"ms apart), processor time {found.more_cpu:+.1%}: {'holds' if found.holds else 'DOES NOT HOLD'}"
    )


def outcome(pairs: Sequence[tuple[Run, Run]]) -> Outcome:
    """Return the medians of pairs (without, with a dashboard), at least two."""
    lags = [with_it.send_lag_ms - without.send_lag_ms for without, with_it in pairs]
    low, _, high = statistics.quantiles(lags, n=4, method="inclusive")
    more_cpu = [with_it.cpu_share / without.cpu_share - 1 for without, with_it in pairs]
    return Outcome(
        statistics.median(without.send_lag_ms for without, _ in pairs),
        statistics.median(lags),
        high - low,
        statistics.median(more_cpu),
    )


def _run(folder: Path, has_dashboard: bool) -> Run:
    """Make one run. Raises ``CommandFailed``."""
    options = ["--dashboard", "127.0.0.1:0"] if has_dashboard else []
    command = [
        sys.executable, "-m", "loadws", "run", str(folder / "bench.yaml"), "--out", str(folder / "reports"), "--quiet",
        "--processes", "1", "--formats", "junit", *options,
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    pin(process.pid, {CLIENT_CORE})
    assert process.stderr is not None
    states: list[int] = []
    said = ""
    for line in process.stderr:
        said += line
        if has_dashboard and (found := re.search(r"http://([\d.:]+)/", line)):
            for child in _children(process.pid):
                pin(child, {SERVER_CORE})
            threading.Thread(target=_look, args=(found[1], states), daemon=True).start()
    if process.wait(_WITHIN_S) not in (0, 1, 3, 4):
        raise CommandFailed(f"{' '.join(command)} ended with {process.returncode}: {said}")
    run = folder / "reports" / "bench" / "latest"
    summary = from_json((run / "summary.json").read_bytes())
    _, frames, _ = read_frames(run)
    steady = [frame for frame in frames if frame.phase == "steady"]
    lag_ns = summary.generator.processes[0].send_lag_p99_ns
    wall_s = sum(frame.duration_s for frame in steady)
    cpu_s = sum(frame.health.cpu_share * frame.duration_s for frame in steady)
    return Run((lag_ns or 0.0) / 1e6, cpu_s / wall_s, sum(states))


def _children(process: int) -> list[int]:
    """Return the processes that a process has started: of a run of one process only the dashboard's."""
    tasks = Path(f"/proc/{process}/task")
    if not tasks.exists():
        return []
    return [int(child) for task in tasks.iterdir() for child in (task / "children").read_text("ascii").split()]


def _look(address: str, states: list[int]) -> None:
    """Receive every state of a dashboard, as a browser does, until it ends."""
    try:
        with connect(f"ws://{address}/live", max_size=None) as socket:
            states.extend(1 for _ in socket)
    except (OSError, WebSocketException):
        return
