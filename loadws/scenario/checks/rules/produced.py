"""Check that a scenario can give a rule data. A rule without data fails, and a count that is always 0 says nothing.

A function may do anything, so a scenario with a ``call`` gets no such message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import msgspec

from loadws.scenario.checks.findings import Findings
from loadws.scenario.checks.rules.labels import at_label, named_steps
from loadws.scenario.model.measured import verbs_measuring, verbs_trying
from loadws.scenario.model.model import Scenario
from loadws.scenario.model.probes import delivers, probes_of
from loadws.scenario.model.step_names import walk_steps
from loadws.scenario.model.steps import STEPS, AnyStep, ConnectStep, EveryStep
from loadws.scenario.model.steps.messages import STREAMED
from loadws.scenario.named_files import unpackings
from loadws.scenario.yaml.explain import any_of
from loadws.terms.metrics import TABLE
from loadws.terms.thresholds import Threshold

_NO_DATA = "a rule without data fails"


def check_produced(findings: Findings, index: int, threshold: Threshold) -> None:
    """Add an error where no step of the scenario can give the rule data."""
    verbs = dict(named_steps(findings.scenario))
    if findings.lost_steps or any(STEPS[verb].is_opaque for verb in verbs.values()):
        return
    metric = threshold.metric
    if metric == "error_rate":
        _check_tries(findings, index, threshold, verbs)
    elif measuring := verbs_measuring(metric):
        _check_verbs(findings, index, threshold, verbs, measuring)
    elif metric in TABLE and TABLE[metric].is_of_probes:
        _check_probes(findings, index, threshold)
    need = NEEDS.get(metric)
    if need is not None and not need.is_met(findings.scenario):
        say = findings.warning if need.of_target else findings.error
        say(("thresholds", index, "rule"), need.message(metric), need.advice)


def _check_verbs(
    findings: Findings, index: int, threshold: Threshold, verbs: dict[str, str], measuring: frozenset[str]
) -> None:
    name, names = threshold.labels.get("step"), any_of(_at_hand(findings, measuring))
    if name is not None and name in verbs and verbs[name] not in measuring:
        message = f"{threshold.metric!r} measures {names} steps, and {name!r} is a {verbs[name]!r}"
        at_label(findings, index, threshold, "step", message)
    elif name is None and measuring.isdisjoint(verbs.values()):
        message = f"this scenario has no {names} step, so {threshold.metric!r} will have no data"
        findings.error(("thresholds", index, "rule"), message, _NO_DATA)


def _at_hand(findings: Findings, verbs: frozenset[str]) -> list[str]:
    """Return those of some verbs that the scenario's connections have; all of them where they have none."""
    speaks = findings.scenario.connection.protocol is not None
    some = [verb for verb in sorted(verbs) if speaks or not STEPS[verb].of_protocol]
    return some or sorted(verbs)


def _check_tries(findings: Findings, index: int, threshold: Threshold, verbs: dict[str, str]) -> None:
    name, kind = threshold.labels.get("step"), threshold.labels.get("kind")
    trying = verbs_trying(kind) if kind is not None else frozenset(STEPS)
    if kind is not None and not trying:
        return  # an unknown kind, or an end of a connection, which is no step's
    tried = "anything" if kind is None else repr(kind)
    if name is not None and name in verbs:
        if verbs[name] not in trying or not STEPS[verbs[name]].measures.tries:
            at_label(findings, index, threshold, "step", f"{name!r} is a {verbs[name]!r}, which never tries {tried}")
    elif kind is not None and trying.isdisjoint(verbs.values()):
        message = f"this scenario has no {any_of(sorted(trying))} step, so nothing of kind {kind!r} is ever tried"
        at_label(findings, index, threshold, "kind", message, _NO_DATA)


