"""``--trace``: of each message, whom it was held against and why it was not theirs."""

from __future__ import annotations

from typing import Any

from tests.engine.drive import Outcome, drive
from tests.kit.behaviour import Behaviour, Say
from tests.kit.plain import MS


def trace(flow: list[Any], says: dict[int, tuple[str, ...]], **more: Any) -> Outcome:
    """``says``: what the peer says after the n-th message, from 1."""
    behaviour = Behaviour(on_message=lambda payload, number: [Say(text, MS) for text in says.get(number, ())])
    return drive({"load": [{"users": 1, "iterations": 1}], "flow": flow, **more}, behaviour, trace=True)


def explained(outcome: Outcome) -> list[str]:
    said = [line.split(" ms  ", 1)[1].strip() for line in outcome.said]
    return [line for line in said if line.startswith(("not by", "taken by", "nothing"))]


def test_each_is_asked_in_turn_and_says_why_not() -> None:
    request = {
        "name": "ask",
        "send": {"json": {"id": 7}},
        "reply": {"where": {"$.id": "{{ sent.id }}"}, "within": "1s"},
    }
    outcome = trace(
        ["connect", {"request": request, "name": "ask"}, {"wait_for": {"where": {"$.op": "ready"}}}],
        {1: ('{"op":"push"}', '{"id":8}', '{"id":7}', '{"op":"ready"}')},
        on={"message": [{"where": {"$.op": "push"}, "do": [{"count": "pushes"}]}]},
    )
    assert outcome.ledger.messages.answered == 1
    assert outcome.count("pushes") == 1
    assert explained(outcome) == [
        "taken by message handler 1",
        'not by message handler 1: $.op is not there, expected "push"',
        "not by request ask: $.id is 8, expected 7",
        "nothing waits for it: kept for a later wait_for",
        'not by message handler 1: $.op is not there, expected "push"',
        "taken by request ask",
        'not by message handler 1: $.op is "ready", expected "push"',
        "nothing waits for it: kept for a later wait_for",
    ]


def test_the_explanation_is_what_happens() -> None:
    """Requests without conditions, a streamed answer, an expect_none and a message for nobody."""
    outcome = trace(
        [
            "connect",
            {"request": {"send": "a"}, "name": "first"},
            {"request": {"send": "b", "reply": {"until": {"text": "end"}}}, "name": "stream"},
            {"send": "c"},
            {"expect_none": {"where": {"text": "secret"}, "for": "10ms"}, "name": "secret"},
        ],
        {1: ("1",), 2: ("2", "end"), 3: ("open", "secret")},
    )
    assert outcome.errors == {"unexpected": 1}
    assert outcome.ledger.messages.answered == 2
    assert outcome.ledger.messages.unclaimed == 1
    assert explained(outcome) == [
        "taken by request first",
        "taken by request stream",
        "taken by request stream",
        'not by expect_none secret: text is "open", expected "secret"',
        "nothing waits for it",
        "taken by expect_none secret",
    ]


def test_a_run_without_a_trace_explains_nothing() -> None:
    outcome = drive({"load": [{"users": 1, "iterations": 1}], "flow": ["connect", {"request": "a"}]},
                    Behaviour(on_message=lambda payload, number: [Say("x")]))  # fmt: skip
    assert outcome.said == []
