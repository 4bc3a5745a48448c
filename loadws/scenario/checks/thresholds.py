"""Thresholds: rules whose metric, aggregate, step and phase exist, and that could find data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from loadws.scenario.checks.findings import Findings
from loadws.scenario.explain import Where, any_of, nearest
from loadws.scenario.labels import walk_steps
from loadws.scenario.model import Scenario, ThresholdRule
from loadws.scenario.probes import delivers, probes_of
from loadws.scenario.steps import CallStep, CountStep, RecordBody, RecordStep
from loadws.terms.metrics import TABLE, Metric, own_counter, own_trend
from loadws.terms.thresholds import Threshold, ThresholdError, parse_threshold

_MESSAGES = frozenset({"send", "publish", "request"})
#: Which steps a metric with a step label measures; a metric that is not here is no step's alone.
MEASURED_STEPS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("connect_time", "dns_time", "tcp_time", "tls_time", "upgrade_time"), frozenset({"connect"})),
    **dict.fromkeys(("response_time", "service_time"), frozenset({"request"})),
    **dict.fromkeys(("first_message_time", "last_message_time"), frozenset({"request"})),
    **dict.fromkeys(("send_lag", "write_wait"), _MESSAGES),
    "wait_time": frozenset({"wait_for", "barrier"}),
    "ping_time": frozenset({"ping"}),
}
_NO_METRIC = own_counter("")
_METRIC = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([A-Za-z_][\w-]*))""")


#: Names that labels.py counts out; a step that was cut out shifts them.
_NUMBERED = re.compile(r".+-\d+")


@dataclass(frozen=True)
class OwnMetrics:
    """What the scenario's record and count steps declare. ``patterns`` are counts whose names hold templates."""

    named: Mapping[str, Metric]
    patterns: tuple[re.Pattern[str], ...] = ()

    def for_rule(self, rule: str) -> Mapping[str, Metric]:
        """The metrics, and the one that the rule names if a templated count may have that name."""
        match = _METRIC.match(rule)
        name = match and (match[1] or match[2] or match[3])
        if name and name not in self.named and any(pattern.fullmatch(name) for pattern in self.patterns):
            return {**self.named, name: own_counter(name)}
        return self.named


def own_metrics(scenario: Scenario) -> OwnMetrics:
    """The first declaration of each name counts; ``check_own_metrics`` complains about others."""
    named: dict[str, Metric] = {}
    patterns: list[re.Pattern[str]] = []
    for metric in (metric for _, step in walk_steps(scenario) for _, metric in _declared(step)):
        if metric.name in TABLE:
            continue
        if "{{" in metric.name:
            patterns.append(_pattern(metric.name))
        else:
            named.setdefault(metric.name, metric)
    return OwnMetrics(named, tuple(patterns))


def _declared(step: object) -> Iterator[tuple[Where, Metric]]:
    """The metrics that a step makes, each with the place of its name in the step."""
    match step:
        case RecordStep():
            yield ("record", "name"), own_trend(step.record.name, step.record.metric_unit)
        case CountStep():
            yield ("count",), own_counter(step.count)
        case CallStep():
            for name, unit in step.call.records.items():
                yield ("call", "records", name), own_trend(name, RecordBody(name=name, value=0, unit=unit).metric_unit)
            for index, name in enumerate(step.call.counts):
                yield ("call", "counts", index), own_counter(name)


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(".+".join(map(re.escape, re.split(r"\{\{.*?\}\}", template))))


def check_own_metrics(findings: Findings) -> None:
    """A name is one metric: not one of loadws' own, and not a trend here and a count or another unit there."""
    first: dict[str, tuple[Metric, int]] = {}
    declared = ((where, each) for where, step in walk_steps(findings.scenario) for each in _declared(step))
    for where, (path, metric) in declared:
        place = (*where, *path)
        if metric.name in TABLE:
            findings.error(place, f"{metric.name!r} is a metric of loadws itself", "choose another name")
            continue
        known, line = first.setdefault(metric.name, (metric, findings.line_of(where)))
        if known.kind != metric.kind:
            findings.error(place, f"{metric.name!r} is a {known.kind} already, in line {line}", "choose another name")
        elif known.unit != metric.unit:
            findings.error(place, f"{metric.name!r} has the unit {known.unit!r} already, in line {line}")


# -- rules ------------------------------------------------------------------------------------------------------------


def check_thresholds(findings: Findings, own: OwnMetrics) -> tuple[Threshold, ...]:
    """The rules parsed, as many as can be."""
    rules = enumerate(findings.scenario.thresholds)
    parsed = [_check_rule(findings, index, rule, own) for index, rule in rules]
    return tuple(threshold for threshold in parsed if threshold)


