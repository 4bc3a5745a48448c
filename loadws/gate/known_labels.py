"""Labels of rules that no run has: a wrong name, with which a rule has no data, or for a count holds for ever.

Only the runs are known here, not their scenarios. A step, phase or probe that no run measured can give no time and no share,
so the rule is wrong. A count is 0 without it, which a step without errors has too: that is only doubtful.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from loadws.metrics.summary import Summary
from loadws.terms.errors import did_you_mean
from loadws.terms.failures import KINDS, is_known, is_of
from loadws.terms.thresholds import Threshold

#: What stands in the place of a step in counts of errors.
_PLACES = ("connection", "on", "on.message", "variables")
#: Of many names, so many are listed where none is similar.
_MOST_LISTED = 8


class UnknownLabel(NamedTuple):
    """A label whose value no run has. ``is_certain``: the rule cannot have data, and is not only doubtful."""

    label: str
    value: str
    message: str
    advice: str
    is_certain: bool


def unknown_labels(rule: Threshold, runs: Sequence[Summary]) -> Iterator[UnknownLabel]:
    """Yield each label of a rule whose value none of the runs has, as far as their names of that label are known."""
    is_count = all(entry.kind == "counter" for run in runs for entry in run.metrics if entry.name == rule.metric)
    for label, value in rule.labels.items():
        if label == "kind" and rule.metric == "errors":
            if not is_known(value):
                yield _unknown(label, value, KINDS, "", is_certain=True)
            continue
        names = dict.fromkeys(_names(label, rule.metric, runs))
        if not names or value in names or (is_count and value in _PLACES):
            continue
        if label == "kind" and any(is_of(name, value) for name in names):
            continue
        yield _unknown(label, value, names, " in these runs", is_certain=not is_count)


def _names(label: str, metric: str, runs: Iterable[Summary]) -> Iterator[str]:
    """Yield the names that a label has: of a kind, those of the same metric."""
    for run in runs:
        if label == "phase":
            yield from (phase.name for phase in run.run.phases)
        for entry in run.metrics:
            if label in entry.labels and (label != "kind" or entry.name == metric):
                yield entry.labels[label]


def _unknown(label: str, value: str, names: Mapping[str, object], where: str, is_certain: bool) -> UnknownLabel:
    listed = ", ".join(map(repr, list(names)[:_MOST_LISTED])) + (", …" if len(names) > _MOST_LISTED else "")
    advice = did_you_mean(value, names) or f"there {'is' if len(names) == 1 else 'are'} {listed}"
    return UnknownLabel(label, value, f"there is no {label} {value!r}{where}", advice, is_certain)
