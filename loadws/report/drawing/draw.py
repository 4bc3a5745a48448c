"""Draw charts in one child process, and stand whatever becomes of it.

A child that takes too long, or more memory than there is, is ended and costs the report those charts that it had not drawn.
On Linux it asks to be the first to go where memory ends: else the kernel might choose its parent, which knows the verdict.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import msgspec

from loadws.report.charts import Chart
from loadws.report.drawing.child import ChartOrder, Drawn
from loadws.report.drawing.drawing import Drawing
from loadws.report.drawing.vega_bundle import Bundle

COMMAND = (sys.executable, "-m", "loadws.report.drawing.child")
WITHIN_S = 90.0
_SHELL = Path("/bin/sh")
_GOES_FIRST = 'echo 1000 2>/dev/null > /proc/self/oom_score_adj; exec "$@"'
_ADVICE = "`loadws report` of the run's folder draws them again."
_NEEDS = "Drawing needs about 250 MB of memory, and 40 GB of addresses (ulimit -v)."


class Artist:
    """The process that draws; it can be told to give up, also by a signal handler."""

    def __init__(self, command: Sequence[str] = COMMAND, within_s: float = WITHIN_S) -> None:
        self._command = _expendable(command)
        self._within_s = within_s
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = Lock()
        self._given_up = ""

    def give_up(self, why: str) -> None:
        """End the drawing: ``why`` goes on after "drawing was ended by"."""
        self._given_up = self._given_up or why
        if self._process is not None:
            self._process.kill()

    def draw(self, charts: Sequence[Chart]) -> Drawing:
        """Return what could be drawn. Never raises for what the child does, or does not do."""
        orders = b"".join(msgspec.json.encode(ChartOrder(c.name, c.static_spec())) + b"\n" for c in charts)
        try:
            said, problem = self._run(orders)
        except OSError as error:
            said, problem = b"", f"the process that draws them could not be started ({error.strerror or error})"
        svgs, bundle, is_understood = _read(said)
        problem = problem or ("" if is_understood else "the process that draws them said what is no chart")
        missing = [chart.title for chart in charts if chart.name not in svgs]
        if missing:
            return Drawing(svgs, bundle, _missing(missing, len(charts), problem or "the process that draws them ended"))
        return Drawing(svgs, bundle)

    def _run(self, orders: bytes) -> tuple[bytes, str]:
        """Return what the child wrote, and why it may be less than it should; nothing where it did well."""
        if self._given_up:
            return b"", f"drawing was ended by {self._given_up}"
        with subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as self._process:  # fmt: skip
            if self._given_up:  # it was told so while the process was started
                self._process.kill()
            try:
                said, _ = self._process.communicate(orders, timeout=self._within_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
                said, _ = self._process.communicate()
                return said, f"drawing did not end within {self._within_s:g} s"
        if self._given_up:
            return said, f"drawing was ended by {self._given_up}"
        return said, _how(self._process.returncode)


def _expendable(command: Sequence[str]) -> tuple[str, ...]:
    """The same command, run so that the kernel ends it before any other where memory ends."""
    if sys.platform == "linux" and _SHELL.exists():
        return (str(_SHELL), "-c", _GOES_FIRST, "sh", *command)
    return tuple(command)


def _read(said: bytes) -> tuple[dict[str, str], Bundle | None, bool]:
    """Return what stands in the whole lines of what the child wrote, and whether all of these say something."""
    svgs: dict[str, str] = {}
    bundle = None
    for line in said.split(b"\n")[:-1]:
        try:
            match msgspec.json.decode(line, type=Drawn | Bundle):
                case Drawn(chart, svg):
                    svgs[chart] = svg
                case found:
                    bundle = found
        except msgspec.DecodeError:
            return svgs, bundle, False
    return svgs, bundle, True


def _how(code: int) -> str:
    if code == 0:
        return ""
    if code > 0:
        return f"the process that draws them ended with exit code {code}. {_NEEDS}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"the process that draws them was ended by {name}. {_NEEDS}"


def _missing(titles: Sequence[str], of: int, problem: str) -> str:
    what = "There are no charts" if len(titles) == of else f"Of {of} charts {len(titles)} are missing"
    return f"{what}: {problem.rstrip('.')}. {_ADVICE}"
