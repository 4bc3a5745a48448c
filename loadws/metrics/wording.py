"""A judged rule as one sentence: the value, its limit, its interval, and how many more samples would decide."""

from __future__ import annotations

import re

from loadws.metrics.summary import Check
from loadws.terms.thresholds import format_value
from loadws.terms.units import format_count

_COMPARISON = re.compile(r"\s*(<=|>=|==|<|>)\s*[^<>=]*$")
_LIMITS = {"<": "limit", "<=": "limit", ">": "at least", ">=": "at least", "==": "wanted"}


def sentence_of(check: Check) -> str:
    """Return for example "response_time.p95 was 197 ms (95% interval 180 ms to 210 ms), limit 100 ms"."""
    subject = subject_of(check.rule)
    if check.outcome == "no_data":
        return f"{subject} had no data"
    aside = "; ".join(part for part in (check.note if check.unit == "ratio" else "", interval_of(check)) if part)
    text = f"{subject} was {observed_of(check)}{f' ({aside})' if aside else ''}"
    if check.limit is not None:
        text += f", {_LIMITS.get(check.op, 'limit')} {format_value(check.limit, check.unit)}"
    return f"{text}: {too_close_of(check)}" if check.outcome == "too_close" else text


def subject_of(rule: str) -> str:
    """Return the subject of a rule: the rule without its comparison."""
    return _COMPARISON.sub("", rule).strip()


def observed_of(check: Check) -> str:
    """Return the observed value, with one more digit where rounding would make it equal to the limit."""
    text = format_value(check.observed, check.unit)
    is_on_the_limit = check.limit is not None and text == format_value(check.limit, check.unit)
    if is_on_the_limit and check.observed != check.limit and check.unit == "ratio" and check.observed is not None:
        return f"{check.observed * 100:.6g}%"
    return text


def interval_of(check: Check) -> str:
    """Return the interval as text; empty where the rule has none."""
    if (check.lower is None and check.upper is None) or check.lower == float("inf"):
        return ""
    lower = format_value(check.lower, check.unit) if check.lower is not None else "below the fastest sample"
    upper = format_value(check.upper, check.unit) if check.upper is not None else "beyond the slowest sample"
    if check.lower is not None and check.upper is None and check.observed == float("inf"):
        upper = "never"
    return f"95% interval {lower} to {upper}"


def too_close_of(check: Check) -> str:
    """Return how many more samples would decide the rule."""
    if check.needs is None:
        return "too close to call, and it is about as large as its limit, so more samples would not help"
    return f"too close to call with {format_count(check.samples)} samples; about {format_count(check.needs)} more would tell"
