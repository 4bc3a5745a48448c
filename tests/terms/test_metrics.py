"""The table of metrics: its rows are consistent with each other and with the design."""

from __future__ import annotations

import pytest

from loadws.terms.metrics import AGGREGATES, DEFAULT_AGGREGATE, TABLE, own_counter, own_trend
from loadws.terms.percentiles import PERCENTILES


def test_a_metric_stands_under_its_own_name() -> None:
    assert {name: name for name in TABLE} == {name: metric.name for name, metric in TABLE.items()}


def test_the_design_s_names_are_all_there() -> None:
    named = (
        "connect_time dns_time tcp_time tls_time upgrade_time response_time service_time schedule_lag send_lag write_wait "
        "read_lag first_message_time last_message_time ping_time session_time recovery_time http_time delivery "
        "messages_sent messages_received bytes_sent bytes_received iterations errors error_rate open_connections users"
    )
    assert set() == set(named.split()) - TABLE.keys()


@pytest.mark.parametrize("name", list(TABLE))
def test_a_metric_has_a_unit_that_fits_its_kind_and_a_meaning(name: str) -> None:
    metric = TABLE[name]
    units = {"histogram": {"ns"}, "counter": {"1", "bytes"}, "rate": {"ratio"}, "gauge": {"1"}}
    assert metric.unit in units[metric.kind]
    assert metric.meaning
    assert "phase" not in metric.labels  # which every metric may carry


def test_default_aggregates_exist() -> None:
    for kind, default in DEFAULT_AGGREGATE.items():
        assert default is None or default in AGGREGATES[kind]


def test_percentiles_ascend() -> None:
    ranks = list(PERCENTILES.values())
    assert sorted(set(ranks)) == ranks


def test_a_scenario_s_own_metrics() -> None:
    trend, counter = own_trend("age", "ns"), own_counter("greeted")
    assert (trend.name, trend.kind, trend.unit) == ("age", "histogram", "ns")
    assert (counter.name, counter.kind, counter.unit) == ("greeted", "counter", "1")
    assert trend.aggregates == TABLE["response_time"].aggregates
