"""The display of a run while it goes: a few lines that stay in place on a terminal, else a line every five seconds.

The view is read in the event loop, at most twice per second of the run's time, and drawn in a thread: a terminal that
does not accept output (Ctrl-S, a full pipe) then blocks the thread and not the load. Drawing follows a frame, and never
happens on rich's refreshing thread, which would take the interpreter away from the load at unpredictable moments.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from loadws.metrics.frame import Frame
from loadws.metrics.live import LiveView
from loadws.metrics.queued import Worker
from loadws.metrics.runinfo import EarlyEnd, RunInfo
from loadws.metrics.summary import Summary
from loadws.report.plain import in_ascii, plain
from loadws.report.timings import NO_NUMBER
from loadws.terms.units import format_duration, format_rate

DRAW_EVERY_S = 0.5
LINE_EVERY_S = 5.0
#: How many updates may wait for the terminal, and for how many seconds after the load loadws waits for them.
MOST_UPDATES, PATIENCE_S = 4, 2.0
_BAR_WIDTH = 24


class LiveConsole:
    """The output that shows a run on a console. ``look`` returns the run at this moment.

    As a context manager it restores the console, however the run ends. With ``quiet`` it prints messages only.
    """

    def __init__(
        self,
        console: Console,
        look: Callable[[], LiveView],
        quiet: bool = False,
        most: int = MOST_UPDATES,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._console = console
        self._look = look
        self._quiet = quiet
        self._most = most
        self._patience_s = patience_s
        self._total_s: float | None = None
        in_place = console.is_terminal and not console.is_dumb_terminal and not quiet
        self._live = Live(console=console, auto_refresh=False, transient=True) if in_place else None
        self._worker: Worker | None = None
        self._at_s = 0.0
        self._turn: int | None = None  # which half second, or which five, was drawn last

    def __enter__(self) -> LiveConsole:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def begin(self, info: RunInfo) -> None:
        """Take over the console, and start the thread that draws."""
        self._total_s = info.planned_s
        if self._live:
            self._live.start()
        self._worker = Worker("The live view", "updates", self._most)
        self._worker.start()

    def adding(self, frame: Frame) -> Generator[None, None, EarlyEnd | None]:
        """Draw the run, in the thread, where an update is due."""
        self._at_s = max(self._at_s, frame.start_s + frame.duration_s)
        if self._worker is not None and self._is_time():
            self._worker.offer(partial(self._draw, self._look()))
        yield
        return None

    def finish(self, _: Summary) -> list[str]:
        """Stop drawing; return what the terminal did not accept, in a sentence."""
        return self.stop()

    def stop(self) -> list[str]:
        """Stop drawing. The first call returns what the terminal did not accept, later calls nothing."""
        if self._worker is None:
            return []
        worker, self._worker = self._worker, None
        problems = worker.end(self._patience_s)
        if self._live and not worker.is_alive:  # else the thread holds the console, and may do so for ever
            self._live.stop()
        return problems

    def say(self, text: str) -> None:
        """Print a message, above the lines that stay in place."""
        if self._worker is not None and self._worker.is_alive:
            self._worker.require(partial(self._print, text))
        else:
            self._print(text)

    def _is_time(self) -> bool:
        turn = int(round(self._at_s, 1) / (DRAW_EVERY_S if self._live else LINE_EVERY_S))
        if self._quiet or turn == self._turn:
            return False
        self._turn = turn
        return True

    def _draw(self, view: LiveView) -> None:
        if self._live:
            lines = (
                Text.assemble(*((self._shown(text), style) for text, style in parts))
                for parts in panel(view, self._total_s)
            )
            self._live.update(Group(*lines), refresh=True)
        else:
            self._console.print(Text(self._shown(line(view, self._total_s))), soft_wrap=True)

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _shown(self, text: str) -> str:
        return in_ascii(text) if self._console.options.ascii_only else text


def panel(view: LiveView, total_s: float | None) -> list[list[tuple[str, str]]]:
    """Return three lines of (text, style): progress, load, latency and errors."""
    full = round(min(view.at_s / total_s, 1.0) * _BAR_WIDTH) if total_s else 0
    left = f"{_clock(max(total_s - view.at_s, 0))} left" if total_s else "until its iterations are done"
    return [
        [
            (f" {_phase(view)}  ", "bold"),
            ("━" * full, "cyan"),
            ("─" * (_BAR_WIDTH - full), "dim"),
            (f"  {_clock(view.at_s)}, {left}", ""),
        ],
        [(f" users {view.users:,}   open {view.open_connections:,}   {_rates(view)}", "")],
        [(f" {_latency(view)}   ", ""), (f"errors {view.errors:,}", "red" if view.errors else "dim")],
    ]


def line(view: LiveView, total_s: float | None) -> str:
    """Return the same in one line, for a log."""
    total = f"/{_clock(total_s)}" if total_s else ""
    return (
        f"[{_clock(view.at_s)}{total}] {_phase(view)}: {view.users:,} users, {view.open_connections:,} open, "
        f"{_rates(view)}, {_latency(view)}, {view.errors:,} errors"
    )


def _phase(view: LiveView) -> str:
    says_so = "warm" in view.phase.lower()
    return plain(view.phase, 24) + (" (warm-up)" if view.warmup and not says_so else "")


def _rates(view: LiveView) -> str:
    return f"sent {format_rate(round(view.sent_per_s))}, received {format_rate(round(view.received_per_s))}"


def _latency(view: LiveView) -> str:
    return f"p50 {_time(view.response_p50_ns)}, p99 {_time(view.response_p99_ns)}"


def _time(ns: float | None) -> str:
    return NO_NUMBER if ns is None else format_duration(ns)


def _clock(seconds: float) -> str:
    """Return whole seconds, so that the view does not jitter."""
    return format_duration(int(seconds) * 1e9) if seconds >= 1 else "0 s"
