"""The rule grammar of thresholds: text -> ``Threshold``, checked against the table of metrics.

::

    rule      := metric [ "{" label "=" value { "," label "=" value } "}" ] [ "." aggregate ] op number [unit]
    metric    := name | quoted
    value     := quoted | any characters but  , } = " '
    quoted    := '"' characters '"' | "'" characters "'"
    aggregate := p1 … p99.999999 | max | min | mean | count | rate | completeness
    op        := < | <= | > | >= | ==
    unit      := a duration's (us ms s m h), a size's (B kB KiB …), "%" or "/s"

Labels select exactly, and what is not named is merged. ``value`` below is in the metric's own unit: nanoseconds for a
time, a ratio for a rate, bytes for a size, a plain number for a count; the aggregate ``rate`` of a counter or histogram
is per second.
"""

from __future__ import annotations

import difflib
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from loadws.terms.errors import LoadwsError
from loadws.terms.metrics import DEFAULT_AGGREGATE, TABLE, Metric
from loadws.terms.units import DURATION_UNITS, SIZE_UNITS, format_count, format_duration, format_rate, format_size

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
_NAME = re.compile(r"[A-Za-z_][\w-]*")
_AGGREGATE = re.compile(r"p\d+(\.\d+)?|[a-z]+")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_UNQUOTED = re.compile(r"[^,}=\"']+")


_SUFFIX = re.compile(r"%|/s|[A-Za-zµ]+")
#: What one of a suffix is in a metric's unit.
_FACTORS: dict[str, dict[str, Decimal]] = {
    "ns": {suffix: Decimal(size) for suffix, size in DURATION_UNITS.items()},
    "bytes": {suffix: Decimal(size) for suffix, size in SIZE_UNITS.items()},
    "ratio": {"%": Decimal("0.01")},
}


class ThresholdError(LoadwsError):
    """``offset`` is where in the rule's text (0 based) the problem stands."""

    def __init__(self, message: str, offset: int, advice: str = "") -> None:
        super().__init__(message, advice)
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Threshold:
    """One rule, parsed. ``value`` is in ``unit``: the metric's, or ``/s`` for the rate of a count."""

    rule: str
    metric: str
    aggregate: str
    op: str
    value: float
    unit: str
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def percentile(self) -> float | None:
        """99.9 for ``p99.9``; None where the aggregate is no percentile."""
        return float(self.aggregate[1:]) if re.fullmatch(r"p\d+(\.\d+)?", self.aggregate) else None

    @property
    def judges_latency(self) -> bool:
        return self.unit == "ns"

    def holds(self, observed: float) -> bool:
        return OPERATORS[self.op](observed, self.value)


def format_value(value: float | None, unit: str) -> str:
    """A metric's value for people, in the words of its unit."""
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
    """Raises ``ThresholdError`` at the first thing that is wrong. ``own`` are the metrics the scenario itself declares."""
    return _Parser(rule, {**TABLE, **(own or {})}).parse()


def _unit_of(metric: Metric, aggregate: str) -> str:
    """A counter counts in its own unit (bytes, say); of anything else it is samples that are counted."""
    if aggregate == "completeness":
        return "ratio"
    if aggregate == "rate" and metric.kind != "rate":
        return "/s"
    return "1" if aggregate == "count" and metric.kind != "counter" else metric.unit


