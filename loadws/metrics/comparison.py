"""The record of a comparison of runs: what ``--json`` writes, what ``comparison.json`` holds, and what reports render.

A change is a fraction of the baseline where ``relative`` (0.1 for 10 % more), else in the rule's unit. JSON has no infinite
numbers: an end of an interval that is not known is null there.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from loadws.metrics.summary import Check

COMPARISON_VERSION = 1
ComparisonOutcome = Literal["passed", "failed", "inconclusive", "invalid", "interrupted", "no_baseline"]
RuleOutcome = Literal["passed", "failed", "inconclusive", "no_data"]
Number = float | None


class Interval(msgspec.Struct, frozen=True):
    """The evidence of one set of pairs, runs or windows about a rule: the change, its interval, and the p value of the
    limit.

    ``adjusted_p`` is after Holm's correction for several rules. ``n`` pairs, runs of each side or windows were
    compared, and ``unknown`` more could not be.
    """

    change: Number
    low: Number
    high: Number
    p: float
    adjusted_p: float
    n: int
    unknown: int = 0


class RuleResult(msgspec.Struct, frozen=True):
    """One judged rule. ``sentence`` states all of it for users.

    ``smallest`` is the smallest change that this comparison would have found; null where it would have found none,
    however large. ``more`` is about how many more pairs, runs of each side or windows would decide an inconclusive
    rule. ``second`` is the independent set of pairs that a failure was confirmed with.
    """

    rule: str
    outcome: RuleOutcome
    sentence: str
    unit: Literal["pairs", "runs", "windows"]
    relative: bool
    limit: float
    before: Number
    after: Number
    first: Interval
    smallest: Number = None
    more: int | None = None
    second: Interval | None = None


class Watched(msgspec.Struct, frozen=True):
    """A value without a rule that changed: its whole interval lies on one side of no change. It does not affect the
    verdict.
    """

    selection: str
    relative: bool
    change: Number
    low: Number
    high: Number
    sentence: str


class Side(msgspec.Struct, frozen=True):
    """The runs of one side: where each was found or the options it was run with, and the machine and version."""

    name: str
    runs: tuple[str, ...]
    machine_name: str = ""
    loadws_version: str = ""
    plan_hash: str = ""
    started_at: str = ""  # of the oldest run


class ComparisonRecord(msgspec.Struct, frozen=True):
    """A whole comparison. ``gates`` is False where rules are only shown: another machine, or another version of loadws.

    ``checks`` are the thresholds among the rules, which hold against the candidate alone. ``looked_at`` is how many values
    without a rule were compared to find those ``watched``.
    """

    schema_version: int
    scenario: str
    made_at: str
    method: Literal["pairs", "runs", "windows", "none"]
    outcome: ComparisonOutcome
    exit_code: int
    reasons: tuple[str, ...]
    baseline: Side
    candidate: Side
    alpha: float
    gates: bool = True
    rules: tuple[RuleResult, ...] = ()
    checks: tuple[Check, ...] = ()
    watched: tuple[Watched, ...] = ()
    looked_at: int = 0


def to_json(comparison: ComparisonRecord) -> bytes:
    """Return the record as JSON text, with a line end."""
    return msgspec.json.format(msgspec.json.encode(comparison), indent=1) + b"\n"


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the record."""
    return msgspec.json.schema(ComparisonRecord)
