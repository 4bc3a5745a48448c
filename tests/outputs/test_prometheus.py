"""The page for Prometheus: read by the parsers of prometheus-client, and by Prometheus itself where it is installed."""

from __future__ import annotations

import json
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

prometheus_client = pytest.importorskip("prometheus_client", reason="needs loadws[prometheus]")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from prometheus_client.openmetrics.exposition import generate_latest  # noqa: E402
from prometheus_client.openmetrics.parser import text_string_to_metric_families as of_openmetrics  # noqa: E402
from prometheus_client.parser import text_string_to_metric_families as of_text  # noqa: E402

from loadws.metrics.runinfo import OwnMetric  # noqa: E402
from loadws.outputs.destinations import Destination  # noqa: E402
from loadws.outputs.exporter import Refused  # noqa: E402
from loadws.outputs.kinds.prometheus import PrometheusExporter, Scrapes  # noqa: E402
from loadws.outputs.kinds.prometheus_page import Page  # noqa: E402
from loadws.outputs.second import Seconds  # noqa: E402
from loadws.terms.errors import UsageError  # noqa: E402
from tests.metrics.made_up import counted, frame, info, times  # noqa: E402
from tests.outputs.served import LONG_S, eventually, fetched, free_port, program, running, send, told  # noqa: E402

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
JOIN = {"phase": "steady", "step": "join"}
ODD = {"kind": "timeout", "phase": "steady", "step": 'a "b", c\\=\n'}


@pytest.fixture
def exporter() -> Iterator[PrometheusExporter]:
    exporter = PrometheusExporter(Destination("prometheus", f"127.0.0.1:{free_port()}"))
    yield exporter
    exporter.scrapes = Scrapes()  # none is waited for
    with suppress(Refused):
        exporter.close()


def page(exporter: PrometheusExporter, **headers: str) -> tuple[str, str]:
    content_type, body = fetched(f"http://127.0.0.1:{exporter.port}/metrics", **headers)
    return content_type, body.decode()


def samples(families: Any) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for family in families:
        assert family.documentation
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found
            found[key] = sample.value
    return found


def at(found: Any, name: str, labels: dict[str, str] | None = None, **more: str) -> float:
    value: float = found[name, frozenset({**(labels or {}), **more}.items())]
    return value


@pytest.mark.parametrize(
    ("accept", "content_type", "parse"),
    [
        # a browser
        ("*/*", "text/plain; version=0.0.4; charset=utf-8", of_text),
        # a Prometheus without native histograms
        (
            f"{OPENMETRICS},text/plain;version=0.0.4;q=0.5",
            "application/openmetrics-text; version=1.0.0",
            of_openmetrics,
        ),
    ],
)
def test_both_text_formats_say_what_was_measured_so_far(
    accept: str, content_type: str, parse: Any, exporter: PrometheusExporter
) -> None:
    send(exporter, told(0), told(1))
    found_type, text = page(exporter, Accept=accept)
    assert found_type.startswith(content_type)
    found = samples(parse(text))
    assert at(found, "loadws_response_time_seconds_count", JOIN) == 80
    assert at(found, "loadws_response_time_seconds_sum", JOIN) == pytest.approx(1.64)
    up_to = {bound: at(found, "loadws_response_time_seconds_bucket", JOIN, le=bound) for bound in ("0.0005", "0.01")}
    assert up_to == {"0.0005": 0, "0.01": pytest.approx(20, abs=2)}
    assert at(found, "loadws_response_time_seconds_bucket", JOIN, le="+Inf") == 80
    assert at(found, "loadws_response_time_missing_total", JOIN) == 8
    assert at(found, "loadws_tries_total", ODD) == 18
    assert at(found, "loadws_failed_tries_total", ODD) == 4
    assert at(found, "loadws_sent_bytes_total", {"phase": "steady"}) == 140
    assert at(found, "loadws_greeted_total", {"phase": "steady"}) == 2
    assert at(found, "loadws_users") == 3
    assert at(found, "loadws_generator_loop_lag_seconds") == 0


def test_a_page_is_there_before_the_load(exporter: PrometheusExporter) -> None:
    assert page(exporter)[1] == ""


def test_a_port_that_is_taken_is_told_before_the_load(exporter: PrometheusExporter) -> None:
    where = f"127.0.0.1:{exporter.port}"
    with pytest.raises(UsageError) as found:
        PrometheusExporter(Destination("prometheus", where))
    assert str(found.value) == f"--output prometheus={where}: cannot be listened on: Address already in use"


