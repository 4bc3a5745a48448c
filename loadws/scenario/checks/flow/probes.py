"""Check that what is published is delivered, that what is delivered is published, and that the message carries its probe."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import JsonValue

from loadws.scenario.checks.findings import Findings
from loadws.scenario.matching.capture import compile_place
from loadws.scenario.matching.extract import MatchError
from loadws.scenario.model.model import Deliver, UserType
from loadws.scenario.model.probes import delivers, publishes
from loadws.scenario.model.step_names import flows_of
from loadws.scenario.model.steps import Payload, PublishStep, walk
from loadws.scenario.named_files import template_of, value_of
from loadws.scenario.template.expression import TemplateError
from loadws.scenario.template.template import compile_template, compile_value
from loadws.scenario.yaml.explain import Where, any_of
from loadws.terms.errors import did_you_mean
from loadws.terms.units import NS_PER_S, format_duration

LONGEST_WITHIN_NS = 600 * NS_PER_S
#: A probe's place in what it carries has 16 bits.
MOST_PROBES = 2**16


def check_probes(findings: Findings) -> None:
    published = {step.publish.probe: step for _, step in publishes(findings.scenario)}
    delivered = {deliver.probe: deliver for _, deliver, _ in delivers(findings.scenario)}
    if not findings.lost_steps and not findings.cut:
        _check_both_sides(findings, published, delivered)
        _check_audiences(findings)
    for where, step in publishes(findings.scenario):
        if not _carries_probe(step, findings.base):
            message = "this message does not contain its probe, so its receivers could not recognise it"
            key = "send" if step.carrier is None else step.carrier.verb
            findings.error((*where, key), message, 'put "{{ probe }}" in its text or json')
    first: dict[str, tuple[int, int]] = {}
    for where, deliver, user_type in delivers(findings.scenario):
        _check_deliver(findings, where, deliver, user_type)
        within, line = first.setdefault(deliver.probe, (deliver.within, findings.line_of(where)))
        if within != deliver.within:
            message = f"deliveries of {deliver.probe!r} count for {format_duration(within)} already, in line {line}"
            findings.error((*where, "within"), message, "a probe has one within")


def _check_both_sides(findings: Findings, published: Iterable[str], delivered: Iterable[str]) -> None:
    """Warn of a probe that no handler delivers: it has no receivers. Add an error for one that no step publishes."""
    for where, step in publishes(findings.scenario):
        name = step.publish.probe
        if name not in delivered:
            advice = (
                did_you_mean(name, delivered)
                or f"write on: message: [{{where: ..., deliver: {{probe: {name}, id: ...}}}}]"
            )
            findings.warning((*where, "probe"), f"no message handler delivers the probe {name!r}", advice)
    for where, deliver, _ in delivers(findings.scenario):
        if deliver.probe not in published:
            advice = did_you_mean(deliver.probe, published) or "a publish step does"
            findings.error((*where, "probe"), f"no step publishes the probe {deliver.probe!r}", advice)


def _check_audiences(findings: Findings) -> None:
    """Add an error for an audience without members. Where a template names an audience, only the run knows its members."""
    audiences: dict[str, set[str | None]] = {}
    for _, deliver, _ in delivers(findings.scenario):
        audiences.setdefault(deliver.probe, set()).add(deliver.in_)
    for where, step in publishes(findings.scenario):
        to, known = step.publish.to, audiences.get(step.publish.probe, {None})
        if to is None or to in known or any(name is None or "{{" in name for name in known) or "{{" in to:
            continue
        there_are = any_of(sorted(name for name in known if name))
        findings.error((*where, "to"), f"the audience {to!r} has no members", f"deliver says in: {there_are}")


def _check_deliver(findings: Findings, where: Where, deliver: Deliver, user_type: UserType) -> None:
    try:
        compile_place(deliver.id)
    except MatchError as error:
        findings.error((*where, "id", *error.path), str(error), error.advice)
    if deliver.within > LONGEST_WITHIN_NS:
        message = f"a delivery counts for {format_duration(LONGEST_WITHIN_NS)} at most"
        findings.error((*where, "within"), message, "what is under way is remembered for that long")
    steps = {step.label for _, flow in flows_of(user_type) for _, step in walk(flow)}
    for key in ("after", "until"):
        name = getattr(deliver, key)
        if name is not None and name not in steps and not findings.lost_steps:
            advice = did_you_mean(name, steps) or "give the step that joins the room a name"
            findings.error((*where, key), f"this user has no step {name!r}", advice)


def _carries_probe(step: PublishStep, base: Path) -> bool:
    """Return whether a step's message carries its probe."""
    said = {} if step.carrier is None else step.carrier.arguments()
    return _is_in_value(said) or any(_is_in_payload(payload, base) for _, payload in step.payloads())


def _is_in_value(value: JsonValue) -> bool:
    try:
        return "probe" in compile_value(value).names
    except TemplateError:
        return True


def _is_in_payload(payload: Payload, base: Path) -> bool:
    """Return whether a payload has its probe. A wrong template has its own message elsewhere, so it counts as yes."""
    try:
        if (text := template_of(payload, base)) is not None:
            return "probe" in compile_template(text).names
        return "probe" in compile_value(value_of(payload)).names
    except TemplateError:
        return True
