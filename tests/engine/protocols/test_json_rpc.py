"""JSON-RPC 2.0 by its protocol file, against a server from the specification, in virtual time."""

from __future__ import annotations

import json
from typing import Any

from loadws.target.speaking.json_rpc import JsonRpc
from tests.engine.drive import Outcome, drive
from tests.engine.protocols.speaking import TICK_NS, speaks
from tests.kit.behaviour import Behaviour, Leave, Say, silent
from tests.kit.plain import MS


def run(*steps: Any, behaviour: Behaviour | None = None, **more: Any) -> Outcome:
    document = {"load": [{"users": 1, "iterations": 1}], "connection": {"protocol": "json-rpc"}, **more}
    return drive({**document, "flow": ["connect", *steps]}, behaviour or speaks(JsonRpc, delay_ns=10 * MS))


def sent(outcome: Outcome) -> list[Any]:
    return [json.loads(payload) for payload in outcome.seen.payloads]


def test_a_call_is_timed_to_its_result_which_check_and_capture_see() -> None:
    reply = {"check": {"$": 5}, "capture": {"sum": "$"}}
    outcome = run(
        {"name": "add", "call_method": {"method": "add", "params": [2, 3], "reply": reply}}, {"log": "{{ sum }}"}
    )

    assert outcome.errors == {}
    assert [line.text for line in outcome.logs] == ["5"]
    assert outcome.values("response_time", step="add").total == 10 * MS
    assert outcome.ledger.messages.answered == 1
    assert sent(outcome) == [{"jsonrpc": "2.0", "id": sent(outcome)[0]["id"], "method": "add", "params": [2, 3]}]


def test_answers_out_of_order_find_their_calls() -> None:
    def backwards(payload: Any, number: int) -> list[Say]:
        asked = json.loads(payload)
        answer = {"jsonrpc": "2.0", "id": asked["id"], "result": asked["params"]}
        return [Say(json.dumps(answer), (300 - 100 * number) * MS)]

    calls = [[{"call_method": {"method": "echo", "params": [n], "reply": {"check": {"$[0]": n}}}}] for n in range(3)]
    outcome = run({"parallel": calls}, behaviour=Behaviour(on_message=backwards))
    assert outcome.errors == {}
    assert outcome.ledger.messages.answered == 3


def test_an_error_fails_the_call_under_its_code() -> None:
    outcome = run({"call_method": "nothing"}, {"count": "never"})

    assert outcome.errors == {"protocol.error.-32601": 1}
    assert "Method not found" in outcome.samples[0].detail
    assert outcome.failed("request") == (1, 1)
    assert outcome.count("never") == 0
    assert outcome.ledger.messages.answered == 1


def test_an_error_that_is_expected_is_the_answer() -> None:
    reply = {"error": {"$.code": -32601}, "capture": {"why": "$.message"}}
    outcome = run({"call_method": {"method": "nothing", "reply": reply}}, {"log": "{{ why }}"})
    assert outcome.errors == {}
    assert [line.text for line in outcome.logs] == ["Method not found: 'nothing'; there are 'add' and 'echo'"]

    outcome = run({"call_method": {"method": "add", "params": [1], "reply": {"error": {"$.code": -32601}}}})
    assert outcome.errors == {"check": 1}
    assert "is no error" in outcome.samples[0].detail


def test_a_call_without_answer_times_out_and_its_late_answer_is_late() -> None:
    call = {"call_method": {"method": "add", "params": [1], "reply": {"within": "5ms"}}, "on_failure": "continue"}
    outcome = run(call, {"think": "100ms"})
    messages = outcome.ledger.messages
    assert (messages.timed_out, messages.late, messages.unclaimed) == (1, 1, 0)
    assert outcome.errors == {"timeout": 1}


def test_a_notification_is_one_way() -> None:
    outcome = run({"notify": {"method": "hello", "params": {"n": 1}}})
    assert sent(outcome) == [{"jsonrpc": "2.0", "method": "hello", "params": {"n": 1}}]
    assert outcome.ledger.messages.one_way == 1