_NAMES = st.sampled_from(
    ["a", "a_count", "a_bucket", "a_total", "a b", "a_b", "ö", "1", "response_time_seconds", "run_info"]
)
_UNITS = st.sampled_from(["1", "ns", "seconds", "total", "a b"])


@pytest.mark.slow
@given(st.lists(st.builds(OwnMetric, _NAMES, st.sampled_from(["histogram", "counter"]), _UNITS), max_size=6))
def test_metrics_of_any_name_are_read(own: list[OwnMetric]) -> None:
    """Two metrics whose names differ by what a name cannot hold, or by an ending that samples have, stay two."""
    of = info(own_metrics=tuple({each.name: each for each in own}.values()))
    page = Page(of)
    counters = tuple(counted(each.name, 1) for each in of.own_metrics if each.kind == "counter")
    trends = tuple(times(each.name, [1]) for each in of.own_metrics if each.kind == "histogram")
    for second in Seconds(of).add(frame(0, counters=counters, histograms=trends), 0):
        page.add(second)
    parse: Any = of_openmetrics
    written: Any = generate_latest
    found = [family.name for family in parse(written(page).decode())]
    assert len(set(found)) == len(found) == 1 + len(of.own_metrics) + 4  # the run, and four gauges


# -- the last scrape --------------------------------------------------------------------------------------------------


def test_a_page_that_nothing_has_fetched_is_told() -> None:
    exporter = PrometheusExporter(Destination("prometheus", f"127.0.0.1:{free_port()}"))
    send(exporter, told(0))
    with pytest.raises(Refused, match=r"^nothing has fetched its page$"):
        exporter.close()


@pytest.mark.parametrize(
    ("at_s", "now_s", "due_s"),
    [
        # one scrape tells of no interval
        ([5.0], 6.0, None),
        # two do: every 2 s
        ([5.0, 7.0], 8.0, 1.0),
        # the last one counts, also where it is overdue
        ([5.0, 7.0, 8.0], 10.0, -1.0),
    ],
)
def test_when_the_next_scrape_is_due(at_s: list[float], now_s: float, due_s: float | None) -> None:
    moments = iter([*at_s, now_s])
    scrapes = Scrapes(lambda: next(moments))
    for _ in at_s:
        scrapes.note()
    assert scrapes.due_in_s() == due_s


def test_a_scrape_that_is_due_is_waited_for_and_has_the_last_second(exporter: PrometheusExporter) -> None:
    exporter.scrapes = Scrapes(lambda: 0.0)  # always due
    for number in range(2):
        send(exporter, told(number))
        page(exporter)
    closing = threading.Thread(target=exporter.close)
    closing.start()
    assert "loadws_users 3.0" in page(exporter)[1]
    closing.join(LONG_S)
    assert not closing.is_alive()


# -- Prometheus itself ------------------------------------------------------------------------------------------------


@pytest.mark.servers
@pytest.mark.slow
@pytest.mark.parametrize("native", [False, True])
def test_prometheus_scrapes_it(native: bool, exporter: PrometheusExporter, tmp_path: Path) -> None:
    """It computes the same median from classic and from native histograms, from these within a few percent."""
    send(exporter, told(0), told(1))
    config, log, port = tmp_path / "prometheus.yml", tmp_path / "log", free_port()
    config.write_text(
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        f"scrape_configs: [{{job_name: loadws, static_configs: [{{targets: ['127.0.0.1:{exporter.port}']}}]}}]\n"
    )
    command = [
        program("prometheus", "prometheus"), f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}", *(["--enable-feature=native-histograms"] if native else []),
    ]  # fmt: skip
    suffix, by = ("", "") if native else ("_bucket", " by (le)")

    def ask(query: str) -> float | None:
        quoted = urllib.parse.quote(query)
        answer = json.loads(fetched(f"http://127.0.0.1:{port}/api/v1/query?query={quoted}")[1])
        result = answer["data"]["result"]
        return float(result[0]["value"][1]) if result else None

    with running(command, log):
        median = f"histogram_quantile(0.5, sum(loadws_response_time_seconds{suffix}){by})"
        assert eventually(lambda: ask(median), log) == pytest.approx(0.0205, rel=0.05 if native else 0.25)
        assert ask('loadws_failed_tries_total{kind="timeout"}') == 4
        assert ask('loadws_run_info{scenario="made up"}') == 1
        count = "histogram_count(loadws_response_time_seconds)" if native else "loadws_response_time_seconds_count"
        assert ask(count) == 80
        assert ask("loadws_users") == 3
