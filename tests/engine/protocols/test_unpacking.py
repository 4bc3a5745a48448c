"""``unpack`` beside a protocol: what its messages carry becomes values, and nothing else of it does."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from loadws.target.speaking.servers import TALKS
from tests.engine.drive import Outcome, drive
from tests.engine.protocols.speaking import speaks
from tests.kit.behaviour import Behaviour, Say
from tests.kit.plain import MS


def run(protocol: str, unpack: Any, *steps: Any, behaviour: Behaviour | None = None, **more: Any) -> Outcome:
    document = {
        "load": [{"users": 1, "iterations": 1}],
        "connection": {"protocol": protocol, "unpack": unpack},
        "flow": ["connect", *steps],
        **more,
    }
    return drive(document, behaviour or speaks(TALKS[protocol], delay_ns=MS, ticks=0))


def pushes(*params: Any) -> Behaviour:
    """A server of JSON-RPC that answers whatever it is sent with notifications, and calls with an array."""

    def on_message(payload: Any, number: int) -> list[Say]:
        asked = json.loads(payload)
        said = [{"jsonrpc": "2.0", "method": "rows", "params": each} for each in params]
        answer = [{"jsonrpc": "2.0", "id": asked["id"], "result": [1, 2]}] if "id" in asked else []
        return [Say(json.dumps(each), MS) for each in (*said, *answer)]

    return Behaviour(on_message=on_message)


ASK: dict[str, Any] = {"notify": {"method": "ask"}}


def test_elements_of_a_payload_are_values_each_with_the_event_of_its_message() -> None:
    outcome = run(
        "json-rpc", {"elements": "$.params"}, ASK,
        {"wait_for": {"event": "rows", "where": {"$.n": 2, "envelope": {"$.method": "rows"}}}},
        {"wait_for": {"where": {"$.n": 1}, "within": "1s"}},
        behaviour=pushes([{"n": 1}, {"n": 2}]),
    )  # fmt: skip
    assert outcome.errors == {}
    messages = outcome.ledger.messages
    assert (messages.received, messages.values, messages.unclaimed) == (1, 2, 0)


def test_a_measure_knows_messages_by_the_event_of_their_protocol() -> None:
    measure = [{"name": "gap", "from": {"step": "ask"}, "to": {"event": "rows", "where": {"$.n": 2}}}]
    flow = [{"name": "ask", **ASK}, {"think": "1s"}]
    outcome = run("json-rpc", {"elements": "$.params"}, *flow, measure=measure, behaviour=pushes([{"n": 1}, {"n": 2}]))
    assert outcome.errors == {}
    assert outcome.values("gap").count == 1


def test_an_answer_is_read_by_the_protocol_alone() -> None:
    call = {"call_method": {"method": "a", "reply": {"check": {"$": {"equals": [1, 2]}}}}}
    outcome = run("json-rpc", "elements", call, behaviour=pushes())
    assert outcome.errors == {}
    assert outcome.ledger.messages.answered == 1


def test_messages_of_a_subscription_are_unpacked_and_counted_by_handlers() -> None:
    packed = base64.b64encode(gzip.compress(mtime=0, data=b'{"n": 7}')).decode()
    news = {"jsonrpc": "2.0", "method": "news", "params": {"subscription": "s1", "result": packed}}

    def on_message(payload: Any, number: int) -> list[Say]:
        answer = {"jsonrpc": "2.0", "id": json.loads(payload)["id"], "result": "s1"}
        return [Say(json.dumps(answer)), Say(json.dumps(news), MS), Say(json.dumps(news), 2 * MS)]

    outcome = run(
        "json-rpc", ["base64", "gunzip"],
        {"name": "news", "subscribe": {"method": "subscribe", "first": {"check": {"$.n": 7}}}},
        {"think": "100ms"},
        on={"message": [{"where": {"subscription": "news", "$.n": 7}, "do": [{"count": "sevens"}]}]},
        behaviour=Behaviour(on_message=on_message),
    )  # fmt: skip
    assert outcome.errors == {}
    assert outcome.count("sevens") == 2


@pytest.mark.parametrize("value", [{"n": 1}, 5], ids=["map", "text-by-chance"])
def test_a_payload_of_mqtt_may_be_msgpack(value: Any) -> None:
    where = {"$.n": 1} if isinstance(value, dict) else {"$": 5}
    outcome = run(
        "mqtt", "msgpack",
        {"name": "a", "subscribe": {"topic": "a"}},
        {"publish_topic": {"topic": "a", "send": {"msgpack": value}}},
        {"wait_for": {"where": {**where, "subscription": "a"}, "within": "1s"}},
    )  # fmt: skip
    assert outcome.errors == {}


def test_what_cannot_be_read_is_an_error_and_what_is_empty_is_told() -> None:
    wait = {"wait_for": {"within": "1s"}, "on_failure": "continue"}
    outcome = run("json-rpc", {"elements": "$.params"}, ASK, wait, behaviour=pushes([], []))
    assert [sample.detail for sample in outcome.samples] == [
        "no message that matches within 1 s; 2 messages came and were unpacked to nothing by connection.unpack"
    ]
    flow = [
        {"name": "a", "subscribe": {"topic": "a"}},
        {"publish_topic": {"topic": "a", "send": {"binary": {"hex": "c1"}}}},
    ]
    outcome = run("mqtt", "msgpack", *flow, {"think": "100ms"})
    assert outcome.errors == {"unpack.msgpack": 1}
