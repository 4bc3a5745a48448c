"""The short trace of a run's course that stays on the terminal when the live view ends."""

from __future__ import annotations

from loadws.report.plain import plain
from loadws.report.terminal.marks import sparkline
from loadws.report.terminal.panel import Line, Scene, clock, time_text
from loadws.report.terminal.past import Moment
from loadws.terms.units import format_count, format_rate

_LABEL = 13
_WIDEST_CURVE = 72


def trace(scene: Scene, width: int) -> list[Line]:
    """Return the course of the rate, the p99 and the errors over the whole run; nothing for a run of under two seconds."""
    moments = scene.past.columns(min(max(width - _LABEL - 22, 8), _WIDEST_CURVE))
    if len(moments) < 2:
        return []
    rates = [moment.received_per_s if moment else None for moment in moments]
    slow = [moment.p99_ns if moment else None for moment in moments]
    lines = [
        _row("received/s", sparkline(rates), f"at most {format_rate(round(_most(rates)))}"),
        _row("p99", sparkline(slow), f"at most {time_text(_most(slow) or None)}"),
    ]
    if scene.view.errors:
        lines.append(_row("errors", _errors(moments), format_count(scene.view.errors), "bad"))
    phases = " · ".join(f"{plain(name, 20)} from {clock(at_s)}" for name, at_s in scene.view.begun)
    return [*lines, [(f" {'0 s to':<{_LABEL - 1}}{clock(scene.view.at_s)}: {phases}"[:width], "dim")]]


def _row(label: str, curve: str, most: str, style: str = "bar") -> Line:
    return [(f" {label:<{_LABEL - 1}}", ""), (curve, style), (f"  {most}", "dim")]


def _errors(moments: list[Moment | None]) -> str:
    return sparkline([moment.errors or None if moment else None for moment in moments])


def _most(values: list[float | None]) -> float:
    return max((value for value in values if value is not None), default=0.0)
