"""Messages that are not JSON where a JSONPath looks: read as JavaScript reads them, and told where they are none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.drive import Outcome, drive
from tests.kit.behaviour import Behaviour, Say
from tests.kit.plain import MS, once_connected


def answers(*payloads: str | bytes) -> Behaviour:
    """Say all of these to each message, one after another."""
    said = tuple(Say(payload, (number + 1) * 10 * MS) for number, payload in enumerate(payloads))
    return Behaviour(on_message=lambda payload, number: said)


def ask(**reply: Any) -> dict[str, Any]:
    return {"request": {"send": "ask", "reply": {"within": "1s", **reply}}}


def details(outcome: Outcome) -> list[str]:
    return [sample.detail for sample in outcome.samples]


def test_json_that_javascript_reads_answers() -> None:
    outcome = drive(once_connected(ask(where={"$.id": 7}, capture={"name": "$.name"}), {"log": "{{ name }}|{{ 1 }}"}),
                    answers('{"id":7,"name":"cut \\ud83d"}'))  # fmt: skip
    assert outcome.errors == {}
    assert [line.text for line in outcome.logs] == ["cut \ufffd|1"]


@pytest.mark.parametrize(
    ("step", "said", "detail"),
    [
        (ask(where={"$.id": 7}), ["hello"],
         "no answer within 1 s; 1 message came that is not JSON, where a JSONPath looks for something: "
         "a value is expected at byte 0 of 'hello'"),
        (ask(where={"$.id": {"gt": 7}}), ['{"id":8', "{'id':8}", '{"id":1}'],
         "no answer within 1 s; 2 messages came that are not JSON, where a JSONPath looks for something: "
         "a name in double quotes or \"}\" is expected at byte 1 of \"{'id':8}\""),
        (ask(until={"$.done": True}), ["no", "neither"],
         "no answer within 1 s; 2 messages came that are not JSON, where a JSONPath looks for something: "
         "a value is expected at byte 0 of 'neither'"),
        (ask(where={"text": "x"}), ["hello"], "no answer within 1 s"),  # no JSONPath looks
        (ask(where={"$.id": 7}), ['{"id":8}'], "no answer within 1 s"),  # JSON that does not fit
    ],
)  # fmt: skip
def test_a_request_that_times_out_says_what_came_that_is_not_json(
    step: dict[str, Any], said: list[str], detail: str
) -> None:
    outcome = drive(once_connected(step), answers(*said))
    assert (outcome.errors, details(outcome)) == ({"timeout": 1}, [detail])


def test_a_wait_for_counts_what_was_kept_before_and_what_came_since() -> None:
    wait = {"wait_for": {"where": {"$.id": 7}, "within": "1s"}}
    outcome = drive(once_connected({"send": "a"}, {"think": "15ms"}, wait), answers("one", "two", '{"id":8}', b"\xff"))
    assert details(outcome) == [
        "no message that matches within 1 s; 3 messages came that are not JSON, where a JSONPath looks for something: "
        "it is not UTF-8 at byte 0"
    ]


def test_only_what_came_while_it_waited_is_told() -> None:
    again = ask(where={"$.id": 7})
    outcome = drive(
        once_connected({**again, "on_failure": "continue"}, {**again, "on_failure": "continue"}), answers("one")
    )
    assert [detail.count("1 message came") for detail in details(outcome)] == [1, 1]


@pytest.mark.parametrize(
    ("step", "begins"),
    [
        (ask(), "no answer within 1 s"),
        (ask(where={"text": "x"}), "no answer within 1 s"),
        ({"wait_for": {"within": "1s"}}, "no message that matches within 1 s"),
    ],
    ids=["next", "where", "wait"],
)
def test_a_message_that_was_unpacked_to_nothing_is_told(step: dict[str, Any], begins: str) -> None:
    """Two empty answers, of which lines make no value: the server has answered, and the way of reading is what is wrong."""
    document = once_connected({"send": "ask"}, step) if "wait_for" in step else once_connected(step)
    outcome = drive(document | {"connection": {"unpack": "lines"}}, answers("", "\n\n"))
    assert details(outcome) == [f"{begins}; 2 messages came and were unpacked to nothing by connection.unpack"]


#: Wherever a text of the server's may be put: half of a surrogate pair, which no UTF-8 can carry, must not end the run.
@pytest.mark.parametrize(
    "step",
    [
        {"log": "{{ half }}"},
        {"count": "n{{ half }}"},
        {"send": "{{ half }}"},
        {"send": {"json": {"{{ half }}": "{{ half }}"}}},
        {"request": {"send": "{{ half }}", "reply": {"where": {"$.name": "{{ half }}"}}}},
        {"wait_for": {"where": {"text": "{{ half }}"}, "within": "10ms"}, "on_failure": "continue"},
        {"check": {"that": "{{ half == 'x' }}"}},
        {"set": {"more": "{{ [half] | length ~ half }}"}},
        {"record": {"name": "r", "value": "{{ half }}"}},
        {"close": {"reason": "{{ half }}"}},
        {"connect": {"as": "b", "path": "/{{ half }}", "query": {"q": "{{ half }}"}, "headers": {"X-A": "{{ half }}"}}},
        {"connect": {"as": "b", "cookies": {"a": "{{ half }}"}}},
        {"connect": {"as": "b", "proxy": "http://{{ half }}:1"}},
    ],
    ids=lambda step: next(iter(step)),
)
@pytest.mark.parametrize("trace", [False, True])
def test_half_of_a_surrogate_pair_ends_no_run(step: dict[str, Any], trace: bool) -> None:
    first = ask(where={"$.id": 7}, capture={"half": "$.name"})
    outcome = drive(once_connected(first, step), answers('{"id":7,"name":"\\ud83d"}'), trace=trace)
    assert outcome.ledger.imbalances() == []
    assert outcome.ledger.messages.answered >= 1