def test_a_subscription_is_confirmed_and_its_first_message_is_timed() -> None:
    subscribe = {"method": "subscribe", "params": ["news"], "first": {"check": {"$.number": 0}}}
    outcome = run(
        {"name": "news", "subscribe": subscribe},
        {"wait_for": {"where": {"subscription": "news", "$.number": 1}}},
        {"wait_for": {"where": {"event": "news", "envelope": {"$.params.result.number": 2}}}},
        {"unsubscribe": {"subscription": "news", "method": "unsubscribe", "confirmed": {"check": {"$": True}}}},
    )
    assert outcome.errors == {}
    assert outcome.values("response_time", step="news").total == 10 * MS
    assert outcome.values("first_message_time", step="news").total == 10 * MS + TICK_NS
    assert sent(outcome)[1]["params"] == ["0x1"]
    assert outcome.ledger.messages.unclaimed == 0


def test_handlers_see_the_payload_of_a_subscription_and_not_the_replies_of_calls() -> None:
    on = {"message": [{"where": {"$.number": 1}, "do": [{"count": "second"}]}, {"do": [{"count": "others"}]}]}
    outcome = run(
        {"name": "news", "subscribe": {"method": "subscribe"}},
        {"call_method": {"method": "add", "params": [1, 2]}},
        {"think": "200ms"},
        on=on,
    )
    assert outcome.errors == {}
    assert (outcome.count("second"), outcome.count("others")) == (2, 4)  # three ticks after each of two messages


def test_data_that_comes_with_the_confirmation_belongs_to_the_subscription() -> None:
    """In one frame, before the step goes on."""

    def both(payload: Any, number: int) -> list[Say]:
        confirmed = {"jsonrpc": "2.0", "id": json.loads(payload)["id"], "result": "0x9"}
        data = {"jsonrpc": "2.0", "method": "news", "params": {"subscription": "0x9", "result": {"n": 1}}}
        return [Say(json.dumps([confirmed, data]))]

    first = {"check": {"$.n": 1}, "within": "1s"}
    outcome = run({"subscribe": {"method": "subscribe", "first": first}}, behaviour=Behaviour(on_message=both))
    assert outcome.errors == {}
    assert outcome.ledger.messages.received == 2


def test_a_subscription_without_data_times_out() -> None:
    subscribe = {"method": "subscribe", "first": {"within": "50ms"}}
    outcome = run({"name": "news", "subscribe": subscribe}, behaviour=speaks(JsonRpc, ticks=0))
    assert outcome.errors == {"timeout": 1}
    assert outcome.failed("request") == (1, 1)
    assert outcome.values("first_message_time", step="news").missing == 1


def test_the_server_calls_and_a_handler_answers() -> None:
    answer = {"answer_call": {"id": "{{ message.id }}", "result": "hi {{ message.params[0] }}"}}
    outcome = run(
        {"call_method": {"method": "call_me", "reply": {"check": {"$": "hi loadws"}}}},
        on={"message": [{"event": "hello", "do": [answer]}]},
    )
    assert outcome.errors == {}
    assert outcome.ledger.messages.one_way == 1


def test_an_error_that_answers_nothing_is_counted() -> None:
    complaint = {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "Parse error"}}
    peer = Behaviour(on_open=lambda connection: [Say(json.dumps(complaint))])
    outcome = run({"think": "10ms"}, behaviour=peer)
    assert outcome.errors == {"protocol.server_error.-32700": 1}


def test_a_message_that_is_no_json_is_told_and_ends_nothing() -> None:
    peer = Behaviour(on_open=lambda connection: [Say("hello"), Say(b"\xff")])
    outcome = run({"think": "10ms"}, {"count": "here"}, behaviour=peer)
    assert outcome.errors == {"protocol.malformed": 2}
    assert outcome.count("here") == 1
    assert (outcome.ledger.messages.received, outcome.ledger.messages.unclaimed) == (2, 2)


def test_to_unsubscribe_from_what_is_not_subscribed_fails() -> None:
    subscribe = {"name": "news", "subscribe": {"method": "subscribe", "confirmed": {"within": "5ms"}}}
    steps = (
        {**subscribe, "on_failure": "continue"},
        {"unsubscribe": {"subscription": "news", "method": "unsubscribe"}},
    )
    outcome = run(*steps, behaviour=silent())
    assert outcome.errors == {"timeout": 1, "protocol.not_subscribed": 1}