class _Parser:
    """Reads left to right; ``at`` is the offset of what comes next."""

    def __init__(self, rule: str, metrics: Mapping[str, Metric]) -> None:
        self.rule = rule
        self.metrics = metrics
        self.at = 0

    def parse(self) -> Threshold:
        metric = self._metric()
        labels = self._labels(metric)
        aggregate = self._aggregate(metric)
        op = self._op()
        unit = _unit_of(metric, aggregate)
        value = self._value(unit)
        self._space()
        if self.at < len(self.rule):
            raise ThresholdError(f"nothing may follow the number: {self.rule[self.at :]!r}", self.at)
        return Threshold(self.rule, metric.name, aggregate, op, value, unit, labels)

    def _space(self) -> None:
        while self.at < len(self.rule) and self.rule[self.at].isspace():
            self.at += 1

    def _take(self, pattern: re.Pattern[str]) -> str | None:
        self._space()
        match = pattern.match(self.rule, self.at)
        if not match:
            return None
        self.at = match.end()
        return match[0]

    def _literal(self, text: str) -> bool:
        self._space()
        if not self.rule.startswith(text, self.at):
            return False
        self.at += len(text)
        return True

    def _quoted(self) -> str | None:
        self._space()
        quote = self.rule[self.at : self.at + 1]
        if quote not in ("'", '"'):
            return None
        end = self.rule.find(quote, self.at + 1)
        if end < 0:
            raise ThresholdError("this quote is not closed", self.at)
        text = self.rule[self.at + 1 : end]
        self.at = end + 1
        return text

    def _metric(self) -> Metric:
        self._space()
        start = self.at
        name = self._quoted()
        if name is None:
            name = self._take(_NAME)
        if name is None:
            raise ThresholdError("a rule begins with a metric", start, "for example: response_time.p99 < 200ms")
        if name not in self.metrics:
            near = difflib.get_close_matches(name, self.metrics, 1)
            advice = f"did you mean {near[0]!r}?" if near else self._known_metrics()
            raise ThresholdError(f"unknown metric {name!r}", start, advice)
        return self.metrics[name]

    def _known_metrics(self) -> str:
        own = [repr(name) for name in self.metrics if name not in TABLE]
        of_scenario = f"; the scenario's own are {', '.join(own)}" if own else ""
        return f"`loadws docs metrics` lists those of loadws{of_scenario}"

    def _labels(self, metric: Metric) -> dict[str, str]:
        labels: dict[str, str] = {}
        if not self._literal("{"):
            return labels
        allowed = (*metric.labels, "phase")
        while True:
            self._space()
            start = self.at
            label = self._take(_NAME)
            if label is None or not self._literal("="):
                raise ThresholdError("between { and } stand label=value pairs", start)
            if label not in allowed:
                raise ThresholdError(
                    f"{metric.name!r} has no label {label!r}", start, f"its labels are {', '.join(allowed)}"
                )
            if label in labels:
                raise ThresholdError(f"the label {label!r} stands twice", start)
            value = self._quoted()
            if value is None:
                value = (self._take(_UNQUOTED) or "").strip()
            if not value:
                raise ThresholdError(f"the label {label!r} has no value", self.at)
            labels[label] = value
            if self._literal("}"):
                return labels
            if not self._literal(","):
                raise ThresholdError("labels are not closed by }", self.at)

    def _aggregate(self, metric: Metric) -> str:
        default = DEFAULT_AGGREGATE[metric.kind]
        choices = metric.choices
        if not self._literal("."):
            if default is None:
                raise ThresholdError(
                    f"{metric.name!r} is a histogram: say which value of it", self.at, f"one of {choices}"
                )
            return default
        start = self.at
        aggregate = self._take(_AGGREGATE)
        if aggregate is None or not metric.has_aggregate(aggregate):
            raise ThresholdError(
                f"{metric.name!r} has no aggregate {aggregate or ''!r}",
                start,
                f"its aggregates are {choices}",
            )
        return aggregate

    def _op(self) -> str:
        for op in OPERATORS:  # two-character operators stand first in the table
            if self._literal(op):
                return op
        raise ThresholdError("here a comparison is missing", self.at, "one of < <= > >= ==")

    def _value(self, unit: str) -> float:
        self._space()
        start = self.at
        text = self._take(_NUMBER)
        if text is None:
            raise ThresholdError("here a number is missing", start)
        found = self._take(_SUFFIX)
        if unit == "ns" and found not in DURATION_UNITS:
            raise ThresholdError("a time needs its unit", start, "for example 200ms or 1.5s")
        factor = Decimal(1) if found is None or found == unit else _FACTORS.get(unit, {}).get(found)
        if factor is None:
            raise ThresholdError(f"the unit {found!r} does not fit here", start, f"this value is in {unit!r}")
        return self._scaled(text, factor, start)

    def _scaled(self, text: str, factor: Decimal, start: int) -> float:
        """In decimal, because 99.9 / 100 in binary is above 0.999, and 1.1 × 10⁶ above 1,100,000."""
        try:
            value = float(Decimal(text) * factor)
        except ArithmeticError:
            value = math.inf
        if math.isinf(value):
            raise ThresholdError("this number is out of range", start)
        return value
