"""What a user and a step need of a machine."""

from __future__ import annotations

from typing import Any

import pytest

from loadws.plan.needs import MEMORY_OF_A_HISTOGRAM, needs_of
from loadws.scenario.model.model import Scenario
from loadws.scenario.model.step_names import name_steps


def needs(*flow: Any, **more: Any) -> Any:
    document = {"target": "ws://a.test", "load": [{"users": 1, "for": "1s"}], **more}
    if flow:
        document["flow"] = list(flow)
    return needs_of(name_steps(Scenario.model_validate(document)))


def named(name: str) -> dict[str, Any]:
    return {"connect": {"as": name}}


@pytest.mark.parametrize(
    ("flow", "connections"),
    [
        ([{"request": "a"}], 1),  # opened unasked
        (["connect", {"request": "a"}], 1),
        ([named(name) for name in "abcdef"], 6),
        ([named("a"), {"close": {"on": "a"}}, named("b")], 1),  # one after the other
        ([named("a"), {"drop": {"on": "a"}}, named("b"), named("c")], 2),
        ([named("a"), {"repeat": 3, "do": [named("b"), {"close": {"on": "b"}}]}], 2),
        ([named("a"), {"parallel": [[named("b"), named("c")], [named("d")]]}], 4),
        (["connect", {"if": "{{ true }}", "then": [named("b")]}], 1),  # not surely
        ([{"connect": {"expect": {"status": 403}}}, "connect"], 1),  # a refusal is none
        ([{"call": "flows:greet"}], 1),
    ],
)
def test_connections_that_a_user_surely_has_at_once(flow: list[Any], connections: int) -> None:
    assert needs(*flow).connections_of_a_user == connections


def test_user_types_count_by_their_weights_and_http_needs_a_file_more() -> None:
    of_both = needs(
        users=[
            {"name": "a", "weight": 3, "flow": [named("a"), named("b"), {"http": {"get": "/a"}}]},
            {"name": "b", "weight": 1, "flow": [{"request": "c"}]},
        ]
    )
    assert (of_both.connections_of_a_user, of_both.files_of_a_user) == (1.75, 2.5)


def test_each_step_name_needs_a_histogram_for_each_of_its_times() -> None:
    def of_steps(*flow: Any) -> float:
        found: int = needs(*flow).memory_of_steps
        return found / MEMORY_OF_A_HISTOGRAM

    assert of_steps({"request": {"name": "a", "send": "x"}}) == 6
    assert of_steps({"request": {"name": "a", "send": "x"}}, {"request": {"name": "b", "send": "y"}}) == 12
    assert of_steps({"request": {"name": "a", "send": "x"}}, {"request": {"name": "a", "send": "y"}}) == 6
    assert of_steps({"request": {"name": "a", "send": "x", "reply": {"until": {"$.a": 1}}}}) == 10
    assert of_steps({"think": "1s"}, {"ping": {}}, {"record": {"name": "age", "value": 1}}) == 2


def test_windows_of_compression_are_of_every_connection() -> None:
    plain, compressed = needs(named("a"), named("b")), needs(named("a"), named("b"), connection={"compression": True})
    assert compressed.memory_of_a_user - plain.memory_of_a_user == 2 * (304 << 10)
