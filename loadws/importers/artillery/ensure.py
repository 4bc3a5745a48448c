"""``ensure``: what Artillery checks after a run, as ``thresholds`` where loadws has the same metric."""

from __future__ import annotations

import re
from collections.abc import Iterator

from loadws.importers.artillery.script import Script, items, pairs, plain, text_of
from loadws.scenario.yaml.tree import Node

_METRICS = {"http.response_time": "http_time", "vusers.session_length": "session_time"}
_VALUES = {
    **{each: each for each in ("min", "max", "mean", "p50", "p75", "p90", "p95", "p99")},
    "median": "p50", "p999": "p99.9",
}  # fmt: skip
_CONDITION = re.compile(r"\s*([\w.]+)\s*(<=|>=|<|>)\s*(\d+(?:\.\d+)?)\s*")
_ADVICE = "`loadws docs metrics` lists what `thresholds` can say"


def thresholds(script: Script, ensure: Node | None, *, asks_http: bool) -> list[str]:
    """Return the rules. ``asks_http``: some step of the scenario is an HTTP request, without which it has no HTTP times."""
    found: list[str] = []
    if ensure is None:
        return found
    for node, name, operator, limit in _rules(script, ensure):
        metric, _, value = name.rpartition(".")
        ours = _METRICS.get(metric)
        if ours is None or value not in _VALUES or (ours == "http_time" and not asks_http):
            script.loss(node, f"the check of {name[:60]!r} was left out: {_ADVICE}")
        elif (rule := f"{ours}.{_VALUES[value]} {operator} {_written(limit)}ms") not in found:
            found.append(rule)
    return found


def _rules(script: Script, ensure: Node) -> Iterator[tuple[Node, str, str, str]]:
    """Yield place, metric, operator and limit of each check. In the short form, ``p95: 500`` is of HTTP answers."""
    for key, node in pairs(ensure):
        if key == "thresholds":
            for each in items(node):
                yield from ((limit, name, "<", text_of(limit)) for name, limit in pairs(each) if _is_limit(limit))
                for name, limit in pairs(each):
                    if not _is_limit(limit):
                        script.loss(limit, f"the check of {name[:60]!r} was left out: its limit is not a number")
        elif key == "conditions":
            for each in items(node):
                yield from _condition(script, each)
        elif key in _VALUES and _is_limit(node):
            yield node, f"http.response_time.{key}", "<", text_of(node)
        else:
            script.loss(node, f"the check {key!r} of ensure was left out: {_ADVICE}")


def _condition(script: Script, node: Node) -> Iterator[tuple[Node, str, str, str]]:
    script.lose_others(node, "expression strict", "the condition's")
    if plain(node.child("strict")) is False:
        script.loss(node, "this condition was left out: it is not strict, and every rule of loadws is")
        return
    for part in re.split(r"\s+and\s+", text_of(node.child("expression"))):
        if (match := _CONDITION.fullmatch(part)) is None:
            script.loss(node, f"a condition was left out, as loadws has no such expression: {_ADVICE}")
        else:
            yield node, match[1], match[2], match[3]


def _written(limit: str) -> str:
    """Return a number of milliseconds without an exponent, to the microsecond."""
    return f"{float(limit):.3f}".rstrip("0").rstrip(".")


def _is_limit(node: Node) -> bool:
    return isinstance(node.value, int | float) and not isinstance(node.value, bool) and node.value >= 0
