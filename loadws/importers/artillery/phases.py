"""Artillery's phases: arrivals by the clock, ramps, counts and pauses."""

from __future__ import annotations

import re
from typing import Any

from loadws.importers.artillery.script import Script, items, plain, text_of
from loadws.scenario.yaml.tree import Node

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|msec|s|sec|seconds?|m|min|minutes?|h|hours?|)", re.IGNORECASE)
_KNOWN = "duration arrivalRate arrivalCount rampTo name maxVusers pause"


def phases(script: Script, node: Node | None) -> list[dict[str, Any]]:
    """Return the load. A script without phases that can be carried over runs each scenario once."""
    load = [phase for each in items(node) if (phase := _phase(script, each)) is not None]
    if not load:
        script.notes.loss(script.line(node) if node else 0, "there are no phases to carry over, so one user runs once")
        return [{"users": 1, "iterations": 1}]
    return load


def _phase(script: Script, node: Node) -> dict[str, Any] | None:
    script.lose_others(node, _KNOWN, "the phase's")
    is_pause = node.child("pause") is not None
    lasts = duration(node.child("pause" if is_pause else "duration"))
    arrivals = None if is_pause or lasts is None else _arrivals(script, node, lasts)
    if lasts is None or (arrivals is None and not is_pause):
        what = "its rate" if lasts is not None else "its pause" if is_pause else "its duration"
        script.loss(node, f"this phase was left out: {what} is not a number")
        return None
    if is_pause:
        return {"users": 0, "for": written(lasts)}
    phase: dict[str, Any] = {"name": name} if (name := text_of(node.child("name"))).strip() else {}
    phase |= {"arrivals": arrivals, "for": written(lasts), "spacing": "uniform"}
    most = plain(node.child("maxVusers"))
    if isinstance(most, int) and most > 0:
        phase["max_users"] = most
    return phase


def _arrivals(script: Script, node: Node, lasts: float) -> Any:
    count, rate, to = (plain(node.child(key)) for key in ("arrivalCount", "arrivalRate", "rampTo"))
    if _is_number(count):
        return _rate(count / lasts)
    if not _is_number(rate) and not _is_number(to):
        return None
    start = rate if _is_number(rate) else 0
    if to is None:
        return _rate(start)
    if not _is_number(to):
        script.loss(node, "the phase's rampTo was left out: it is not a number")
        return _rate(start)
    return {"from": _rate(start), "to": _rate(to)}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _rate(per_second: float) -> str:
    return f"{per_second:.6f}".rstrip("0").rstrip(".") + "/s"


def duration(node: Node | None) -> float | None:
    """Return a time in seconds, of a number of seconds or of text with a unit; None for anything else."""
    match = _DURATION.fullmatch(text_of(node).strip())
    if match is None:
        return None
    unit = match[2].lower()
    factor = 0.001 if unit.startswith("ms") else 60 if unit.startswith("m") else 3600 if unit.startswith("h") else 1
    seconds = float(match[1]) * factor
    return seconds if 0.001 <= seconds <= 366 * 86400 else None


def written(seconds: float) -> str:
    """Return a duration as a scenario writes it, to the millisecond."""
    return f"{round(seconds * 1000)}ms" if seconds < 1 else f"{round(seconds, 3):.3f}".rstrip("0").rstrip(".") + "s"
