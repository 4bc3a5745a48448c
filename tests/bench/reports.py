"""What the report of a long run costs: the part ``reports`` of the bench.

The folders are written by the code that writes real ones (``tests.report.long_run``); then ``loadws report`` makes the
page of each, and Chromium paints it where there is one. The bars: ten minutes with ten steps in 3 s and 2 MB, ten hours
with fifty steps in 10 s and 4 MB, the first paint within 1 s.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.report.browser import CHROMIUM, browser
from tests.report.long_run import make_long_run

#: Name, seconds, steps, seconds that its report may take, bytes that it may have.
RUNS = (
    ("ten minutes, ten steps", 600, 10, 3.0, 2_000_000),
    ("ten hours, fifty steps", 36_000, 50, 10.0, 4_000_000),
)
_PAINT_S = 1.0
_FIRST_PAINT = """new Promise((done) => {
  const look = () => {
    const painted = performance.getEntriesByName("first-contentful-paint")[0];
    if (painted) done(painted.startTime); else setTimeout(look, 20);
  };
  look();
})"""


def bench() -> None:
    print("\nthe report of a long run: wall and CPU time of `loadws report`, size, first paint")
    with tempfile.TemporaryDirectory() as root:
        for name, seconds, steps, most_s, most_bytes in RUNS:
            folder, _ = make_long_run(Path(root), seconds, steps)
            wall_s, cpu_s = _report(folder)
            page = folder / "report.html"
            size = page.stat().st_size
            print(f"  {name:24} {wall_s:6.2f} s (CPU {cpu_s:5.2f} s; bar {most_s:g} s)   "
                  f"{size / 1e6:5.2f} MB (bar {most_bytes / 1e6:g} MB)   {_painted(page, Path(root))}")  # fmt: skip


def _report(folder: Path) -> tuple[float, float]:
    """Return wall and CPU seconds of the whole command, with the process that draws."""
    before, began = _children_s(), time.perf_counter()
    command = [sys.executable, "-m", "loadws", "report", str(folder), "--formats", "html"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=300)
    return time.perf_counter() - began, _children_s() - before


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _painted(page: Path, root: Path) -> str:
    if CHROMIUM is None:
        return "no Chromium, so no paint"
    with browser(root / f"profile-{os.urandom(4).hex()}") as opened, opened.page(page.as_uri(), width=1440) as shown:
        first_ms = float(shown.evaluate(_FIRST_PAINT))
        complaints = shown.complaints()
    told = f"first paint {first_ms / 1e3:.2f} s (bar {_PAINT_S:g} s)"
    return f"{told}; the console says {complaints}" if complaints else told
