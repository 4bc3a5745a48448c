"""Names of metrics outside of loadws: base units at the end, all valid, no two the same."""

from __future__ import annotations

import re

import pytest

from loadws.metrics.runinfo import OwnMetric
from loadws.outputs.exported_names import Names
from loadws.outputs.second import Catalogue
from tests.metrics.made_up import info

OWN = (
    OwnMetric("order price", "histogram", "eur/mwh"),
    OwnMetric("order_price", "histogram", "eur/mwh"),
    OwnMetric("response_time_seconds", "counter", "1"),
    OwnMetric("größe", "histogram", "1"),
    OwnMetric("orders_total", "counter", "1"),
    OwnMetric("run", "counter", "1"),
)


@pytest.mark.parametrize(
    ("metric", "part", "name"),
    [
        # a time, and what did not come
        ("response_time", "", "loadws_response_time_seconds"),
        ("response_time", "missing", "loadws_response_time_missing"),
        # bytes, whose unit is in the catalogue's name already
        ("wire_bytes_received", "", "loadws_wire_received_bytes"),
        # a rate is two counters
        ("error_rate", "", "loadws_tries"),
        ("error_rate", "failed", "loadws_failed_tries"),
        # gauges
        ("users", "", "loadws_users"),
        ("generator_cpu", "", "loadws_generator_cpu_ratio"),
        # the scenario's own: characters that no name has, and names that are taken
        ("order price", "", "loadws_order_price_eur_mwh"),
        ("order_price", "", "loadws_order_price_eur_mwh_"),
        ("response_time_seconds", "", "loadws_response_time_seconds_"),
        ("größe", "", "loadws_gr__e"),
        # what tells of the run
        ("run", "", "loadws_run_"),
        # the ending of a sample
        ("orders_total", "", "loadws_orders"),
    ],
)
def test_names(metric: str, part: str, name: str) -> None:
    assert Names(Catalogue(info(own_metrics=OWN))).of(metric, part) == name


def test_all_names_are_valid_and_different() -> None:
    catalogue = Catalogue(info(own_metrics=OWN))
    names = Names(catalogue)
    found = [names.of(metric.name) for metric in catalogue]
    assert len(set(found)) == len(found)
    assert [name for name in found if not re.fullmatch(r"loadws_[a-zA-Z0-9_]+", name)] == []
