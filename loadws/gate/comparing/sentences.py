"""A comparison in one sentence: statistic, estimate, interval, number, rule, and the smallest change it could have
found.
"""

from __future__ import annotations

import math

from loadws.gate.comparing.compare import Comparison, Found, least_of
from loadws.gate.statistics.outcome import MOST_TIMES
from loadws.terms.comparisons import ComparisonRule
from loadws.terms.thresholds import format_value

#: What the sentence adds for data that are weaker than pairs.
_WEAKER = {
    "pairs": "",
    "runs": ", not paired: a drift of the machine counts as a change",
    "windows": ", one run on each side: noise between runs is not in the interval",
}
_ONE = {"pairs": "pair", "runs": "run on each side", "windows": "window"}
_MANY = {"pairs": "pairs", "runs": "runs on each side", "windows": "windows"}


def sentence(comparison: Comparison) -> str:
    """Return the result in one or two sentences for users."""
    rule, found = comparison.rule, comparison.found
    if found.change is None:
        return f"{rule.selection} has no data to compare: {_where_missing(comparison)}."
    head = f"{rule.selection} {_moved(rule, found)} ({_rests_on(comparison, found)}{_WEAKER[comparison.unit]})"
    return f"{head}: {_verdict(comparison)}.{_power(comparison)}"


def _where_missing(comparison: Comparison) -> str:
    """Return which data have no value. Runs are not paired, so that each side has its own number of them."""
    found = comparison.found
    if comparison.unit != "runs":
        return f"of {_count(comparison, found.unknown)} none has a value on both sides"
    if found.before is None and found.after is None:
        return "no run of either side has a value"
    return f"no run of the {'baseline' if found.before is None else 'candidate'} has a value"


def change_text(rule: ComparisonRule, change: float) -> str:
    """Return a change with its sign, in the rule's own terms: ``+12.1%``, ``-1.5 ms``, ``+0.05 pp``."""
    if not math.isfinite(change):
        return "+∞" if change > 0 else "-∞"
    sign = "+" if change >= 0 else "-"
    size = abs(change)
    if rule.relative:
        return f"{sign}{_three_digits(size * 100)}%"
    if rule.judges_share:
        return f"{sign}{_three_digits(size * 100)} pp"
    return sign + format_value(size, rule.selection.unit)


def interval_text(rule: ComparisonRule, low: float, high: float, alpha: float) -> str:
    """Return an interval: ``99% interval +2% to +5%``, or ``99% interval at least +2%`` where only that end is known."""
    name = f"{_confidence(alpha)} interval"
    if low == high:
        return f"{name} beyond every number" if math.isinf(low) else f"{name} {change_text(rule, low)} exactly"
    if is_open_below(rule, low):
        return f"{name} at most {change_text(rule, high)}"
    if math.isinf(high):
        return f"{name} at least {change_text(rule, low)}"
    return f"{name} {change_text(rule, low)} to {change_text(rule, high)}"


def is_open_below(rule: ComparisonRule, low: float) -> bool:
    """Return whether an interval has no lower end. A change in percent cannot be below -100%, which is then no news."""
    return low == -math.inf or (rule.relative and low <= -1)


def _verdict(comparison: Comparison) -> str:
    limit = f"the limit of {change_text(comparison.rule, comparison.rule.limit)}"
    match comparison.outcome:
        case "passed":
            return f"passed, all of the interval is within {limit}"
        case "failed" if comparison.second is None:
            return f"failed, all of the interval is beyond {limit}"
        case "failed":
            return f"failed, all of the interval is beyond {limit}, and {_again(comparison)} confirms it"
    return f"inconclusive, {_undecided(comparison, limit)}"


