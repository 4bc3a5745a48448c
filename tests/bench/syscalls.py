"""The system calls of a message and of a connection, counted by ``strace`` in each mode of the runner.

A short and a longer run are counted, and the difference is divided by what the longer one did more, so that starting and
reporting do not count. Under ``strace`` a process is many times slower, so that more messages share a turn of the loop
than without it: the calls of a turn (``epoll_wait``, ``clock_gettime``) are fewer here than they are on a schedule.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import msgspec

from tests.bench.clients import loadws, server
from tests.bench.command import CLIENT_CORE, pin
from tests.bench.measured import Measured

SHORT_S, LONG_S = 4.0, 8.0
#: A mode, its connections and its messages per second; the last one opens and closes.
MODES = (("closed", 100, None), ("paced", 100, 1_000.0), ("connecting", 20, None))
#: Calls below this many for each message are no part of its way.
LEAST_SHOWN = 0.02
#: A line of ``strace -c``: share of time, seconds, microseconds each, calls, errors where there are some, name.
_LINE = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:(\d+)\s+)?(\w+)$", re.MULTILINE)
_HOSTS = (f"127.0.8.{number}" for number in count(1))


def syscalls() -> None:
    """Print the calls of each mode; those that failed (with EAGAIN mostly) in brackets."""
    print("\nsystem calls of a message, or of a connection (open, upgrade, close); those that failed in brackets")
    if shutil.which("strace") is None:
        print("  strace is not installed (Debian: strace)")
        return
    for work, connections, rate in MODES:
        calls = ", ".join(_of(work, connections, rate))
        print(f"  {work:12} {calls}")


def _of(work: str, connections: int, rate: float | None) -> Iterator[str]:
    done, calls, failed = [], [], []
    for seconds in (SHORT_S, LONG_S):
        host = next(_HOSTS)
        with server(False, "--host", host) as (port, _):
            each = _counted(loadws("native+kernel", work, port, connections, 64, seconds, host=host, rate=rate))
        done.append(each[0].per_s * seconds)
        calls.append(each[1])
        failed.append(each[2])
    more = done[1] - done[0]
    for name, number in (calls[1] - calls[0]).most_common():
        if number / more >= LEAST_SHOWN:
            wrong = (failed[1][name] - failed[0][name]) / more
            yield f"{name} {number / more:.2f}" + (f" ({wrong:.2f})" if wrong >= LEAST_SHOWN else "")


def _counted(command: list[str]) -> tuple[Measured, Counter[str], Counter[str]]:
    """Return what a client measured, its calls by name, and those that failed."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "calls"
        words = ["strace", "-f", "-c", "-o", str(table), sys.executable, "-m", *command]
        process = subprocess.Popen(words, stdout=subprocess.PIPE)
        pin(process.pid, {CLIENT_CORE})
        printed, _ = process.communicate(timeout=300)
        rows = _LINE.findall(table.read_text())
    calls = Counter({name: int(number) for number, _, name in rows if name != "total"})
    failed = Counter({name: int(number) for _, number, name in rows if number and name != "total"})
    return msgspec.json.decode(printed, type=Measured), calls, failed
