"""``--once`` and ``--trace``: one user of each type, each through its flow once, at the same time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.drive import drive
from tests.kit.behaviour import Behaviour, Say
from tests.kit.plain import MS

ECHO = Behaviour(on_message=lambda payload, _: [Say(str(payload), MS)])


def types(*flows: list[Any], weight: float = 1) -> dict[str, Any]:
    """Return user types named t0, t1, …; the first has the ``weight``."""
    return {
        "users": [
            {"name": f"t{number}", "weight": 1 if number else weight, "flow": flow} for number, flow in enumerate(flows)
        ]
    }


@pytest.mark.parametrize("seed", range(6))
def test_each_type_has_one_user_whatever_the_weights_the_load_and_the_seed(seed: int) -> None:
    flows = ([{"count": f"flow{number}"}] for number in range(3))
    outcome = drive({"load": [{"users": 7, "for": "1s"}], **types(*flows, weight=99)}, ECHO, seed=seed, once=True)

    assert [outcome.count(f"flow{number}") for number in range(3)] == [1, 1, 1]


def test_a_user_that_is_done_does_not_take_the_flow_of_another_type() -> None:
    """With more types than begin in one turn of the loop, and flows that wait for nothing."""
    flows = [[{"count": f"flow{number}"}] for number in range(100)]
    outcome = drive(types(*flows), ECHO, once=True)

    assert {outcome.count(f"flow{number}") for number in range(100)} == {1}


def test_types_that_depend_on_each_other_run_at_the_same_time() -> None:
    """Each waits for the other in a barrier: one after another, both would wait in vain."""
    flow = [{"barrier": {"users": 2, "within": "1s"}, "name": "both"}, {"count": "met"}]
    outcome = drive(types(flow, flow), ECHO, once=True)

    assert (outcome.count("met"), outcome.errors) == (2, {})


def lines(outcome_said: list[str]) -> list[str]:
    return [line.split(" ms  ", 1)[1] for line in outcome_said]


def test_each_line_of_a_trace_names_the_type_where_there_are_several() -> None:
    every_kind = [
        "connect",
        {"set": {"x": 1}},
        {"log": "here"},
        {"request": {"send": {"text": "a"}}},
        {"request": {"send": {"text": "a"}, "reply": {"check": {"text": "b"}}}, "name": "bad"},
    ]
    outcome = drive(types(every_kind, every_kind), ECHO, once=True, trace=True)
    said = lines(outcome.said)

    assert {line[:2] for line in said} == {"t0", "t1"}
    first, second = ([line[2:] for line in said if line.startswith(name)] for name in ("t0", "t1"))
    assert [line.split(" took ")[0] for line in first] == [line.split(" took ")[0] for line in second]
    assert any("taken by request" in line for line in first)
    assert any("error check in bad" in line for line in first)


def test_a_trace_of_one_type_names_none() -> None:
    outcome = drive(types([{"log": "here"}]), ECHO, once=True, trace=True)

    assert lines(outcome.said)[0].startswith("connect")


def test_a_trace_hides_the_secrets_of_every_user_in_its_own_lines() -> None:
    """Each user's secret is masked in a line of that user, also while a step of another user is under way."""
    flow = [
        {"set": {"token": "{{ ['swordfish', 'hedgehogs'][user.index] }}"}},
        "connect",
        {"request": {"send": {"text": "say {{ token }}"}}},
        {"think": "10ms"},
        {"request": {"send": {"text": "say {{ token }}"}}, "name": "again"},
    ]
    document = {"secrets": ["token"], **types(flow, flow)}
    said = "\n".join(drive(document, ECHO, once=True, trace=True).said)

    assert said.count("say ***") == 8
    assert "swordfish" not in said
    assert "hedgehogs" not in said
