"""A plan's figures for people."""

import json
from typing import Any

import pytest

from loadws.plan.figures import figures_of
from loadws.plan.plan import make_plan
from tests.plan.test_plan import plan_of, scenario


def test_figures_as_json_are_what_run_json_keeps() -> None:
    plan = plan_of(
        {"name": "up", "users": {"to": 10}, "for": "10s", "warmup": True},
        {"name": "rush", "users": 10, "arrivals": "5/s", "for": "20s", "spacing": "uniform"},
    )
    said = figures_of(plan).as_json()
    curve = said.pop("curve")
    assert json.loads(json.dumps(said)) == said
    assert said == {
        "model": "mixed",
        "seed": 7,
        "duration_s": 30.0,
        "graceful_stop_s": 10.0,
        "phases": [
            {
                "name": "up", "warmup": True, "start_s": 0.0, "duration_s": 10.0, "iterations": None,
                "users_from": 0, "users_to": 10, "arrivals_from_per_s": 0.0, "arrivals_to_per_s": 0.0,
                "spacing": None, "max_users": None, "expected_arrivals": 0,
            },
            {
                "name": "rush", "warmup": False, "start_s": 10.0, "duration_s": 20.0, "iterations": None,
                "users_from": 10, "users_to": 10, "arrivals_from_per_s": 5.0, "arrivals_to_per_s": 5.0,
                "spacing": "uniform", "max_users": None, "expected_arrivals": 100,
            },
        ],
        "held_most": 10,
        "most_users": 110,
        "expected_arrivals": 100,
        "needs": {
            "connections": 110,
            "descriptors": 174,
            "ephemeral_ports": 110,
            "memory_bytes": (96 << 20) + 6 * (4 << 10) + 110 * (32 << 10),
            "connections_of_a_user": 1.0,
            "descriptors_of_a_user": 1.0,
            "memory_bytes_of_a_user": 32 << 10,
            "memory_bytes_of_a_process": 96 << 20,
            "memory_bytes_of_steps": 6 * (4 << 10),
        },
    }  # fmt: skip
    assert curve[0] == {"at_s": 0.0, "users": 1, "arrivals_per_s": 0.0}
    assert curve[-1] == {"at_s": pytest.approx(30), "users": 10, "arrivals_per_s": 5.0}


@pytest.mark.parametrize(
    "phases",
    [
        [{"users": 5, "for": "10s"}],  # one
        [{"users": 1, "iterations": 5}],  # nobody knows how long
        [{"users": number, "for": "1s"} for number in range(200)],  # more ends of phases than points
        [{"users": 5, "for": "1h"}, {"users": 500, "for": "1s"}, {"users": 5, "for": "1h"}],  # a spike
    ],
)
def test_the_curve_is_short_and_ascends(phases: list[dict[str, Any]]) -> None:
    moments = [point.at_s for point in figures_of(plan_of(*phases)).curve]
    assert 1 <= len(moments) <= 120
    assert moments == sorted(set(moments))


def test_a_short_spike_shows_in_a_long_curve() -> None:
    plan = plan_of({"users": 5, "for": "1h"}, {"users": 500, "for": "1s"}, {"users": 5, "for": "1h"})
    assert max(point.users for point in figures_of(plan).curve) == 500


@pytest.mark.parametrize(
    ("phases", "most"),
    [
        ([{"users": 5, "for": "1s"}], 5),  # held alone
        ([{"arrivals": "10/s", "for": "10s", "max_users": 30}], 30),  # arrivals above the bound are dropped
        ([{"arrivals": "10/s", "for": "10s"}, {"users": 7, "for": "1s"}], 107),  # sessions live across phases
        (
            [{"arrivals": "10/s", "for": "10s"}, {"arrivals": "10/s", "for": "10s", "max_users": 30}],
            100,
        ),  # who is there stays
    ],
)
def test_the_most_users_at_once(phases: list[dict[str, Any]], most: int) -> None:
    assert figures_of(make_plan(scenario(*phases), 7)).most_users == most
