"""``unpack`` in a ``where``: the step or handler sees the values of a message that fit; all others see the message whole."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from loadws.target.speaking.servers import TALKS
from loadws.transport.base import Payload
from tests.engine.drive import Outcome, drive
from tests.engine.protocols.speaking import speaks
from tests.kit.behaviour import Behaviour, Say, echo, pushes
from tests.kit.plain import MS

ONCE = {"load": [{"users": 1, "iterations": 1}]}
ITEMS = '{"seq": 4, "items": [{"id": 1, "n": 7}, {"id": 2, "n": 8}, {"id": 2, "n": 9}]}'
OTHER = '{"id": 2, "n": 0}'
ROW = ["msgpack", {"json": "$.rows[0]"}]
EACH: dict[str, Any] = {"unpack": {"elements": "$.items"}}


def run(flow: list[Any], behaviour: Behaviour, **more: Any) -> Outcome:
    return drive({**ONCE, "flow": flow, **more}, behaviour)


def answering(*payloads: Payload) -> Behaviour:
    return Behaviour(on_message=lambda _, number: tuple(Say(each, MS) for each in payloads))


def logged(outcome: Outcome) -> list[str]:
    assert outcome.errors == {}
    return [line.text for line in outcome.logs]


def test_the_first_value_that_fits_is_the_answer() -> None:
    reply = {"where": {**EACH, "$.id": 2}, "check": {"$.n": 8}, "capture": {"n": "$.n"}}
    flow = [{"request": {"send": "go", "reply": reply}}, {"log": "{{ n }} {{ message.n }}"}]
    outcome = run(flow, answering(ITEMS))
    assert logged(outcome) == ["8 8"]
    messages = outcome.ledger.messages
    assert (messages.received, messages.answered, messages.values, messages.unclaimed) == (1, 1, 1, 0)


def test_the_envelope_is_the_message_as_it_came() -> None:
    where = {**EACH, "$.id": 2, "envelope": {"$.seq": 4}}
    reply = {"where": where, "capture": {"seq": {"envelope": "$.seq"}}, "check": {"envelope": {"$.items[2].n": 9}}}
    flow = [{"request": {"send": "go", "reply": reply}}, {"log": "{{ seq }}"}]
    assert logged(run(flow, answering(ITEMS.replace("4", "5"), ITEMS))) == ["4"]


def test_a_streamed_answer_goes_on_to_the_value_that_ends_it() -> None:
    reply = {"where": {**EACH, "$.id": {"gt": 0}}, "until": {"$.n": 9}, "capture": {"n": "$.n"}}
    outcome = run([{"request": {"send": "go", "reply": reply}}, {"log": "{{ n }}"}], answering(OTHER, ITEMS))
    assert logged(outcome) == ["9"]
    assert outcome.ledger.messages.values == 4  # a message without this array is a value, itself


def test_a_wait_takes_as_many_values_as_it_waits_for() -> None:
    """Of messages that come, and of those that were kept."""
    waits = [{"wait_for": {"where": {**EACH, "$.id": 2}, "count": 3, "capture": {"n": "$.n"}}}, {"log": "{{ n }}"}]
    for pause in ([], [{"think": "100ms"}]):
        outcome = run(["connect", *pause, *waits], pushes([ITEMS, ITEMS]))
        assert logged(outcome) == ["8"]
        assert (outcome.ledger.messages.values, outcome.ledger.messages.unclaimed) == (3, 0)


def test_a_handler_runs_for_each_value_that_fits() -> None:
    on = {
        "message": [{"where": {**EACH, "$.id": 2}, "capture": {"n": "$.n"}, "do": [{"log": "{{ n }} {{ message.n }}"}]}]
    }
    outcome = run([{"think": "100ms"}], pushes([ITEMS, '{"items": [{"id": 3}]}']), on=on)
    assert logged(outcome) == ["8 8", "9 9"]
    assert (outcome.ledger.messages.values, outcome.ledger.messages.unclaimed) == (2, 1)


def test_a_delivery_is_found_in_a_value() -> None:
    flow = [{"think": "1ms"}, {"publish": {"probe": "talk", "send": "hello\n{{ probe }}"}}, {"think": "3s"}]
    deliver = {"probe": "talk", "id": "text", "within": "1s"}
    on = {"message": [{"where": {"unpack": "lines", "regex": "^.{40}$"}, "deliver": deliver}]}
    outcome = run(flow, echo(), on=on)
    assert outcome.errors == {}
    assert outcome.values("delivery", probe="talk").count == 1


def test_each_value_begins_a_time_and_one_ends_it() -> None:
    measure = [
        {
            "name": "gap",
            "from": {"where": {**EACH, "$.id": 2}},
            "to": {"where": {**EACH, "$.n": "{{ message.n + 90 }}"}},
        }
    ]
    later = '{"items": [{"n": 98}, {"n": 99}]}'
    behaviour = Behaviour(on_message=lambda _, number: (Say(ITEMS, MS), Say(later, 5 * MS)))
    outcome = run(["connect", {"send": "go"}, {"think": "100ms"}], behaviour, measure=measure)
    assert outcome.errors == {}
    values = outcome.values("gap")
    assert (values.count, values.least, values.greatest) == (2, 4 * MS, 4 * MS)


def test_nothing_else_has_to_fit_and_two_ways_may_read_one_message() -> None:
    packed = gzip.compress(ITEMS.encode(), mtime=0)
    flow = [
        {"parallel": [
            [{"wait_for": {"where": {"unpack": "msgpack"}, "within": "1s"}, "on_failure": "continue"}],
            [{"think": "1ms"}, {"wait_for": {"where": {"unpack": ["gunzip", {"elements": "$.items"}], "$.n": 9}}}],
            [{"think": "2ms"}, {"send": "go"}],
        ]},
    ]  # fmt: skip
    outcome = run(["connect", *flow], answering(packed))
    assert outcome.errors == {"timeout": 1}
    why = "no message that matches within 1 s; 1 message came that `unpack` could not read: "
    assert outcome.samples[0].detail.startswith(why)
    assert run(["connect", {"wait_for": {"where": {"unpack": "lines"}}}], pushes(["a"])).errors == {}


def test_what_it_cannot_read_is_for_another_and_the_time_out_says_why() -> None:
    where = {"unpack": "gunzip", "$.id": 1}
    flow = [
        {"request": {"send": "go", "reply": {"where": where, "within": "1s"}}, "on_failure": "continue"},
        {"wait_for": {"where": {"bytes": {"hex": "00"}}}},
    ]
    outcome = run(flow, answering(b"\x00\x01"))
    assert outcome.errors == {"timeout": 1}
    said = outcome.samples[0].detail
    assert said.startswith("no answer within 1 s; 1 message came that `unpack` could not read: ")
    assert said.endswith("begins with 00 01")


def test_a_message_that_must_not_come_is_found_in_another() -> None:
    outcome = run([{"expect_none": {"where": {**EACH, "$.n": 9}, "for": "1s"}}], pushes([OTHER, ITEMS]))
    assert outcome.errors == {"unexpected": 1}
    assert outcome.samples[0].detail.endswith('"{\\"id\\":2,\\"n\\":9}"')


def test_a_function_that_crashes_in_a_handler_is_an_error_and_the_next_handler_gets_the_message(tmp_path: Path) -> None:
    (tmp_path / "frames.py").write_text("def records(payload):\n    return 1 / 0\n")
    on = {"message": [{"where": {"unpack": {"function": "frames:records"}}}, {"do": [{"log": "{{ message }}"}]}]}
    outcome = drive({**ONCE, "flow": [{"think": "1s"}], "on": on}, pushes(["a"]), base=tmp_path)
    assert outcome.errors == {"unpack.crashed": 1}
    assert "frames.py:2" in outcome.samples[0].detail
    assert [line.text for line in outcome.logs] == ["a"]


def test_what_a_connection_unpacks_is_unpacked_further() -> None:
    said = json.dumps({"data": ITEMS}) + "\n" + json.dumps({"data": "{}"})
    flow = [
        {
            "request": {
                "send": "go",
                "reply": {"where": {"unpack": [{"json": "$.data"}, {"elements": "$.items"}], "$.n": 9}},
            }
        }
    ]
    outcome = run(flow, answering(said), connection={"unpack": "lines"})
    assert outcome.errors == {}
    assert outcome.ledger.messages.unclaimed == 1


def test_of_a_protocol_it_reads_what_is_carried_and_knows_its_name() -> None:
    """Its bytes stay bytes."""
    flow: list[Any] = [
        "connect",
        {"name": "a", "subscribe": {"topic": "a"}},
        {"publish_topic": {"topic": "a", "send": {"msgpack": {"rows": [{"key": "{{ 'cafe' | fromhex }}"}]}}}},
        {"wait_for": {"event": "a", "where": {"unpack": ROW, "subscription": "a"}, "capture": {"key": "$.key"}}},
        {"log": "{{ key | hex }}"},
    ]  # fmt: skip
    outcome = run(flow, speaks(TALKS["mqtt"], delay_ns=MS, ticks=0), connection={"protocol": "mqtt"})
    assert logged(outcome) == ["cafe"]


def test_a_trace_says_why_no_value_fits() -> None:
    waits = [
        {"name": "a", "wait_for": {"where": {**EACH, "$.id": 5}, "within": "1s"}},
        {"name": "b", "wait_for": {"where": {"unpack": "gunzip", "$.id": 7}, "within": "1s"}},
    ]
    branches = [[{**wait, "on_failure": "continue"}] for wait in waits]
    flow = ["connect", {"parallel": [*branches, [{"think": "1ms"}, {"send": "go"}]]}]
    behaviour = answering(ITEMS, b"\x00\x01", '{"items": []}')
    said = "\n".join(drive({**ONCE, "flow": flow}, behaviour, trace=True).said)
    assert "not by wait_for a: none of its 3 values fits; of the first $.id is 1, expected 5" in said
    assert "not by wait_for b: unpack cannot read it: " in said
    assert "not by wait_for a: it unpacks to nothing" in said
