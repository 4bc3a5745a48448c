"""The metrics that a scenario declares: by ``record``, ``count``, ``measure`` and a call's ``records`` and ``counts``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

from loadws.scenario.checks.findings import Findings
from loadws.scenario.model.model import Scenario
from loadws.scenario.model.step_names import walk_steps
from loadws.scenario.yaml.explain import Where
from loadws.terms.metrics import TABLE, Metric, own_counter

#: The metric that a rule begins with, quoted or not.
METRIC = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([A-Za-z_][\w-]*))""")


class OwnMetrics(msgspec.Struct, frozen=True):
    """The metrics that a scenario declares. ``patterns`` are those of counters whose names have templates."""

    named: Mapping[str, Metric]
    patterns: tuple[re.Pattern[str], ...] = ()

    def for_rule(self, rule: str) -> Mapping[str, Metric]:
        """Return the metrics, and the one that the rule names if some counter with a template may have that name."""
        match = METRIC.match(rule)
        name = match and (match[1] or match[2] or match[3])
        if name and name not in self.named and any(pattern.fullmatch(name) for pattern in self.patterns):
            return {**self.named, name: own_counter(name)}
        return self.named


def own_metrics(scenario: Scenario) -> OwnMetrics:
    """Return the declared metrics. Of several declarations of a name the first counts; see ``check_own_metrics``."""
    named: dict[str, Metric] = {}
    patterns: list[re.Pattern[str]] = []
    for _, metric in _declared(scenario):
        if metric.name in TABLE:
            continue
        if "{{" in metric.name:
            patterns.append(_pattern(metric.name))
        else:
            named.setdefault(metric.name, metric)
    return OwnMetrics(named, tuple(patterns))


def _declared(scenario: Scenario) -> Iterator[tuple[Where, Metric]]:
    """Yield every metric that the scenario declares, with the place of its name."""
    for where, step in walk_steps(scenario):
        yield from (((*where, *path), metric) for path, metric in step.own_metrics())
    for index, measure in enumerate(scenario.measure):
        yield ("measure", index, "name"), measure.metric()


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(".+".join(map(re.escape, re.split(r"\{\{.*?\}\}", template))))


def check_own_metrics(findings: Findings) -> None:
    """Check that a name is one metric: not a metric of loadws, and always of the same kind and unit."""
    first: dict[str, tuple[Metric, int]] = {}
    for place, metric in _declared(findings.scenario):
        if metric.name in TABLE:
            findings.error(place, f"{metric.name!r} is a metric of loadws itself", "choose another name")
            continue
        known, line = first.setdefault(metric.name, (metric, findings.line_of(place)))
        if known.kind != metric.kind:
            findings.error(place, f"{metric.name!r} is a {known.kind} already, in line {line}", "choose another name")
        elif known.unit != metric.unit:
            findings.error(place, f"{metric.name!r} has the unit {known.unit!r} already, in line {line}")
