"""Warn of rules that do nothing beside the others: the same rule twice, and one that is first judged after the load."""

from __future__ import annotations

from collections.abc import Sequence

from loadws.scenario.checks.findings import Findings
from loadws.terms.thresholds import Threshold
from loadws.terms.units import format_duration


def check_beside_others(findings: Findings, parsed: Sequence[Threshold | None]) -> None:
    """Warn at each rule. ``parsed`` has the rules in their order; None where one is wrong."""
    _warn_of_repetitions(findings, parsed)
    _warn_of_late_ones(findings)


def _warn_of_repetitions(findings: Findings, parsed: Sequence[Threshold | None]) -> None:
    seen: dict[object, int] = {}
    for index, rule in enumerate(parsed):
        if rule is None:
            continue
        meaning = (rule.metric, rule.aggregate, frozenset(rule.labels.items()), rule.op, rule.value)
        first = seen.setdefault(meaning, index)
        if first != index:
            findings.warning(
                ("thresholds", index), f"this is the rule of thresholds[{first}] once more", "leave one out"
            )


def _warn_of_late_ones(findings: Findings) -> None:
    lengths = [phase.for_ for phase in findings.scenario.load if not phase.warmup]
    if not lengths or None in lengths:
        return
    judged_ns = sum(length or 0 for length in lengths)
    for index, rule in enumerate(findings.scenario.thresholds):
        if rule.abort and rule.after >= judged_ns:
            message = (
                f"it never aborts the run: it is first judged after {format_duration(rule.after)}, and the judged phases "
                f"last {format_duration(judged_ns)}"
            )
            findings.warning(("thresholds", index, "after"), message, "make after shorter")
