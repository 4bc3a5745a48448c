"""Check the labels of a rule: its step, phase, probe and kind must exist.

A rule on a step that does not exist has no data, and one on a count of it would hold for ever.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from loadws.scenario.checks.findings import Findings
from loadws.scenario.model.measured import TRIES
from loadws.scenario.model.model import Scenario
from loadws.scenario.model.probes import delivers, probes_of
from loadws.scenario.model.step_names import walk_steps
from loadws.scenario.model.steps import STEPS, EveryStep
from loadws.scenario.yaml.explain import any_of
from loadws.terms.errors import did_you_mean
from loadws.terms.failures import KINDS, NEVER_SENT, is_known
from loadws.terms.thresholds import Threshold
from loadws.terms.units import format_duration

#: Names that labels.py counts out; a step that was cut out shifts them.
_NUMBERED = re.compile(r".+-\d+")
#: Families of kinds that ``error_rate`` counts as tries of their own: ends of connections that nothing waited for.
_ENDS = ("closed", "lost")
#: What stands in the place of a step where no step is at fault; of ``errors``, names of data sources too.
_PLACES = {"errors": ("connection", "on", "on.message", "variables"), "error_rate": ("connection",)}


def check_labels(findings: Findings, index: int, threshold: Threshold) -> None:
    """Check every label of a rule against the names that the scenario has."""
    _check_phase(findings, index, threshold)
    _check_step(findings, index, threshold)
    _check_probe(findings, index, threshold)
    _check_every(findings, index, threshold)
    if (kind := threshold.labels.get("kind")) is not None:
        (_check_try if threshold.metric == "error_rate" else _check_kind)(findings, index, threshold, kind)


# -- phases, steps, probes --------------------------------------------------------------------------------------------


def _check_phase(findings: Findings, index: int, threshold: Threshold) -> None:
    phase = threshold.labels.get("phase")
    if phase is None or phase in findings.cut_words:
        return
    phases = {each.name: each for each in findings.scenario.load if each.name}
    if phase not in phases:
        _unknown_label(findings, index, threshold, "phase", phases)
    elif phases[phase].warmup:
        at_label(findings, index, threshold, "phase", f"the phase {phase!r} is warm-up, which is not judged")


def _check_step(findings: Findings, index: int, threshold: Threshold) -> None:
    """Check that a step of this name exists. With a ``call`` this is not known: a function may give its steps any name."""
    verbs = dict(named_steps(findings.scenario))
    name = threshold.labels.get("step")
    if name is None or name in verbs or any(STEPS[verb].is_opaque for verb in verbs.values()):
        return
    if name in _PLACES.get(threshold.metric, ()) or (threshold.metric == "errors" and name in findings.scenario.data):
        return
    if name in findings.cut_words or (findings.lost_steps and _NUMBERED.fullmatch(name)):
        return
    _unknown_label(findings, index, threshold, "step", verbs)


def _check_probe(findings: Findings, index: int, threshold: Threshold) -> None:
    name = threshold.labels.get("probe")
    probes = dict.fromkeys(spec.name for spec in probes_of(findings.scenario))
    delivered = {deliver.probe for _, deliver, _ in delivers(findings.scenario)}
    if name is None or not probes or not delivered or findings.lost_steps or name in findings.cut_words:
        return
    if name not in probes:
        _unknown_label(findings, index, threshold, "probe", probes)


def _check_every(findings: Findings, index: int, threshold: Threshold) -> None:
    every = threshold.labels.get("every")
    steps = (step for _, step in walk_steps(findings.scenario) if isinstance(step, EveryStep))
    intervals = dict.fromkeys(format_duration(step.every) for step in steps)
    if every is not None and intervals and every not in intervals and not findings.lost_steps:
        _unknown_label(findings, index, threshold, "every", intervals)


def named_steps(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """Yield step names and verbs.

    What loadws does unasked is among them: the connects of flows that have none, and keep-alive pings.
    """
    if not all(user_type.is_whole_session for user_type in scenario.user_types):
        yield "connect", "connect"
    if scenario.connection.ping is not None:
        yield "keepalive", "ping"
    for _, step in walk_steps(scenario):
        yield step.label, step.verb


# -- kinds ------------------------------------------------------------------------------------------------------------


def _check_kind(findings: Findings, index: int, threshold: Threshold, kind: str) -> None:
    if is_known(kind):
        return
    family, dot, member = kind.partition(".")
    if dot and member.isdigit() and is_known(family):
        what = "close code" if family == "closed" else "HTTP status"
        advice = f"its kind is {known!r}" if (known := NEVER_SENT.get(int(member))) and family == "closed" else ""
        at_label(findings, index, threshold, "kind", f"no error has the {what} {member}", advice)
        return
    _unknown_kind(findings, index, threshold, f"there is no kind of error {kind!r}", KINDS)


def _check_try(findings: Findings, index: int, threshold: Threshold, kind: str) -> None:
    """Check the kind of ``error_rate``, which is a kind of try; a kind of failure is one of ``errors``."""
    if kind in TRIES or (is_known(kind) and kind.partition(".")[0] in _ENDS):
        return
    message = f"error_rate has no kind {kind!r}: its kinds are what was tried"
    if is_known(kind):
        advice = f"what went wrong with it is errors{{kind={kind}}}; tries are {any_of(TRIES)}"
        at_label(findings, index, threshold, "kind", message, advice)
        return
    _unknown_kind(findings, index, threshold, message, [*TRIES, *_ENDS])


def _unknown_kind(findings: Findings, index: int, threshold: Threshold, message: str, known: Iterable[str]) -> None:
    known = list(known)
    families = [kind for kind in known if "." not in kind]
    advice = did_you_mean(threshold.labels["kind"], known) or f"kinds are {any_of(families)}; see `loadws docs kinds`"
    at_label(findings, index, threshold, "kind", message, advice)


# -- places -----------------------------------------------------------------------------------------------------------


def _unknown_label(findings: Findings, index: int, threshold: Threshold, label: str, known: Iterable[str]) -> None:
    value, known = threshold.labels[label], list(known)
    names = any_of(known).replace(" or ", " and ") if known else ""
    are = f"the {label}s are {names}" if len(known) > 1 else f"the only {label} is {names}"
    advice = did_you_mean(value, known) or (are if known else f"no {label} has a name")
    at_label(findings, index, threshold, label, f"there is no {label} {value!r}", advice)


def at_label(findings: Findings, index: int, threshold: Threshold, label: str, message: str, advice: str = "") -> None:
    """Add an error at the label's value in the rule."""
    text = threshold.rule
    after_label = text.index("=", text.index(label, text.index("{"))) + 1
    at = text.index(threshold.labels[label], after_label)
    findings.error_in(("thresholds", index, "rule"), text, at, message, advice)
