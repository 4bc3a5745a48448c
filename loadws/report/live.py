"""What a run shows while it goes: a few lines that stay in place on a terminal, else a line every five seconds.

The load shares its thread with this view, so it draws at most twice a second of the run's time and never on its own: rich's
refreshing thread would take the interpreter away from the load at moments of its own choosing.
"""

from __future__ import annotations

from types import TracebackType
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from loadws.report.plain import in_ascii, plain
from loadws.report.timings import NO_NUMBER
from loadws.terms.units import format_duration, format_rate

DRAW_EVERY_S = 0.5
LINE_EVERY_S = 5.0
_BAR_WIDTH = 24


class LiveView(Protocol):
    """What is shown of a run at one moment; ``metrics.summarise.LiveView`` is one.

    Rates and percentiles are of the last seconds; a percentile is None where these had too few answers to carry it.
    """

    @property
    def at_s(self) -> float: ...
    @property
    def phase(self) -> str: ...
    @property
    def warmup(self) -> bool: ...
    @property
    def users(self) -> int: ...
    @property
    def open_connections(self) -> int: ...
    @property
    def sent_per_s(self) -> float: ...
    @property
    def received_per_s(self) -> float: ...
    @property
    def response_p50_ns(self) -> float | None: ...
    @property
    def response_p99_ns(self) -> float | None: ...
    @property
    def errors(self) -> int: ...


def open_live(console: Console, total_s: float | None) -> LiveConsole:
    """``with open_live(console, total_s) as live: live.show(view)``; ``total_s`` is the plan's length, None without one."""
    return LiveConsole(console, total_s)


class LiveConsole:
    """To be shown a view as often as one likes; it draws when it is time to."""

    def __init__(self, console: Console, total_s: float | None) -> None:
        self._console = console
        self._total_s = total_s
        in_place = console.is_terminal and not console.is_dumb_terminal
        self._live = Live(console=console, auto_refresh=False, transient=True) if in_place else None
        self._turn: int | None = None  # which half second, or which five, was drawn last

    def __enter__(self) -> LiveConsole:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Draw no more; does no harm where it was stopped already."""
        if self._live:
            self._live.stop()

    def show(self, view: LiveView) -> None:
        turn = int(round(view.at_s, 1) / (DRAW_EVERY_S if self._live else LINE_EVERY_S))
        if turn == self._turn:
            return
        self._turn = turn
        if self._live:
            lines = (
                Text.assemble(*((self._shown(text), style) for text, style in parts))
                for parts in panel(view, self._total_s)
            )
            self._live.update(Group(*lines), refresh=True)
        else:
            self._console.print(Text(self._shown(line(view, self._total_s))), soft_wrap=True)

    def _shown(self, text: str) -> str:
        return in_ascii(text) if self._console.options.ascii_only else text


def panel(view: LiveView, total_s: float | None) -> list[list[tuple[str, str]]]:
    """Three lines of (text, style): where the run is, how much goes on, how fast and how well."""
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
    """The same in one line, for a log."""
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
    """Whole seconds: the view need not jitter."""
    return format_duration(int(seconds) * 1e9) if seconds >= 1 else "0 s"