def _check_rule(findings: Findings, index: int, rule: ThresholdRule, own: OwnMetrics) -> Threshold | None:
    where = ("thresholds", index)
    if "after" in rule.model_fields_set and not rule.abort:
        findings.error(
            (*where, "after"), "after says when a rule may abort the run: it goes with abort: true", at_key=True
        )
    metrics = own.for_rule(rule.rule)
    try:
        threshold = parse_threshold(rule.rule, metrics)
    except ThresholdError as error:
        if not _metric_was_cut(findings, rule.rule):
            findings.error_in((*where, "rule"), rule.rule, error.offset, str(error), error.advice)
        return None
    _check_labels(findings, index, threshold)
    return threshold


def _metric_was_cut(findings: Findings, rule: str) -> bool:
    match = _METRIC.match(rule)
    return match is not None and not findings.cut_words.isdisjoint(match.groups())


def _check_labels(findings: Findings, index: int, threshold: Threshold) -> None:
    _check_step(findings, index, threshold)
    _check_probe(findings, index, threshold)
    phase = threshold.labels.get("phase")
    if phase is None or phase in findings.cut_words:
        return
    phases = {each.name: each for each in findings.scenario.load if each.name}
    if phase not in phases:
        _unknown_label(findings, index, threshold, "phase", phases)
    elif phases[phase].warmup:
        _at_label(findings, index, threshold, "phase", f"the phase {phase!r} is warm-up, which is not judged")


def _check_step(findings: Findings, index: int, threshold: Threshold) -> None:
    verbs = dict(_verbs(findings.scenario))
    if "call" in verbs.values():
        return  # a function gives its steps what names it likes; a rule that finds no data fails
    name = threshold.labels.get("step")
    if name is not None and name not in verbs:
        if name in findings.cut_words or (findings.lost_steps and _NUMBERED.fullmatch(name)):
            return
        _unknown_label(findings, index, threshold, "step", verbs)
        return
    measured = MEASURED_STEPS.get(threshold.metric)
    if measured is None or findings.lost_steps:
        return
    if name is not None and verbs[name] not in measured:
        message = f"{threshold.metric!r} measures {any_of(sorted(measured))} steps, and {name!r} is a {verbs[name]!r}"
        _at_label(findings, index, threshold, "step", message)
    elif not measured & set(verbs.values()):
        message = f"this scenario has no {any_of(sorted(measured))} step, so {threshold.metric!r} will have no data"
        findings.error(("thresholds", index, "rule"), message, "a rule without data fails")


def _check_probe(findings: Findings, index: int, threshold: Threshold) -> None:
    if not TABLE.get(threshold.metric, _NO_METRIC).is_of_probes or findings.lost_steps:
        return
    probes = dict.fromkeys(spec.name for spec in probes_of(findings.scenario))
    delivered = {deliver.probe for _, deliver, _ in delivers(findings.scenario)}
    name = threshold.labels.get("probe")
    if not probes:
        message = f"this scenario has no publish step, so {threshold.metric!r} will have no data"
        findings.error(("thresholds", index, "rule"), message, "a rule without data fails")
    elif not (delivered if name is None or name not in probes else delivered & {name}):
        message = f"no message handler delivers {'a probe' if name is None else repr(name)}, so this will have no data"
        findings.error(("thresholds", index, "rule"), message, "a rule without data fails")
    elif name is not None and name not in probes and name not in findings.cut_words:
        _unknown_label(findings, index, threshold, "probe", probes)


def _verbs(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """Step names and verbs, with what loadws does unasked: the connects of flows that have none, and keep-alive pings."""
    if not all(user_type.is_whole_session for user_type in scenario.user_types):
        yield "connect", "connect"
    if scenario.connection.ping is not None:
        yield "keepalive", "ping"
    for _, step in walk_steps(scenario):
        yield step.label, step.verb


def _unknown_label(
    findings: Findings, index: int, threshold: Threshold, label: str, known: Mapping[str, object]
) -> None:
    value = threshold.labels[label]
    advice = nearest(value, known) or (f"there are {any_of(known)}" if known else f"no {label} has a name")
    _at_label(findings, index, threshold, label, f"there is no {label} {value!r}", advice)


def _at_label(findings: Findings, index: int, threshold: Threshold, label: str, message: str, advice: str = "") -> None:
    """At the label's value in the rule."""
    text = threshold.rule
    after_label = text.index("=", text.index(label, text.index("{"))) + 1
    at = text.index(threshold.labels[label], after_label)
    findings.error_in(("thresholds", index, "rule"), text, at, message, advice)
