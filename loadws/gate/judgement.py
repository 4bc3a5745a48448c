"""Judge every rule of a run as measured and, where it is about a latency, a second time without the lag of loadws
itself.

The verdict must not depend on the generator's own lag: where a rule passes in one of the two judgements and fails in
the other, the run is invalid; where one of them is too close to call, so is the rule (measurement.md, "What makes a run
invalid"). Only send lag is removed. Schedule lag is the server's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import msgspec

from loadws.gate.check import judge_rule, selected_by
from loadws.metrics.runinfo import Ending, RunInfo, ShareInfo
from loadws.metrics.summary import Check, Summary
from loadws.metrics.wording import sentence_of
from loadws.terms.metrics import TABLE
from loadws.terms.thresholds import Threshold, parse_threshold
from loadws.terms.units import format_count

#: Unclaimed and late messages beside a request without ``where``, as a share of its answers. Above this share, answers may
#: belong to other requests too often to judge a latency.
STRAY_SHARE = 0.01
_OF_ANSWERS = frozenset({"response_time", "service_time", "first_message_time", "last_message_time"})


class Judgement(msgspec.Struct, frozen=True):
    """The judged rules. ``changed_by_lag`` are those whose outcome the generator's own lag decides; ``notes`` are
    sentences that any verdict has to show.
    """

    checks: tuple[Check, ...]
    thresholds: tuple[Threshold, ...]
    changed_by_lag: tuple[str, ...]
    notes: tuple[str, ...]


def judge_rules(summary: Summary, info: RunInfo, ending: Ending | None) -> Judgement:
    """Judge every rule of the run. A share has none, because rules are about the whole load. Raises ``RuleError``."""
    if info.share is not None:
        return Judgement((), (), (), (_judged_when_merged(info.share), *_notes(summary)))
    own, windows = info.own(), {(kept.rule, kept.metric): kept.windows for kept in summary.windows}
    checks, thresholds, changed = [], [], []
    for rule in info.rules:
        threshold = parse_threshold(rule.rule, own)
        check, is_changed = _twice(summary, threshold, windows, ending)
        check = _as_another_s_answer(summary, threshold, check)
        if check.outcome == "too_close" and info.too_close == "pass":
            check = msgspec.structs.replace(check, is_excused=True)
        checks.append(check)
        thresholds.append(threshold)
        changed.extend([rule.rule] if is_changed else [])
    return Judgement(tuple(checks), tuple(thresholds), tuple(changed), tuple(_notes(summary)))


def _twice(
    summary: Summary,
    threshold: Threshold,
    windows: Mapping[tuple[str, str], tuple[tuple[int, int], ...]],
    ending: Ending | None,
) -> tuple[Check, bool]:
    """Return the check, and whether the generator's own lag decides it."""
    rule = threshold.rule
    is_aborted = ending is not None and ending.aborted_by == rule
    check = judge_rule(
        summary.metrics, threshold, windows=windows.get((rule, threshold.metric), ()), aborted=is_aborted
    )
    twin = without_lag(threshold)
    if twin is None or check.outcome == "no_data" or is_aborted or not selected_by(summary.metrics, twin):
        return check, False
    other = judge_rule(summary.metrics, twin, windows=windows.get((rule, twin.metric), ()))
    check = msgspec.structs.replace(check, unlagged=None if other.observed == math.inf else other.observed)
    if {check.outcome, other.outcome} == {"passed", "failed"}:
        return check, True
    if other.outcome == "too_close" and check.outcome != "too_close":
        check = msgspec.structs.replace(check, outcome="too_close", needs=other.needs)
        return msgspec.structs.replace(check, sentence=f"{sentence_of(check)} (without the send lag of loadws)"), False
    return check, False


def without_lag(threshold: Threshold) -> Threshold | None:
    """Return the same rule on the same samples without their send lag; None where there are no such samples."""
    metric = TABLE.get(threshold.metric)
    if metric is None or metric.unlagged is None or not threshold.judges_latency:
        return None
    return Threshold(
        threshold.rule,
        metric.unlagged,
        threshold.aggregate,
        threshold.op,
        threshold.value,
        threshold.unit,
        threshold.labels,
    )


# -- answers that may belong to another request ------------------------------------------------------------------------


def _as_another_s_answer(summary: Summary, threshold: Threshold, check: Check) -> Check:
    """Return the check, which is at best too close to call where its latencies may belong to other requests."""
    if threshold.metric not in _OF_ANSWERS or not threshold.judges_latency:
        return check
    strays, answers = _strays(summary, threshold.labels)
    if not strays:
        return check
    note = f"{format_count(strays)} messages came unasked beside its {format_count(answers)} answers"
    note = f"{check.note}; {note}" if check.note else note
    check = msgspec.structs.replace(check, note=note)
    if check.outcome == "passed" and strays > STRAY_SHARE * answers:
        sentence = f"{check.sentence}: too close to call, since {note}; give the reply a `where`"
        return msgspec.structs.replace(check, outcome="too_close", needs=None, sentence=sentence)
    return check


def _strays(summary: Summary, labels: Mapping[str, str]) -> tuple[int, int]:
    """Return (stray messages, answers) of the requests without ``where`` among the steps that the labels select."""
    steps = [entry for entry in summary.entries("stray_messages", **labels) if "step" in entry.labels]
    names = {entry.labels["step"] for entry in steps}
    answers = sum(
        entry.count for entry in summary.entries("response_time", **labels) if entry.labels.get("step") in names
    )
    return max((entry.count for entry in steps), default=0), answers


def _judged_when_merged(share: ShareInfo) -> str:
    return f"This is {share.name}: its rules are judged when all shares are merged (loadws merge)."


def _notes(summary: Summary) -> Iterator[str]:
    strays, answers = _strays(summary, {})
    if strays:
        yield (
            f"{format_count(strays)} messages came that no step asked for; some of the {format_count(answers)} answers to "
            "requests without `where` may be such messages: give the reply a `where`."
        )
