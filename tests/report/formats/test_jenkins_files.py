"""The files for Jenkins' Performance plugin and spreadsheets, read as the plugin's parsers read them."""

from __future__ import annotations

import csv
import io
import math
from xml.etree import ElementTree

import msgspec
import pytest
from junitparser import JUnitXml

from loadws.metrics.summary import MetricEntry, Summary
from loadws.report import junit
from loadws.report.formats import k6, locust, openmetrics, taurus
from tests.report import example

SUMMARIES = {"long": example.summary(), "brief": example.brief(), "hostile": example.hostile().summary}
NOTHING = msgspec.structs.replace(example.brief(), metrics=())


def taurus_groups(content: bytes) -> dict[str, dict[str, float]]:
    """Return what ``TaurusParser`` takes of each group; as there, a wrong number is an error."""
    groups = {}
    root = ElementTree.fromstring(content)
    assert root.tag == "FinalStatus"
    for group in root.iter("Group"):
        found = {name: float(_value(group, name)) for name in ("bytes", "fail", "succ", "throughput")}
        assert all(number.is_integer() for number in found.values())
        found["average"] = float(_value(group, "avg_rt"))
        found |= {perc.attrib["param"]: float(perc.attrib["value"]) for perc in group.iter("perc")}
        groups[group.attrib["label"]] = found
    return groups


def _value(group: ElementTree.Element, name: str) -> str:
    child = group.find(name)
    assert child is not None
    return child.attrib["value"]


def test_taurus_has_each_step_and_the_whole_of_them() -> None:
    groups = taurus_groups(taurus.render(example.summary()))
    assert list(groups) == ["", "join", "say", "typing"]
    assert groups["say"]["fail"] == 13  # requests without an answer
    assert groups["say"]["succ"] + groups["say"]["fail"] == groups["say"]["throughput"] == 4_013
    assert groups[""]["throughput"] == 12_000
    assert groups["join"]["90.0"] == pytest.approx((_entry("join").p90 or 0) / 1e9, abs=1e-6)
    assert "100.0" not in groups["say"]  # the slowest of its requests never ended


def _entry(step: str) -> MetricEntry:
    [entry] = example.summary().entries("response_time", step=step)
    return entry


@pytest.mark.parametrize("summary", [*SUMMARIES.values(), NOTHING], ids=[*SUMMARIES, "nothing"])
def test_both_can_be_read_whatever_the_run_was(summary: Summary) -> None:
    groups = taurus_groups(taurus.render(summary))
    rows = locust_rows(locust.render(summary))
    assert bool(groups) == bool(rows)
    assert len(rows) == len(groups)


def locust_rows(content: bytes) -> dict[str, dict[str, float]]:
    """Return what ``LocustParser`` takes of each row, by its place and not by its name."""
    head, *rows = csv.reader(io.StringIO(content.decode()))
    assert len({len(head), *map(len, rows)}) == 1
    names = ("requests", "failures", "average", "min", "max", "size", "rps")
    return {row[1]: dict(zip(names, map(float, row[2:4] + row[5:10]), strict=True)) for row in rows}


def cells_of(content: bytes, name: str) -> dict[str, str]:
    """Return the cells of a step's row by the names of their columns."""
    head, *rows = csv.reader(io.StringIO(content.decode()))
    return next(dict(zip(head, row, strict=True)) for row in rows if row[1] == name)


def test_locust_has_each_step_and_in_the_end_the_whole() -> None:
    rows = locust_rows(locust.render(example.summary()))
    assert list(rows) == ["join", "say", "typing", "Aggregated"]
    assert (rows["say"]["requests"], rows["say"]["failures"]) == (4_013, 13)
    median = cells_of(locust.render(example.summary()), "join")["Median Response Time"]
    assert float(median) == pytest.approx((_entry("join").p50 or 0) / 1e6, abs=0.001)
    assert rows["say"]["max"] == pytest.approx((_entry("say").max or 0) / 1e6, abs=0.001)
    assert all(row["requests"] for row in rows.values())  # the plugin divides by it


def test_a_percentile_without_its_samples_is_not_available() -> None:
    [head, *rows] = csv.reader(io.StringIO(locust.render(example.brief()).decode()))
    assert dict(zip(head, rows[0], strict=True))["99.9%"] == "N/A"