def test_a_trace_names_the_call_that_takes_an_answer() -> None:
    document = {"load": [{"users": 1, "iterations": 1}], "connection": {"protocol": "json-rpc"}}
    flow = ["connect", {"name": "sum", "call_method": {"method": "add", "params": [1, 2]}}]
    outcome = drive({**document, "flow": flow}, speaks(JsonRpc), trace=True)
    assert any("taken by call_method sum" in line for line in outcome.said), outcome.said


def test_a_connection_that_replaces_another_speaks_the_protocol_too() -> None:
    options = {"protocol": "json-rpc", "reconnect": {"backoff": "10ms", "jitter": "none"}}
    call = {"call_method": {"method": "add", "params": [1, 2], "reply": {"check": {"$": 3}}}}
    outcome = run({"drop": {}}, {"reconnect": {}}, call, connection=options)
    assert outcome.errors == {}
    assert outcome.ledger.connections.opened == 2


# -- batches ----------------------------------------------------------------------------------------------------------

BATCH = [{"method": "add", "params": [1, 2]}, {"method": "echo", "params": ["{{ user.index }}"]}]


def test_a_batch_is_one_message_and_its_results_one_list_in_order() -> None:
    reply = {"check": {"$": {"equals": [3, [0]]}}}
    outcome = run({"name": "both", "call_method": {"batch": BATCH, "reply": reply}}, {"think": "50ms"})
    assert outcome.errors == {}
    messages = outcome.ledger.messages
    assert (messages.sent, messages.answered, messages.received, messages.unclaimed) == (1, 1, 1, 0)
    assert [call["method"] for call in sent(outcome)[0]] == ["add", "echo"]
    assert outcome.values("response_time", step="both").total == 10 * MS


def test_answers_of_a_batch_may_come_one_by_one_and_in_any_order() -> None:
    def backwards(payload: Any, number: int) -> list[Say]:
        answers = [{"jsonrpc": "2.0", "id": call["id"], "result": call["method"]} for call in json.loads(payload)]
        return [Say(json.dumps(answer), (n + 1) * 10 * MS) for n, answer in enumerate(reversed(answers))]

    reply = {"check": {"$": {"equals": ["add", "echo"]}}}
    outcome = run({"call_method": {"batch": BATCH, "reply": reply}}, behaviour=Behaviour(on_message=backwards))
    assert outcome.errors == {}
    assert outcome.values("response_time").total == 20 * MS
    assert outcome.ledger.messages.received == 1


def test_one_error_fails_a_batch() -> None:
    outcome = run({"call_method": {"batch": [*BATCH, {"method": "nothing"}]}})
    assert outcome.errors == {"protocol.error.-32601": 1}
    assert outcome.failed("request") == (1, 1)


def test_a_batch_times_out_and_its_answers_are_late_once() -> None:
    batch = {"call_method": {"batch": BATCH, "reply": {"within": "5ms"}}, "on_failure": "continue"}
    outcome = run(batch, {"think": "50ms"})
    messages = outcome.ledger.messages
    assert outcome.errors == {"timeout": 1}
    assert (messages.timed_out, messages.late, messages.unclaimed) == (1, 1, 0)


def test_a_measure_sees_what_the_messages_hold() -> None:
    """Times between events are of the protocol's messages: the answer of a call, and what a subscription brings."""
    measure = [
        {"name": "to_answer", "from": {"step": "ask"}, "to": {"where": {"$": 5}}},
        {"name": "to_tick", "from": {"step": "ask"}, "to": {"where": {"$.never": True}}, "within": "50ms"},
    ]
    call = {"name": "ask", "call_method": {"method": "add", "params": [2, 3]}}
    outcome = run(call, {"think": "1s"}, measure=measure)

    assert outcome.errors == {}
    assert outcome.values("to_answer", step="ask").total == 10 * MS
    assert outcome.values("to_tick").missing == 1
    assert outcome.ledger.messages.answered == 1


def test_a_lost_connection_leaves_a_measure_missing() -> None:
    measure = [{"name": "first", "from": {"step": "ask"}, "to": {"where": {"$": 5}}}]
    behaviour = Behaviour(on_message=lambda payload, number: [Leave(1001, after_ns=MS)])
    outcome = run({"name": "ask", "notify": {"method": "x"}}, {"think": "1s"}, behaviour=behaviour, measure=measure)

    assert outcome.values("first").missing == 1
    assert outcome.count("measures_cut_off") == 0