def _check_probes(findings: Findings, index: int, threshold: Threshold) -> None:
    probes = {spec.name for spec in probes_of(findings.scenario)}
    delivered = {deliver.probe for _, deliver, _ in delivers(findings.scenario)}
    name = threshold.labels.get("probe")
    if not probes:
        message = f"this scenario has no publish step, so {threshold.metric!r} will have no data"
        findings.error(("thresholds", index, "rule"), message, _NO_DATA)
    elif not (delivered if name is None or name not in probes else delivered & {name}):
        message = f"no message handler delivers {'a probe' if name is None else repr(name)}, so this will have no data"
        findings.error(("thresholds", index, "rule"), message, _NO_DATA)


# -- what a metric needs beside a step --------------------------------------------------------------------------------


class Need(msgspec.Struct, frozen=True):
    """A feature that a scenario needs for a metric. ``of_target``: another --target may have it, so it is only a warning."""

    what: str
    is_met: Callable[[Scenario], bool]
    of_target: bool = False

    def message(self, metric: str) -> str:
        nothing = "will be 0 throughout" if TABLE[metric].kind == "counter" else "will have no data"
        return f"this scenario has no {self.what}, so {metric!r} {nothing}"

    @property
    def advice(self) -> str:
        return "another --target may have it" if self.of_target else ""


def _steps(scenario: Scenario) -> Iterator[AnyStep]:
    return (step for _, step in walk_steps(scenario))


def _streams(scenario: Scenario) -> bool:
    return any(not step.measured().isdisjoint(STREAMED) for step in _steps(scenario))


def _reconnects(scenario: Scenario) -> bool:
    return bool(scenario.connection.reconnect) or any(
        step.effect() == "reopens" or (isinstance(step, ConnectStep) and bool(step.connect.reconnect))
        for step in _steps(scenario)
    )


def _has_proxy(scenario: Scenario) -> bool:
    said = (step.connect.proxy for step in _steps(scenario) if isinstance(step, ConnectStep))
    return any(proxy is not None and proxy != "direct" for proxy in (scenario.connection.proxy, *said))


def _has_tls(scenario: Scenario) -> bool:
    return scenario.target.lower().startswith("wss://")


def _has_name(scenario: Scenario) -> bool:
    """Return whether the target's host is looked up: whether it is no address and not in ``resolve``."""
    if not scenario.target.lower().startswith(("ws://", "wss://")):
        return False
    host = urlsplit(scenario.target).hostname or ""
    is_address = ":" in host or host.replace(".", "").isdigit()
    return not is_address and host not in scenario.connection.resolve


def _late(scenario: Scenario) -> set[str]:
    return {step.late for step in _steps(scenario) if isinstance(step, EveryStep)}


def _takes_any(scenario: Scenario) -> bool:
    return any(step.awaits() == "next" for step in _steps(scenario))


def _unpacks(scenario: Scenario) -> bool:
    return any(ways for _, ways in unpackings(scenario))


_STREAM = Need("request whose reply has an until", _streams)
_AGAIN = Need("reconnect, as a policy of connection or as a step", _reconnects)
_ARRIVALS = Need("phase with arrivals", lambda scenario: any(phase.arrivals is not None for phase in scenario.load))
_EVERY = Need("every step", lambda scenario: bool(_late(scenario)))
NEEDS = {
    "first_message_time": _STREAM,
    "last_message_time": _STREAM,
    "unlagged_first_message_time": _STREAM,
    "unlagged_last_message_time": _STREAM,
    "stray_messages": Need("request without a where", _takes_any),
    "turns": _EVERY,
    "turns_skipped": Need("every step with late: skip", lambda scenario: "skip" in _late(scenario)),
    "turns_not_begun": _EVERY,
    "tries_not_begun": _EVERY,
    "arrivals": _ARRIVALS,
    "arrivals_dropped": _ARRIVALS,
    "recovery_time": _AGAIN,
    "reconnects": _AGAIN,
    "measures_cut_off": Need("measure", lambda scenario: bool(scenario.measure)),
    "values_received": Need("connection or a where with unpack", _unpacks),
    "proxy_time": Need("proxy", _has_proxy),
    "tls_time": Need("wss:// target", _has_tls, of_target=True),
    "tls_resumed": Need("wss:// target", _has_tls, of_target=True),
    "dns_time": Need("target with a host name to resolve", _has_name, of_target=True),
}
