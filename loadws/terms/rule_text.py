"""The part of the rule grammar that thresholds and comparison rules share: a metric, its labels and its aggregate.

::

    selection := metric [ "{" label "=" value { "," label "=" value } "}" ] [ "." aggregate ]
    metric    := name | quoted
    value     := quoted | any characters but  , } = " '
    quoted    := '"' characters '"' | "'" characters "'"
    aggregate := p1 … p99.999999 | max | min | mean | count | rate | completeness

Labels select exactly; entries that differ only in labels that are not named are merged.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal

import msgspec

from loadws.terms.errors import LoadwsError, did_you_mean
from loadws.terms.metrics import DEFAULT_AGGREGATE, TABLE, Metric

_NAME = re.compile(r"[A-Za-z_][\w-]*")
#: The word behind the dot, right or wrong, up to a space or a comparison.
_AGGREGATE = re.compile(r"[^\s<>=!+]+")
_UNQUOTED = re.compile(r"[^,}=\"']+")
#: What may follow a number: ``%``, ``/s``, or the letters of a unit.
SUFFIX = re.compile(r"%|/s|[A-Za-zµ]+")


class RuleError(LoadwsError):
    """A rule that cannot be read. ``offset`` is the position of the problem in the rule's text, from 0."""

    def __init__(self, message: str, offset: int, advice: str = "") -> None:
        super().__init__(message, advice)
        self.offset = offset


class Selection(msgspec.Struct, frozen=True):
    """The value that a rule judges. ``unit`` is the metric's unit, or ``/s`` for the rate of a count."""

    metric: str
    aggregate: str
    unit: str
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)

    def __str__(self) -> str:
        """Return the text that reads as this selection."""
        pairs = ",".join(f"{label}={_quoted_value(value)}" for label, value in self.labels.items())
        name = self.metric if _NAME.fullmatch(self.metric) else _in_quotes(self.metric)
        return f"{name}{f'{{{pairs}}}' if pairs else ''}.{self.aggregate}"


def unit_of(metric: Metric, aggregate: str) -> str:
    """Return the unit of a metric's aggregate.

    A counter counts in its own unit (bytes, say); the count of anything else is a number of samples.
    """
    if aggregate == "completeness":
        return "ratio"
    if aggregate == "rate" and metric.kind != "rate":
        return "/s"
    return "1" if aggregate == "count" and metric.kind != "counter" else metric.unit


