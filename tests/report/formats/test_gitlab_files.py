"""The files that GitLab reads: parsed by the library for their format, and in the way that GitLab's own code does."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from loadws.metrics.summary import Check, MetricEntry, Summary, Verdict
from loadws.report.formats import k6, openmetrics
from tests.report import example

SUMMARIES = {"long": example.summary(), "brief": example.brief(), "hostile": example.hostile().summary}


def families_of(text: str) -> list[Any]:
    """Return the families of metrics that the library reads. Raises ``ValueError`` for what is no OpenMetrics text."""
    return list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]


def gitlab_metrics(text: str) -> dict[str, str]:
    """Return what GitLab keeps of a metrics report: the first word of a line is the name, the second the value."""
    lines = [shlex.split(re.sub("#.*$", "", line)) for line in text.splitlines()]
    return {words[0]: words[1] for words in lines if len(words) > 1}


@pytest.mark.parametrize("summary", SUMMARIES.values(), ids=SUMMARIES)
def test_metrics_are_open_metrics_and_gitlab_reads_the_same_samples(summary: Summary) -> None:
    text = openmetrics.render(summary).decode()
    samples = [sample for family in families_of(text) for sample in family.samples]
    assert len(gitlab_metrics(text)) == len(samples)
    assert next(sample.value for sample in samples if sample.name == "loadws_exit_code") == summary.verdict.exit_code


def test_the_values_of_metrics_are_those_of_the_summary() -> None:
    summary = example.summary()
    families = {family.name: family for family in families_of(openmetrics.render(summary).decode())}
    [entry] = summary.entries("response_time", step="join")
    found = {
        (sample.name, sample.labels.get("quantile")): sample.value
        for sample in families["loadws_response_time_seconds"].samples
        if sample.labels.get("step") == "join"
    }
    assert families["loadws_response_time_seconds"].unit == "seconds"
    assert found["loadws_response_time_seconds", "0.99"] == pytest.approx((entry.p99 or 0) / 1e9)
    assert found["loadws_response_time_seconds_count", None] == entry.count
    assert families["loadws_error_rate_ratio"].samples[0].value == pytest.approx(24 / 57_000)
    assert families["loadws_messages_sent"].samples[0].value == 53_912
    assert [sample.value for sample in families["loadws_check_holds"].samples] == [0, 1, 1, 0, 0]


def test_a_percentile_that_its_samples_do_not_support_is_left_out() -> None:
    text = openmetrics.render(example.brief()).decode()
    assert 'loadws_response_time_seconds{step="hello",quantile="0.5"}' in text
    assert 'loadws_response_time_seconds{step="hello",quantile="0.99"}' not in text


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(st.text(max_size=12), st.sampled_from(["histogram", "counter", "gauge"]), st.text(max_size=12)),
        max_size=6,
    ),
    st.text(max_size=20),
)
def test_no_name_that_a_scenario_chooses_breaks_the_metrics(metrics: list[tuple[str, str, str]], rule: str) -> None:
    entries = tuple(
        MetricEntry(name, {"step": label}, kind, "1", 3, mean=2.0, p50=1.0, max=3.0, value=2.0)  # type: ignore[arg-type]
        for name, kind, label in metrics
    )
    verdict = Verdict("failed", 1, (Check(rule, "failed", 1.0, "1"),))
    text = openmetrics.render(msgspec.structs.replace(example.brief(), metrics=entries, verdict=verdict)).decode()
    samples = [sample for family in families_of(text) for sample in family.samples]
    assert len(gitlab_metrics(text)) == len(samples)


# -- load-performance.json --------------------------------------------------------------------------------------------


def load_widget(content: bytes) -> dict[str, object]:
    """Return what GitLab's load performance widget shows of a file, by the names that it gives the figures."""
    metrics = json.loads(content)["metrics"]
    found: dict[str, object] = {}
    if "http_reqs" in metrics:
        found["RPS"] = metrics["http_reqs"]["rate"]
    if "http_req_waiting" in metrics:
        found["TTFB P90"] = metrics["http_req_waiting"]["p(90)"]
        found["TTFB P95"] = metrics["http_req_waiting"]["p(95)"]
    if "checks" in metrics:
        checks = metrics["checks"]
        found["Checks"] = round(checks["passes"] / (checks["passes"] + checks["fails"]) * 100, 2)
    return found


def test_the_widget_finds_all_that_it_shows() -> None:
    summary = example.summary()
    [whole] = [entry for entry in summary.entries("response_time") if not entry.labels]
    assert load_widget(k6.render(summary)) == {
        "RPS": pytest.approx(whole.count / 180, abs=0.001),
        "TTFB P90": pytest.approx((whole.p90 or 0) / 1e6, abs=0.001),
        "TTFB P95": pytest.approx((whole.p95 or 0) / 1e6, abs=0.001),
        "Checks": 99.96,
    }


def test_the_widget_is_given_no_number_that_is_not_known() -> None:
    """It would compute with the number that is missing; a percentile among unanswered requests has none either."""
    few = msgspec.structs.replace(
        example.brief(), metrics=(MetricEntry("response_time", {"step": "a"}, "histogram", "ns", 5, min=1e6, max=2e6),)
    )
    assert set(load_widget(k6.render(few))) == {"RPS"}
    nothing = msgspec.structs.replace(few, metrics=())
    assert load_widget(k6.render(nothing)) == {}
    lost = MetricEntry("response_time", {"step": "a"}, "histogram", "ns", 0, missing=500)
    assert set(load_widget(k6.render(msgspec.structs.replace(few, metrics=(lost,))))) == {"RPS"}
