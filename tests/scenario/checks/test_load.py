"""Loads that can run; those that cannot are in ../invalid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from loadws.scenario.build import load_text

REQUEST = {"request": "a"}


@pytest.mark.parametrize(
    ("phases", "flow"),
    [
        # a ramp down from where the phase before ended
        ([{"users": 5, "for": "1s"}, {"users": {"to": 0}, "for": "1s"}], [REQUEST]),
        # a pause between two phases
        ([{"users": 5, "for": "1s"}, {"users": 0, "for": "1s"}, {"users": 5, "for": "1s"}], [REQUEST]),
        # iterations of whom the phase before left
        ([{"users": 5, "for": "1s"}, {"users": {"to": 0}, "iterations": 3}], [REQUEST]),
        # as many arrivals as there are users already
        ([{"users": 5, "arrivals": "1/s", "max_users": 5, "for": "1s"}], [REQUEST]),
        # flows that do not end, in a phase that does
        ([{"users": 5, "iterations": 5, "for": "1s"}], [{"every": "1s", "do": [REQUEST]}]),
        # flows that end
        ([{"users": 5, "iterations": 5}], [{"every": "1s", "for": "5s", "do": [REQUEST]}]),
    ],
)
def test_loads_that_can_run(phases: list[Any], flow: list[Any]) -> None:
    scenario = {"target": "ws://h", "load": phases, "flow": flow}
    assert load_text(json.dumps(scenario), Path("s.yaml"), env={}).warnings == ()
