"""Thresholds: text -> ``Threshold``, checked against the table of metrics.

::

    rule := selection op number [unit]
    op   := < | <= | > | >= | ==
    unit := a duration's (us ms s m h), a size's (B kB KiB …), "%" or "/s"

``rule_text`` describes ``selection``. ``value`` below is in the metric's own unit: nanoseconds for a time, a ratio for a
rate, bytes for a size, a plain number for a count; the aggregate ``rate`` of a counter or histogram is per second.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from loadws.terms.metrics import TABLE, Metric, percentile_of
from loadws.terms.rule_text import SUFFIX, RuleError, RuleReader
from loadws.terms.units import DURATION_UNITS, SIZE_UNITS, format_count, format_duration, format_rate, format_size

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
#: The number that ends a rule, without a unit.
_WRITTEN = re.compile(r"[\d.eE+]+(?=\s*$)")
#: How much one of a suffix is in a metric's unit.
FACTORS: dict[str, dict[str, Decimal]] = {
    "ns": {suffix: Decimal(size) for suffix, size in DURATION_UNITS.items()},
    "bytes": {suffix: Decimal(size) for suffix, size in SIZE_UNITS.items()},
    "ratio": {"%": Decimal("0.01")},
}


class Threshold(msgspec.Struct, frozen=True):
    """One rule, parsed. ``value`` is in ``unit``: the metric's, or ``/s`` for the rate of a count."""

    rule: str
    metric: str
    aggregate: str
    op: str
    value: float
    unit: str
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)

    @property
    def percentile(self) -> float | None:
        """99.9 for ``p99.9``; None where the aggregate is no percentile."""
        return percentile_of(self.aggregate)

    @property
    def judges_latency(self) -> bool:
        return self.unit == "ns"

    def holds(self, observed: float) -> bool:
        """Return whether a value in the threshold's unit keeps the rule."""
        return OPERATORS[self.op](observed, self.value)


def format_value(value: float | None, unit: str) -> str:
    """Return a metric's value as text for people, with its unit."""
    if value is None:
        return "no data"
    if value == float("inf"):
        return "never"
    match unit:
        case "ns":
            return format_duration(value)
        case "bytes":
            return format_size(value)
        case "ratio":
            return _percent(value * 100)
        case "/s":
            return format_rate(value)
        case "1":
            return format_count(value)
    return f"{format_count(value)} {unit}"


def _percent(percent: float) -> str:
    if 0 < percent < 0.001:  # three decimals would show nothing of it
        return f"{percent:.1g}%"
    return f"{percent:.3f}".rstrip("0").rstrip(".") + "%"


def parse_threshold(rule: str, own: Mapping[str, Metric] | None = None) -> Threshold:
    """Return the threshold that the text states. ``own`` are the metrics that the scenario itself declares.

    Raises ``RuleError`` at the first problem.
    """
    reader = RuleReader(rule, {**TABLE, **(own or {})})
    selection = reader.selection()
    op = reader.operator(OPERATORS)
    value = _value(reader, selection.unit)
    reader.end("the number")
    return Threshold(rule, selection.metric, selection.aggregate, op, value, selection.unit, selection.labels)


def wrong_bound(threshold: Threshold) -> tuple[str, str] | None:
    """Return why the maximum of a level, which a rule without an aggregate judges, is no lower bound; None where it is.

    A level that was high once keeps ``users >= 5``, however few users there were in the rest of the time.
    """
    metric = TABLE.get(threshold.metric)
    if metric is None or metric.kind != "gauge" or threshold.op in ("<", "<="):
        return None
    before = threshold.rule[: threshold.rule.index(threshold.op)].rstrip()
    if before.endswith(f".{threshold.aggregate}"):
        return None
    rest = threshold.rule[len(before) :].strip()
    message = f"without an aggregate the maximum of {threshold.metric!r} is judged, and a lower bound may mean another"
    return message, f"write {before}.min {rest} (at any time) or {before}.max {rest} (at least once)"


def wrong_share(threshold: Threshold) -> tuple[str, str] | None:
    """Return what is wrong with a limit that no share can pass, and advice; None where there is nothing.

    A share is a ratio from 0 to 1, so that ``error_rate < 1`` allows every failure but the last. A scenario's own metric in
    the unit ``ratio`` may be any number.
    """
    is_share = threshold.aggregate == "completeness" or threshold.metric in TABLE
    if threshold.unit != "ratio" or not is_share or 0 <= threshold.value < 1:
        return None
    op, limit = threshold.op, threshold.value
    written = _WRITTEN.search(threshold.rule)
    if limit == 1 and (op in (">=", "==") or written is None):
        return None  # all of it, or 100% in so many words
    if limit >= 1 and written is not None:
        means = (
            f"{op} {written[0]} means {op} {_percent(limit * 100)}, because a number without % is a ratio from 0 to 1"
        )
        return means, f"for {written[0]} percent write {threshold.rule.strip()}%"
    always = "always" if threshold.holds(0) and threshold.holds(1) else "never"
    return f"a share is from 0% to 100%: {op} {_percent(limit * 100)} is {always} true", ""


def _value(reader: RuleReader, unit: str) -> float:
    reader.skip_space()
    start = reader.at
    text = reader.take(_NUMBER)
    if text is None:
        raise RuleError("here a number is missing", start)
    found = reader.take(SUFFIX)
    if unit == "ns" and found not in DURATION_UNITS:
        rest = reader.text[start + len(text) :].strip()
        has = f", and {rest!r} is none" if rest else ""
        raise RuleError(f"a time needs its unit{has}", start, "for example 200ms or 1.5s")
    factor = Decimal(1) if found is None or found == unit else FACTORS.get(unit, {}).get(found)
    if factor is None:
        raise RuleError(f"the unit {found!r} does not fit here", start, f"this value is in {unit!r}")
    return reader.scaled(text, factor, start)
