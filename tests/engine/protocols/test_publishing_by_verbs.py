"""``publish`` by a verb of a protocol: the probe is in what a message carries, and is found there."""

from __future__ import annotations

from typing import Any

import pytest

from loadws.target.speaking.servers import TALKS
from tests.engine.drive import Outcome, drive
from tests.engine.protocols.speaking import speaks
from tests.engine.test_publishing import MOMENT, delivered, some
from tests.kit.behaviour import Behaviour, Leave, Say
from tests.kit.plain import MS

#: Of each protocol: the subscription, the verb that carries the probe, and where it comes back.
CARRIED: dict[str, tuple[list[Any], dict[str, Any], dict[str, Any], Any]] = {
    "mqtt": (
        [{"name": "room", "subscribe": {"topic": "room"}}],
        {"publish_topic": {"topic": "room", "send": {"json": {"id": "{{ probe }}"}}}},
        {"event": "room"},
        "$.id",
    ),
    "stomp": (
        [{"name": "room", "subscribe": {"destination": "/topic/room"}}],
        {"send_to": {"destination": "/topic/room", "send": "{{ probe }}"}},
        {"subscription": "room"},
        "text",
    ),
    "pusher": (
        [{"name": "room", "subscribe": {"channel": "room"}}],
        {"notify": {"channel": "room", "event": "client-say", "data": {"id": "{{ probe }}"}}},
        {"event": "client-say"},
        "$.id",
    ),
}


def run(protocol: str, flow: list[Any], handler: Any, behaviour: Behaviour | None = None, **more: Any) -> Outcome:
    document = {
        "load": [{"users": 1, "iterations": 1}],
        "connection": {"protocol": protocol},
        "flow": ["connect", *flow, {"think": "3s"}],
        "on": {"message": [handler]},
        **more,
    }
    return drive(document, behaviour or speaks(TALKS[protocol], delay_ns=MS, ticks=0))


@pytest.mark.parametrize("protocol", CARRIED)
def test_a_probe_comes_back_in_what_a_message_carries(protocol: str) -> None:
    begins, carrier, where, place = CARRIED[protocol]
    publish = {"publish": {"probe": "talk", **carrier}}
    handler = {"where": where, "deliver": {"probe": "talk", "id": place, "after": "room", "within": "1s"}}
    outcome = run(protocol, [*begins, MOMENT, {"repeat": 2, "do": [publish, {"think": "10ms"}]}], handler)
    assert outcome.errors == {}
    assert delivered(outcome) == some(2, 2, 2)
    assert outcome.ledger.messages.one_way == 2 + (protocol == "stomp")  # whose subscription is one way too


def test_a_handler_publishes_too_and_what_nobody_sends_back_is_missing() -> None:
    publish = {
        "publish": {"probe": "talk", "emit": {"event": "say", "args": ["{{ probe }}", "{{ 'AQI=' | frombase64 }}"]}}
    }
    handler = {"where": {"event": "welcome"}, "do": [publish]}
    deliver = {"where": {"event": "said"}, "deliver": {"probe": "talk", "id": "$[0]", "within": "1s"}}
    flow = [MOMENT, {"emit": {"event": "join", "args": ["lobby"]}}]
    outcome = run("socket.io", flow, handler, on={"message": [handler, deliver]})
    assert outcome.errors == {}
    assert delivered(outcome) == some(1, 1, 0, missing=1)
    assert [payload for payload in outcome.seen.payloads if payload == b"\x01\x02"]  # a frame of its own


def test_what_was_not_sent_is_expected_of_nobody() -> None:
    behaviour = Behaviour(on_message=lambda payload, number: [Say('{"method": "bye"}'), Leave(1000)])
    flow = [
        {"notify": {"method": "go"}},
        {"think": "100ms"},
        {"publish": {"probe": "talk", "notify": {"method": "say", "params": ["{{ probe }}"]}}},
    ]
    handler = {"where": {"event": "say"}, "deliver": {"probe": "talk", "id": "$.params[0]", "within": "1s"}}
    outcome = run("json-rpc", flow, handler, behaviour)
    assert delivered(outcome) == {}
    assert outcome.ledger.messages.one_way == 1
