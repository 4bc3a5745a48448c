"""What the dashboard shows at one moment: texts and curves for the browser, which only draws them.

Each state is whole, from the run's first second on. A browser that comes late, or that missed some, needs the newest only.
"""

from __future__ import annotations

from typing import Any

import msgspec

from loadws.dashboard.messages import Over
from loadws.gate.standing import Standing
from loadws.metrics.frame import Frame
from loadws.metrics.live import LiveView
from loadws.metrics.runinfo import RunInfo
from loadws.metrics.summarising.summariser import Summariser
from loadws.metrics.summary import Check
from loadws.metrics.wording import observed_of
from loadws.report.plain import plain
from loadws.report.terminal.panel import clock, condition, phase_name, share_done, time_text, worst_first
from loadws.report.terminal.past import Past
from loadws.terms.units import format_count, format_duration, format_rate, format_share

MOST_POINTS, MOST_KINDS, MOST_RULES = 400, 20, 60


class State:
    """A run, from its frames."""

    def __init__(self, info: RunInfo) -> None:
        self._info = info
        self._summariser = Summariser(info)
        self._standing = Standing(info, self._summariser.rough_entries_for)
        self._past = Past()
        self._over: Over | None = None

    def add(self, frame: Frame) -> None:
        """Add what one process measured in one second."""
        self._summariser.add(frame)
        self._past.note(self._summariser.live().seconds)

    def end(self, over: Over) -> None:
        """Take how it ended."""
        self._over = over

    def encoded(self, has_report: bool) -> str:
        """Return the state as JSON text. ``has_report``: the browser is to go on to the report."""
        view = self._summariser.live()
        for _ in self._standing.judging():
            pass
        return msgspec.json.encode({**self._shown(view), "report": has_report}).decode()

    def _shown(self, view: LiveView) -> dict[str, Any]:
        info, now = self._info, view.generator
        total_s = info.planned_s
        left = f"{clock(max(total_s - view.at_s, 0))} left" if total_s else "until its iterations are done"
        word, tone = condition(now)
        return {
            "title": plain(info.scenario, 120),
            "target": plain(info.target, 200),
            "clock": f"{clock(view.at_s)}, {left}",
            "over": None if self._over is None else {"outcome": self._over.outcome, "why": plain(self._over.why)},
            "phases": self._phases(view),
            "rules": [_rule(check) for check in worst_first(self._standing.checks)[:MOST_RULES]],
            "errors": _errors(view),
            "tiles": _tiles(view),
            "charts": self._charts(),
            "seconds_each": self._past.seconds_each,
            "spread": [{"limit": _limit(limit), "count": count} for limit, count in view.spread],
            "generator": {
                "word": word,
                "tone": tone,
                "figures": f"CPU {format_share(now.cpu_share)}, send lag p99 {time_text(now.send_lag_p99_ns)}, loop lag at "
                f"most {time_text(now.loop_lag_max_ns)}",
            },
        }

    def _phases(self, view: LiveView) -> list[dict[str, Any]]:
        begun = dict(view.begun)
        return [
            {
                "name": phase_name(phase, 40),
                "done": round(min(share_done(phase.planned_s, begun.get(phase.name), view), 1.0), 3),
                "now": phase.name == view.phase,
            }
            for phase in self._info.phases
        ]

    def _charts(self) -> list[dict[str, Any]]:
        """Return the curves of the whole run so far."""
        moments = self._past.columns(MOST_POINTS)
        p99 = [moment.p99_ns if moment else None for moment in moments]
        p50 = [moment.p50_ns if moment else None for moment in moments]
        rate = [moment.received_per_s if moment else None for moment in moments]
        errors = [moment.errors / moment.seconds if moment else None for moment in moments]
        users = [float(moment.users) if moment else None for moment in moments]
        return [
            _chart("Response time", "ns", {"p99": p99, "p50": p50}),
            _chart("Messages received per second", "per_s", {"received": rate}),
            _chart("Errors per second", "per_s", {"errors": errors}),
            _chart("Users", "count", {"users": users}),
        ]


def _chart(name: str, unit: str, curves: dict[str, list[float | None]]) -> dict[str, Any]:
    """Return a chart; its curves have the names of their colours, and all have the same scale."""
    return {
        "name": name,
        "unit": unit,
        "curves": [{"name": name, "values": values} for name, values in curves.items()],
    }


def _rule(check: Check) -> dict[str, str]:
    now = "no data yet" if check.outcome == "no_data" else observed_of(check)
    return {"rule": plain(check.rule), "outcome": check.outcome, "now": now, "note": plain(check.note)}


def _errors(view: LiveView) -> dict[str, Any]:
    kinds = [
        {
            "count": format_count(kind.count),
            "kind": plain(kind.kind, 60),
            "step": plain(kind.step, 60),
            "example": plain(kind.example),
        }
        for kind in view.kinds[:MOST_KINDS]
    ]
    return {"count": format_count(view.errors), "kinds": kinds}


def _tiles(view: LiveView) -> list[tuple[str, str]]:
    arrivals, lately = view.ledger.arrivals, f"last {view.recent_s:.0f} s"
    tiles = [
        ("users", format_count(view.users)),
        ("open connections", format_count(view.open_connections)),
        (f"sent, {lately}", format_rate(round(view.sent_per_s))),
        (f"received, {lately}", format_rate(round(view.received_per_s))),
        (f"p50, {lately}", time_text(view.response_p50_ns)),
        (f"p99, {lately}", time_text(view.response_p99_ns)),
    ]
    if arrivals.planned:
        tiles.append(("arrivals dropped", f"{format_count(arrivals.dropped)} of {format_count(arrivals.planned)}"))
    return tiles


def _limit(limit: float) -> str:
    return "more" if limit == float("inf") else format_duration(limit)
