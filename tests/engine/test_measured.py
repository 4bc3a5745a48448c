"""What each verb says that it measures, held against what running it records: every verb is asked for every metric."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

import loadws
from loadws.metrics.frame import Health
from loadws.metrics.recording.recorder import Recorder
from loadws.scenario.build import load_text
from loadws.scenario.docs.examples import EXAMPLES
from loadws.scenario.model.measured import TRIES
from loadws.scenario.model.steps import STEPS
from loadws.scenario.yaml.explain import ScenarioError
from loadws.terms.metrics import TABLE
from loadws.transport.base import ConnectTimings
from tests.engine.test_examples import run_example
from tests.metrics.driven import driven

#: What the scripted peer has no part of: names, proxies and certificates; and a protocol that opens.
#: ``test_parts_of_connecting`` asks for them.
PARTS = {"dns_time", "proxy_time", "tls_time", "protocol_time"}
#: An answer in parts, beside the plain one of the examples.
STREAMED = "- request: {name: streamed, send: {json: {done: true}}, reply: {until: {$.done: true}}}\n"
TIMES = [metric.name for metric in TABLE.values() if "step" in metric.labels and metric.kind == "histogram"]
#: Counted only where something went wrong; ``errors`` and ``error_rate`` are any step's.
COUNTS = {"stray_messages", "tries_not_begun"}


@cache
def _recorded(verb: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the metrics that steps of the verb have recorded in its example, and the kinds of tries."""
    frames = run_example(EXAMPLES[verb] + (STREAMED if verb == "request" else "")).frames
    names = {verb, "streamed"} if verb == "request" else {verb}
    timed = {part.name for frame in frames for part in frame.histograms if part.labels.get("step") in names}
    tried = {
        part.labels["kind"]
        for frame in frames
        for part in frame.counters
        if part.name == "error_rate" and part.labels.get("step") in names
    }
    return frozenset(timed), frozenset(tried)


@pytest.mark.parametrize("verb", sorted(STEPS))
def test_a_verb_measures_what_its_table_says_and_nothing_else(verb: str) -> None:
    asked = set(TIMES) - PARTS
    assert _recorded(verb)[0] & asked == STEPS[verb].measures.metrics & asked


@pytest.mark.parametrize("verb", sorted(STEPS))
def test_a_verb_tries_nothing_that_its_table_does_not_have(verb: str) -> None:
    assert _recorded(verb)[1] <= STEPS[verb].measures.tries


def test_parts_of_connecting() -> None:
    recorder = Recorder([("phase-1", False)])
    recorder.connected("connect", 0, 0, ConnectTimings(7, 1, 1, 1, 1, 1, 1))
    frame, _ = driven(recorder.rotate(1, Health(), last=True))
    assert {part.name for part in frame.histograms} == STEPS["connect"].measures.metrics


def test_the_counts_of_steps_are_the_table_s() -> None:
    counted = {metric.name for metric in TABLE.values() if "step" in metric.labels and metric.kind != "histogram"}
    assert counted - {"errors", "error_rate"} == COUNTS


def test_every_metric_of_steps_is_some_verb_s() -> None:
    """A metric that is new has to say whose it is, or a rule on it is never checked."""
    assert set(TIMES) | COUNTS == set().union(*(step.measures.metrics for step in STEPS.values()))


def test_every_kind_of_try_in_the_engine_is_in_the_table() -> None:
    """``outcome(kind, ...)`` and ``opened(step, on, compiler, kind)``, where the kind is spelled out."""
    places = {"outcome": 0, "opened": 3}
    found = set()
    for path in Path(loadws.__file__).parent.glob("engine/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = isinstance(node, ast.Call) and (getattr(node.func, "attr", None) or getattr(node.func, "id", None))
            at = places.get(str(name))
            if isinstance(node, ast.Call) and at is not None and len(node.args) > at:
                kind = node.args[at]
                found |= {kind.value} if isinstance(kind, ast.Constant) else set()
    assert found >= {"connect", "check", "wait_for"}, "the places of the kinds have changed"
    assert found - set(TRIES) == set()


@pytest.mark.parametrize("metric", sorted(set(TIMES) | COUNTS))
def test_a_rule_on_what_no_step_of_the_scenario_measures_is_refused(metric: str) -> None:
    """It would have no data however long the run is. A flow without ``connect`` is preceded by one."""
    rule = f"{metric} == 0" if metric in COUNTS else f"{metric}.max < 1s"
    text = f"target: ws://a.test\nload: [{{users: 1, for: 1s}}]\nflow: [{{think: 1s}}]\nthresholds: ['{rule}']\n"
    if metric in STEPS["connect"].measures.metrics - {"proxy_time"}:
        assert load_text(text.replace("ws:", "wss:"), Path("x.yaml")).thresholds
        return
    with pytest.raises(ScenarioError) as refused:
        load_text(text, Path("x.yaml"))
    assert f"so {metric!r} will" in str(refused.value)
