"""Which verbs measure a metric, and which count tries of a kind: looked up from the facets of the steps."""

from __future__ import annotations

from loadws.scenario.model.steps import STEPS

#: Every kind of try: what ``error_rate{kind=...}`` may name beside the kinds of ends, ``closed`` and ``lost``.
TRIES = sorted(frozenset[str]().union(*(step.measures.tries for step in STEPS.values())))


def verbs_measuring(metric: str) -> frozenset[str]:
    """Return the verbs whose steps the metric measures; none where the metric is no single step's."""
    return frozenset(verb for verb, step in STEPS.items() if metric in step.measures.metrics)


def verbs_trying(kind: str) -> frozenset[str]:
    """Return the verbs that count tries of this kind."""
    return frozenset(verb for verb, step in STEPS.items() if kind in step.measures.tries)