def test_failed_requests_are_those_that_error_rate_counts() -> None:
    """An answer that a check finds wrong is a failed request, also where it has a time."""
    times = MetricEntry("response_time", {"step": "ask"}, "histogram", "ns", 40, mean=2e6, per_s=4.0)
    rate = MetricEntry("error_rate", {"kind": "request", "step": "ask"}, "rate", "ratio", 40, failed=30, value=0.75)
    summary = msgspec.structs.replace(example.brief(), metrics=(times, rate))
    assert taurus_groups(taurus.render(summary))[""]["fail"] == 30
    assert locust_rows(locust.render(summary))["ask"]["failures"] == 30


def made_of(answered: int, missing: int, never_begun: int) -> Summary:
    """Return five seconds in which one step was asked; requests that never began are among the missing and the failed."""
    times = [
        MetricEntry(
            "response_time", {"step": "ask"}, "histogram", "ns", answered, missing=missing + never_begun,
            min=1e9 if answered else None, mean=2e9 if answered else None, max=3e9 if answered else None,
            p50=2e9 if answered else None, per_s=answered / 5,
        )
    ]  # fmt: skip
    labels, failed = {"kind": "request", "step": "ask"}, missing + never_begun
    rate = MetricEntry("error_rate", labels, "rate", "ratio", answered + failed, failed=failed, value=0.5)
    unmade = MetricEntry("tries_not_begun", labels, "counter", "1", never_begun)
    brief = example.brief()
    return msgspec.structs.replace(brief, metrics=(*times, rate, unmade))


@pytest.mark.parametrize(("answered", "missing"), [(20, 5), (0, 5)], ids=["some answers", "no answer"])
def test_counts_and_rates_are_of_requests_that_were_sent(answered: int, missing: int) -> None:
    summary, sent = made_of(answered, missing, never_begun=125), answered + missing
    for name in ("ask", "Aggregated"):
        row = locust_rows(locust.render(summary))[name]
        assert (row["requests"], row["failures"], row["rps"]) == (sent, missing, sent / 5)
    for name in ("ask", ""):
        group = taurus_groups(taurus.render(summary))[name]
        assert (group["throughput"], group["fail"], group["succ"]) == (sent, missing, answered)
    assert msgspec.json.decode(k6.render(summary))["metrics"]["http_reqs"] == {"count": sent, "rate": sent / 5}


def test_what_was_never_sent_is_no_request_at_all() -> None:
    summary = made_of(answered=0, missing=0, never_begun=125)
    assert locust_rows(locust.render(summary)) == taurus_groups(taurus.render(summary)) == {}
    assert "http_reqs" not in msgspec.json.decode(k6.render(summary))["metrics"]


@pytest.mark.parametrize("answered", [20, 0])
def test_no_0_stands_for_a_time_that_is_not_known_or_never_ended(answered: int) -> None:
    summary = made_of(answered, missing=5, never_begun=125)
    cells = cells_of(locust.render(summary), "ask")
    assert cells["Median Response Time"] == cells["50%"] == "N/A"
    times = [cells[f"{which} Response Time"] for which in ("Average", "Min", "Max")]
    assert times == (["2000.000", "1000.000", "3000.000"] if answered else ["NaN"] * 3)
    group = taurus_groups(taurus.render(summary))["ask"]
    assert "50.0" not in group
    assert group["average"] == 2 if answered else math.isnan(group["average"])
    assert "http_req_duration" not in msgspec.json.decode(k6.render(summary))["metrics"]


def test_a_rate_of_nothing_has_no_sample() -> None:
    nothing = MetricEntry("error_rate", {}, "rate", "ratio", 0)
    summary = msgspec.structs.replace(example.brief(), metrics=(nothing,))
    assert not [line for line in openmetrics.render(summary).decode().splitlines() if line.startswith("loadws_error")]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@sum", "\tx"])
def test_no_step_is_a_formula_of_a_spreadsheet(name: str) -> None:
    times = MetricEntry("response_time", {"step": name}, "histogram", "ns", 40, mean=2e6, per_s=4.0)
    rows = locust_rows(locust.render(msgspec.structs.replace(example.brief(), metrics=(times,))))
    assert next(iter(rows))[0] in ("'", "\\")


@pytest.mark.parametrize("summary", SUMMARIES.values(), ids=SUMMARIES)
def test_junit_is_what_a_library_reads(summary: Summary) -> None:
    suites = JUnitXml.fromstring(junit.render(summary))
    cases = [case for suite in suites for case in suite]
    failed = [case for case in cases if case.is_failure]
    assert len(cases) == len(summary.verdict.checks) + 1
    assert len(failed) == sum(check.outcome in ("failed", "no_data") for check in summary.verdict.checks) + (
        summary.verdict.outcome == "failed" and bool(summary.verdict.reasons)
    )