def _undecided(comparison: Comparison, limit: str) -> str:
    """Return why the outcome is open, and what would decide it."""
    found = comparison.found
    if comparison.second is not None:
        return f"the interval is beyond {limit}, but {_again(comparison)} does not confirm it"
    if found.unknown:
        return f"{_count(comparison, found.unknown)} could not be compared"
    decides = _decides(comparison)
    if found.adjusted_p <= comparison.alpha:
        return f"the interval is beyond {limit}, but a second set of pairs has not confirmed it"
    if _is_beyond(comparison):
        needed = _probability(comparison.alpha / comparison.rules)
        return (
            f"the interval is beyond {limit}, but not surely enough among {comparison.rules} rules "
            f"(p {_probability(found.p)}, {needed} needed); {decides}"
        )
    if _has_no_interval(comparison.rule, found):
        return decides
    return f"{limit} is inside the interval; {decides}"


def _decides(comparison: Comparison) -> str:
    if comparison.more is None:
        return f"even {MOST_TIMES} times as many {_MANY[comparison.unit]} like these would not decide"
    unit = _ONE[comparison.unit] if comparison.more == 1 else _MANY[comparison.unit]
    if _has_no_interval(comparison.rule, comparison.found):
        return f"at least {comparison.more:,} more {unit} {'is' if comparison.more == 1 else 'are'} needed to decide"
    return f"about {comparison.more:,} more {unit} would decide"


def _again(comparison: Comparison) -> str:
    second = comparison.second
    assert second is not None
    return f"a second set of {_count(comparison, second.n)} ({_in_short(comparison.rule, second, comparison.alpha)})"


def _in_short(rule: ComparisonRule, found: Found, alpha: float) -> str:
    if found.change is None:
        return "no change known"
    change = change_text(rule, found.change) if math.isfinite(found.change) else _moved(rule, found)
    return change if _has_no_interval(rule, found) else f"{change}, {interval_text(rule, found.low, found.high, alpha)}"


def _power(comparison: Comparison) -> str:
    rule = comparison.rule
    size = comparison.smallest
    if math.isinf(size) or (rule.relative and size <= -1):
        is_open = comparison.outcome == "inconclusive"
        return " No change would have been found, however large." if is_open else ""
    return f" A change of {change_text(rule, size)} or {'more' if size > 0 else 'less'} would have been found."


def _moved(rule: ComparisonRule, found: Found) -> str:
    """Return how the value changed. A percentile that falls among the unanswered requests is infinite."""
    assert found.change is not None
    if not found.change:
        return "did not change"
    if found.before == math.inf:
        return "has a value, and the baseline has none: too many of its tries had no answer"
    if math.isfinite(found.change):
        return f"changed by {change_text(rule, found.change)}"
    return "rose from 0" if found.before == 0 else "has no value any more: too many tries had no answer"


def _rests_on(comparison: Comparison, found: Found) -> str:
    """Return the interval and what it rests on, or why there is no interval."""
    counted = _count(comparison, found.n)
    if not _has_no_interval(comparison.rule, found):
        return f"{interval_text(comparison.rule, found.low, found.high, comparison.alpha)}, {counted}"
    is_short = found.n < least_of(comparison.unit, comparison.alpha)
    why = "too few for" if is_short else "with values that have no end, so there is no"
    return f"{counted}, {why} {'a ' if is_short else ''}{_confidence(comparison.alpha)} interval"


def _has_no_interval(rule: ComparisonRule, found: Found) -> bool:
    return is_open_below(rule, found.low) and found.high == math.inf


def _confidence(alpha: float) -> str:
    return f"{(1 - alpha) * 100:.4g}%"


def _is_beyond(comparison: Comparison) -> bool:
    found, limit = comparison.found, comparison.rule.limit
    return found.low > limit if comparison.rule.is_upper else found.high < limit


def _count(comparison: Comparison, n: int) -> str:
    return f"{n:,} {(_ONE if n == 1 else _MANY)[comparison.unit]}"


def _probability(p: float) -> str:
    return f"{p:.2g}"


def _three_digits(number: float) -> str:
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"
