"""Comparison rules: text -> ``ComparisonRule``, checked against the table of metrics.

::

    rule  := selection [ op limit ]
    op    := <= | >=
    limit := ( "+" | "-" ) number [ "%" | "pp" | unit ]
    unit  := a duration's (us ms s m h), a size's (B kB KiB …) or "/s"

    response_time{step=join}.p99 <= +10%      at most a tenth slower than the baseline
    response_time.p99 <= +5ms                 at most 5 ms slower
    error_rate <= +0.1pp                      at most 0.1 percentage points more failures
    iterations.rate >= -5%                    at most a twentieth fewer
    response_time.p99                         the default limit of a value that should be low

``rule_text`` describes ``selection``. A limit is the largest allowed change (``<=``), or the smallest (``>=``), from the
baseline to the candidate, and always has a sign. ``%`` is relative to the baseline. A value that is a share (``error_rate``,
``delivery.completeness``) is compared by the difference in percentage points (``pp``), because its ratio has no meaning
where the baseline has no failures. A selection alone has the default limit of its kind, on the side that the table of
metrics calls worse.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Literal, NoReturn

import msgspec

from loadws.terms.metrics import TABLE, Better, Metric, percentile_of
from loadws.terms.rule_text import SUFFIX, RuleError, RuleReader, Selection
from loadws.terms.thresholds import FACTORS, Threshold
from loadws.terms.units import DURATION_UNITS

Op = Literal["<=", ">="]
OPS: tuple[Op, ...] = ("<=", ">=")
#: The default limits. Five percent lies halfway (in logarithms) between no change and a tenth, so that a comparison that can
#: show a tenth to be too slow can also show an equal candidate to be within the limit.
DEFAULT_PERCENT = "5%"
DEFAULT_POINTS = "0.1pp"
#: The rules of a comparison that was given none, as far as both sides measured them. They are few, because with each further
#: rule every other needs more evidence (Holm).
HEADLINES = (
    "response_time.p50",
    "response_time.p99",
    "delivery.p99",
    "delivery.completeness",
    "error_rate",
)
_SIGNED = re.compile(r"[+-]\d+(\.\d+)?([eE][+-]?\d+)?")
_UNSIGNED = re.compile(r"\d")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_LABELS = re.compile(r"\{[^}]*\}")
_THRESHOLD = re.compile(r"(?:[<>=]=|[<>])(?!=)\s*(?![+-])\S")
_PERCENT = Decimal("0.01")
#: Units in which a limit is written back; powers of ten, so that no digit is lost.
_WRITTEN = (("s", Decimal(10) ** 9), ("ms", Decimal(10) ** 6), ("us", Decimal(10) ** 3), ("ns", Decimal(1)))


class ComparisonRule(msgspec.Struct, frozen=True):
    """One parsed rule. ``limit`` is a fraction of the baseline where ``relative`` (0.1 for 10 %), else in the unit of
    ``selection`` (0.001 of a ratio for 0.1 pp).
    """

    rule: str
    selection: Selection
    op: Op
    limit: float
    relative: bool

    @property
    def percentile(self) -> float | None:
        """Return 99.9 for ``p99.9``; None where the aggregate is not a percentile."""
        return percentile_of(self.selection.aggregate)

    @property
    def judges_share(self) -> bool:
        """Return whether the value is a share of tries or deliveries, which is compared by counts."""
        return self.selection.unit == "ratio"

    @property
    def threshold(self) -> Threshold:
        """Return a threshold on the same value, to look the value up in a summary; its limit has no meaning."""
        at = self.selection
        return Threshold(self.rule, at.metric, at.aggregate, self.op, 0.0, at.unit, at.labels)

    @property
    def is_upper(self) -> bool:
        """Return whether a larger change is worse."""
        return self.op == "<="

    def __str__(self) -> str:
        """Return the rule in full, with its limit; it reads as the same rule."""
        return f"{self.selection} {self.op} {_limit_text(self)}"


def is_comparison(rule: str) -> bool:
    """Return whether a rule compares with a baseline: it has no limit, or its limit has a sign.

    Any other rule is a threshold, which is judged on one run alone.
    """
    return _THRESHOLD.search(_LABELS.sub("", _QUOTED.sub("", rule))) is None


def parse_comparison(rule: str, own: Mapping[str, Metric] | None = None) -> ComparisonRule:
    """Return the rule that the text states. ``own`` are the metrics that the scenario itself declares.

    Raises ``RuleError`` at the first problem.
    """
    metrics = {**TABLE, **(own or {})}
    reader = RuleReader(rule, metrics)
    selection = reader.selection()
    if reader.is_at_end():
        return _by_default(rule, selection, metrics[selection.metric])
    op = _op(reader)
    limit, relative = _limit(reader, selection.unit)
    reader.end("the limit")
    return ComparisonRule(rule, selection, op, limit, relative)


def default_rules(measured: Collection[str]) -> tuple[ComparisonRule, ...]:
    """Return the rules of a comparison that was given none. ``measured`` are the metrics that both sides have."""
    rules = (parse_comparison(headline) for headline in HEADLINES)
    return tuple(rule for rule in rules if rule.selection.metric in measured)


def better(metric: Metric, aggregate: str) -> Better:
    """Return which direction of a metric's aggregate is better. The number of samples of a histogram or a rate has
    none.
    """
    if aggregate == "completeness":
        return "higher"
    counts_samples = metric.kind == "histogram" and aggregate in ("count", "rate")
    return "neither" if counts_samples or (metric.kind == "rate" and aggregate == "count") else metric.better


def _by_default(rule: str, selection: Selection, metric: Metric) -> ComparisonRule:
    way = better(metric, selection.aggregate)
    if way == "neither":
        raise RuleError(
            f"neither more nor less of {metric.name + '.' + selection.aggregate!r} is worse in itself: a limit is missing",
            len(rule),
            f"for example: {selection} <= +{DEFAULT_PERCENT}, or {selection} >= -{DEFAULT_PERCENT}",
        )
    limit = DEFAULT_POINTS if selection.unit == "ratio" else DEFAULT_PERCENT
    side = f"<= +{limit}" if way == "lower" else f">= -{limit}"
    full = parse_comparison(f"{selection} {side}", {metric.name: metric})
    return ComparisonRule(rule, selection, full.op, full.limit, full.relative)


def _op(reader: RuleReader) -> Op:
    reader.skip_space()
    start = reader.at
    found = reader.operator(("<=", ">=", "<", ">", "=="))
    for op in OPS:
        if found == op:
            return op
    raise RuleError(
        f"a change is not compared by {found!r}", start, "write <= for the largest change, >= for the smallest"
    )


def _limit(reader: RuleReader, unit: str) -> tuple[float, bool]:
    """Return the limit, and whether it is relative to the baseline."""
    reader.skip_space()
    start = reader.at
    text = reader.take(_SIGNED)
    if text is None:
        _refuse_number(reader, start)
    suffix = reader.take(SUFFIX)
    if suffix == "%":
        return _relative(reader, text, unit, start), True
    return reader.scaled(text, _factor(suffix, unit, start), start), False


def _refuse_number(reader: RuleReader, start: int) -> NoReturn:
    if reader.take(_UNSIGNED):
        raise RuleError("a change needs its sign", start, "write +10% for a tenth more, -10% for a tenth less")
    raise RuleError("here a limit is missing", start, "for example +10%, +5ms, -5% or +0.1pp")


def _relative(reader: RuleReader, text: str, unit: str, start: int) -> float:
    if unit == "ratio":
        raise RuleError("a share is compared in percentage points", start, "for example error_rate <= +0.1pp")
    limit = reader.scaled(text, _PERCENT, start)
    if limit <= -1:
        raise RuleError("nothing can fall by all of it or more", start, "write a limit above -100%")
    return limit


def _factor(suffix: str | None, unit: str, start: int) -> Decimal:
    """Return how much one of ``suffix`` is in ``unit``.

    Raises:
        RuleError: The suffix is no unit of this kind.
    """
    if unit == "ratio":
        if suffix == "pp":
            return _PERCENT
        raise RuleError("a share is compared in percentage points", start, "for example error_rate <= +0.1pp")
    if unit == "ns" and suffix not in DURATION_UNITS:
        raise RuleError("a limit on a time needs % or a unit of time", start, "for example +10% or +5ms")
    factor = Decimal(1) if suffix is None or suffix == unit else FACTORS.get(unit, {}).get(suffix)
    if factor is None:
        raise RuleError(f"the unit {suffix!r} does not fit here", start, f"write % or a number in {unit!r}")
    return factor


def _limit_text(rule: ComparisonRule) -> str:
    limit = Decimal(repr(rule.limit))
    if rule.relative:
        return f"{_digits(limit / _PERCENT)}%"
    match rule.selection.unit:
        case "ratio":
            return f"{_digits(limit / _PERCENT)}pp"
        case "ns":
            unit, size = next((each for each in _WRITTEN if abs(limit) >= each[1]), _WRITTEN[-1])
            return f"{_digits(limit / size)}{unit}"
        case "bytes":
            return f"{_digits(limit)}B"
        case "/s":
            return f"{_digits(limit)}/s"
    return _digits(limit)


def _digits(number: Decimal) -> str:
    """Return the number with its sign and without needless zeros."""
    plain = number.normalize()
    return f"{plain:+f}" if abs(plain.adjusted()) < 15 else f"{plain:+E}"