class RuleReader:
    """A rule's text, read from left to right. ``at`` is the offset of the next character.

    Every method raises ``RuleError`` where the text is not what the method reads.
    """

    def __init__(self, text: str, metrics: Mapping[str, Metric]) -> None:
        self.text = text
        self.metrics = metrics
        self.at = 0

    def selection(self) -> Selection:
        """Read metric, labels and aggregate."""
        metric = self._metric()
        labels = self._labels(metric)
        aggregate = self._aggregate(metric)
        return Selection(metric.name, aggregate, unit_of(metric, aggregate), labels)

    def operator(self, operators: Collection[str]) -> str:
        """Read one of ``operators``, the longest that fits.

        Raises:
            RuleError: There is none.
        """
        for each in sorted(operators, key=len, reverse=True):
            if self.literal(each):
                return each
        raise RuleError("here a comparison is missing", self.at, f"one of {' '.join(operators)}")

    def end(self, after: str) -> None:
        """Check that nothing follows. ``after`` names the last part, for the message.

        Raises:
            RuleError: Something follows.
        """
        self.skip_space()
        if self.at < len(self.text):
            raise RuleError(f"nothing may follow {after}: {self.text[self.at :]!r}", self.at)

    def is_at_end(self) -> bool:
        """Return whether only space is left."""
        self.skip_space()
        return self.at == len(self.text)

    def skip_space(self) -> None:
        """Move to the next character that is not space."""
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def take(self, pattern: re.Pattern[str]) -> str | None:
        """Read the next match, after any space; None where the pattern does not match."""
        self.skip_space()
        match = pattern.match(self.text, self.at)
        if not match:
            return None
        self.at = match.end()
        return match[0]

    def literal(self, text: str) -> bool:
        """Read ``text``, after any space; return whether it was there."""
        self.skip_space()
        if not self.text.startswith(text, self.at):
            return False
        self.at += len(text)
        return True

    def scaled(self, number: str, factor: Decimal, start: int) -> float:
        """Return ``number`` times ``factor``. Decimal, because 99.9 / 100 in binary is above 0.999.

        Raises:
            RuleError: The product is too large.
        """
        try:
            value = float(Decimal(number) * factor)
        except ArithmeticError:
            value = math.inf
        if math.isinf(value):
            raise RuleError("this number is out of range", start)
        return value

    def _quoted(self) -> str | None:
        self.skip_space()
        quote = self.text[self.at : self.at + 1]
        if quote not in ("'", '"'):
            return None
        end = self.text.find(quote, self.at + 1)
        if end < 0:
            raise RuleError("this quote is not closed", self.at)
        inside = self.text[self.at + 1 : end]
        self.at = end + 1
        return inside

    def _metric(self) -> Metric:
        self.skip_space()
        start = self.at
        name = self._quoted()
        if name is None:
            name = self.take(_NAME)
        if name is None:
            raise RuleError("a rule begins with a metric", start, "for example: response_time.p99 < 200ms")
        if name not in self.metrics:
            raise RuleError(f"unknown metric {name!r}", start, _known(name, self.metrics))
        return self.metrics[name]

    def _labels(self, metric: Metric) -> dict[str, str]:
        labels: dict[str, str] = {}
        if not self.literal("{"):
            return labels
        while True:
            label = self._label_name(metric, labels)
            labels[label] = self._label_value(label)
            if self.literal("}"):
                return labels
            if not self.literal(","):
                raise RuleError("labels are not closed by }", self.at)

    def _label_name(self, metric: Metric, labels: Mapping[str, str]) -> str:
        allowed = (*metric.labels, "phase")
        self.skip_space()
        start = self.at
        label = self.take(_NAME)
        if label is None or not self.literal("="):
            raise RuleError("between { and } stand label=value pairs", start)
        if label not in allowed:
            raise RuleError(f"{metric.name!r} has no label {label!r}", start, f"its labels are {', '.join(allowed)}")
        if label in labels:
            raise RuleError(f"the label {label!r} stands twice", start)
        return label

    def _label_value(self, label: str) -> str:
        value = self._quoted()
        if value is None:
            value = (self.take(_UNQUOTED) or "").strip()
        if not value:
            raise RuleError(f"the label {label!r} has no value", self.at)
        return value

    def _aggregate(self, metric: Metric) -> str:
        default = DEFAULT_AGGREGATE[metric.kind]
        choices = metric.choices
        if not self.literal("."):
            if default is None:
                raise RuleError(f"{metric.name!r} is a histogram: say which value of it", self.at, f"one of {choices}")
            return default
        start = self.at
        aggregate = self.take(_AGGREGATE)
        if aggregate is None or not metric.has_aggregate(aggregate):
            raise RuleError(
                f"{metric.name!r} has no aggregate {aggregate or ''!r}", start, f"its aggregates are {choices}"
            )
        return aggregate


def _known(name: str, metrics: Iterable[str]) -> str:
    names = list(metrics)
    if advice := did_you_mean(name, names):
        return advice
    own = [repr(name) for name in names if name not in TABLE]
    of_scenario = f"; the scenario's own are {', '.join(own)}" if own else ""
    return f"`loadws docs metrics` lists those of loadws{of_scenario}"


def _quoted_value(value: str) -> str:
    """Return a label's value as it can be read back; plain where that reads the same."""
    plain = _UNQUOTED.fullmatch(value) and value == value.strip()
    return value if plain else _in_quotes(value)


def _in_quotes(text: str) -> str:
    return f"'{text}'" if "'" not in text else f'"{text}"'
