"""How many messages per second a plan asks for, and where nobody can know."""

from __future__ import annotations

from typing import Any

import pytest

from loadws.plan.demand import most_messages_per_s
from loadws.plan.figures import figures_of
from loadws.plan.plan import make_plan
from loadws.scenario.model.model import Scenario

HELD = {"users": 100, "for": "10s"}
TICK = {"every": "100ms", "do": [{"request": "a"}, {"send": "b"}]}


def _rate(phase: dict[str, Any], *flow: Any) -> float | None:
    scenario = Scenario.model_validate({"target": "ws://a.test", "load": [phase], "flow": list(flow)})
    return most_messages_per_s(scenario, figures_of(make_plan(scenario, 1)))


@pytest.mark.parametrize(
    ("phase", "flow", "expected"),
    [
        # a schedule: two messages, ten times a second
        (HELD, [TICK], 2_000),
        # the busiest moment counts
        ({"users": {"from": 10, "to": 50}, "for": "10s"}, [TICK], 1_000),
        # the faster of two schedules
        (HELD, ["connect", TICK | {"for": "1s"}, {"every": "10ms", "for": "1s", "do": [{"send": "x"}]}], 10_000),
        # pauses, by their mean
        (HELD, [{"request": "a"}, {"think": "1s..3s"}], 50),
        (HELD, [{"request": "a"}, {"think": {"exponential": "500ms"}}], 200),
        (HELD, [{"repeat": 5, "do": [{"request": "a"}, {"think": "100ms"}]}], 1_000),
        # a connection and its close are no messages
        (HELD, ["connect", {"ping": {}}, {"think": "1s"}, "close"], 100),
        (HELD, ["connect", {"think": "1s"}], 0),
        # arrivals, each with what it says in its session
        ({"arrivals": "50/s", "for": "10s"}, [{"request": "a"}, {"repeat": 3, "do": [{"send": "b"}]}], 200),
        ({"arrivals": "50/s", "for": "10s"}, [TICK | {"for": "1s"}], 1_000),
        # held and arriving users together
        ({"users": 100, "arrivals": "50/s", "for": "10s"}, [{"request": "a"}, {"think": "1s"}], 150),
        # as fast as the server answers
        (HELD, [{"request": "a"}], None),
        # the run decides
        (HELD, [{"repeat": "{{ 1 + 1 }}", "do": [{"request": "a"}]}, {"think": "1s"}], None),
        (HELD, [{"if": "{{ true }}", "then": [{"request": "a"}]}, {"think": "1s"}], None),
        (HELD, [{"while": "{{ true }}", "do": [{"request": "a"}, {"think": "1s"}]}], None),
        # who arrives stays as long as it likes
        ({"arrivals": "50/s", "for": "10s"}, [TICK], None),
    ],
)
def test_messages_a_second(phase: dict[str, Any], flow: list[Any], expected: float | None) -> None:
    assert _rate(phase, *flow) == (None if expected is None else pytest.approx(expected))


def test_types_count_by_their_weights() -> None:
    document = {
        "target": "ws://a.test",
        "load": [HELD],
        "users": [
            {"name": "talks", "weight": 1, "flow": [TICK]},
            {"name": "listens", "weight": 3, "flow": ["connect", {"think": "1m"}]},
        ],
    }
    scenario = Scenario.model_validate(document)
    assert most_messages_per_s(scenario, figures_of(make_plan(scenario, 1))) == pytest.approx(500)
