"""Socket.IO 4 by its protocol file and python-socketio's packets, in virtual time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from loadws.scenario.build import load_text
from loadws.scenario.json_reader import NotJson
from loadws.scenario.protocol.socket_io_packets import Reader, framed, frames_of
from loadws.scenario.template.values import EvaluationError
from loadws.scenario.yaml.explain import ScenarioError
from loadws.target.speaking.socket_io import SocketIo
from loadws.transport.base import Payload
from tests.engine.drive import Outcome, drive
from tests.engine.protocols.speaking import speaks
from tests.kit.behaviour import Action, Behaviour, Say, Vanish
from tests.kit.plain import MS


def run(*steps: Any, protocol: Any = "socket.io", behaviour: Behaviour | None = None, **more: Any) -> Outcome:
    document = {"load": [{"users": 1, "iterations": 1}], "connection": {"protocol": protocol}, **more}
    return drive({**document, "flow": ["connect", *steps]}, behaviour or speaks(SocketIo, delay_ns=10 * MS))


def test_the_url_says_version_and_transport() -> None:
    assert run({"think": "1ms"}).seen.urls[0].endswith("?EIO=4&transport=websocket")


def test_an_emit_is_one_way_and_with_ack_it_is_timed_to_its_acknowledgement() -> None:
    outcome = run(
        {"emit": {"event": "join", "args": ["lobby"]}},
        {"wait_for": {"event": "welcome", "where": {"$[0]": "lobby"}}},
        {
            "name": "add",
            "emit": {"event": "add", "args": [2, 3], "ack": {"check": {"$[0]": 5}, "capture": {"sum": "$[0]"}}},
        },
        {"log": "{{ sum }}"},
    )
    assert outcome.errors == {}
    assert [line.text for line in outcome.logs] == ["5"]
    assert list(outcome.seen.payloads) == ["40", '42["join","lobby"]', '421["add",2,3]']
    assert outcome.values("response_time", step="add").total == 10 * MS
    assert (outcome.ledger.messages.one_way, outcome.ledger.messages.answered) == (1, 1)


def test_namespace_and_auth_are_those_of_the_connection() -> None:
    protocol = {"name": "socket.io", "namespace": "/chat", "auth": {"token": "t{{ user.index }}"}}
    outcome = run({"emit": {"event": "add", "args": [1], "ack": {"check": {"$[0]": 1}}}}, protocol=protocol)
    assert outcome.errors == {}
    assert list(outcome.seen.payloads) == ['40/chat,{"token":"t0"}', '42/chat,1["add",1]']


def test_a_namespace_that_is_refused_fails_the_connect() -> None:
    outcome = run({"count": "never"}, protocol={"name": "socket.io", "namespace": "/private"})
    assert outcome.errors == {"protocol.refused": 1}


def test_the_server_asks_for_an_acknowledgement_and_a_handler_gives_it() -> None:
    answer = {"answer_call": {"id": "{{ message.id }}", "args": ["hi {{ message.args[0] }}"]}}
    outcome = run(
        {"emit": {"event": "call_me", "ack": {"check": {"$[0]": "hi loadws"}}}},
        on={"message": [{"event": "hello", "do": [answer]}]},
    )
    assert outcome.errors == {}


def test_binary_attachments_belong_to_their_event_and_one_message_came() -> None:
    frames: list[str | bytes] = ['451-["blob",{"_placeholder":true,"num":0},7]', b"\x01\x02"]
    peer = Behaviour(on_open=lambda _: [Say('0{"sid":"a"}'), Say("40"), *(Say(frame) for frame in frames)])
    outcome = run({"wait_for": {"where": {"event": "blob", "$[1]": 7}, "capture": {"blob": "$[0]"}}}, behaviour=peer)
    assert outcome.errors == {}
    assert outcome.ledger.messages.received == 1


def test_binary_arguments_are_frames_of_their_own_behind_that_of_their_packet() -> None:
    outcome = run(
        {"emit": {"event": "blob", "args": ["{{ 'AP8=' | frombase64 }}", {"n": 1, "more": "{{ 'ff' | fromhex }}"}]}},
        {"emit": {"event": "add", "args": [2, 3], "ack": {"check": {"$[0]": 5}}}},
    )
    assert outcome.errors == {}
    text = '452-["blob",{"_placeholder":true,"num":0},{"n":1,"more":{"_placeholder":true,"num":1}}]'
    assert list(outcome.seen.payloads)[1:4] == [text, b"\0\xff", b"\xff"]
    messages = outcome.ledger.messages
    assert (messages.sent, messages.one_way, messages.answered) == (2, 1, 1)
    assert outcome.ledger.bytes.sent == len(text) + 3 + len('421["add",2,3]')


@pytest.mark.parametrize("waits", [False, True], ids=["at once", "queued"])
def test_binary_data_comes_back_in_an_acknowledgement(waits: bool) -> None:
    frames: list[str | bytes] = ['451-7["ask",{"_placeholder":true,"num":0}]', b"\1\2"]
    peer = Behaviour(on_open=lambda _: [Say("40"), *(Say(frame, 10 * MS) for frame in frames)])
    steps = [
        *([{"think": "1ms"}] if waits else []),
        {"answer_call": {"id": "{{ message.id }}", "args": "{{ message.args }}"}},
    ]
    outcome = run({"think": "1s"}, behaviour=peer, on={"message": [{"where": {"event": "ask"}, "do": steps}]})
    assert outcome.errors == {}
    assert list(outcome.seen.payloads)[1:] == ['461-7[{"_placeholder":true,"num":0}]', b"\1\2"]


# -- recovery ---------------------------------------------------------------------------------------------------------


def recovers(*, events: Sequence[str], offer: str) -> Behaviour:
    """Return a server that opens with ``offer``, sends events, and is gone 50 ms later, the first time."""
    opened = 0

    def on_message(payload: Payload, number: int) -> Sequence[Action]:
        nonlocal opened
        opened += number == 1
        if number > 1 or opened > 1:
            return (Say('40{"sid":"s2"}'),) if number == 1 else ()
        return (Say(offer), *(Say(event, 10 * MS) for event in events), Vanish(after_ns=50 * MS))

    return Behaviour(on_message=on_message)


@pytest.mark.parametrize(
    ("offer", "events", "expected"),
    [
        # a server that recovers: its id, and the last event that came
        (
            '40{"sid":"s1","pid":"p1"}',
            ['42["tick",1,"o1"]', '42["tick",2,"o2"]'],
            '40{"token":"t","pid":"p1","offset":"o2"}',
        ),
        # an event without an offset changes nothing, and none at all leaves it out
        (
            '40{"sid":"s1","pid":"p1"}',
            ['42["tick",1,"o1"]', '42["tick",2]'],
            '40{"token":"t","pid":"p1","offset":"o1"}',
        ),
        ('40{"sid":"s1","pid":"p1"}', [], '40{"token":"t","pid":"p1"}'),
        # a server that does not
        ('40{"sid":"s1"}', ['42["tick","x"]'], '40{"token":"t"}'),
    ],
    ids=range(4),
)
def test_a_connection_in_the_place_of_another_says_where_that_one_was(
    offer: str, events: list[str], expected: str
) -> None:
    protocol = {"name": "socket.io", "auth": {"token": "t"}}
    outcome = run(
        {"think": "5s"},
        behaviour=recovers(events=events, offer=offer),
        connection={"protocol": protocol, "reconnect": True},
    )
    assert list(outcome.seen.payloads) == ['40{"token":"t"}', expected]


def test_a_connection_that_is_new_says_nothing_of_the_one_before() -> None:
    peer = recovers(events=[], offer='40{"sid":"s1","pid":"p1"}')
    outcome = run("close", "connect", behaviour=replace(peer, on_message=lambda *_: [Say('40{"sid":"s1","pid":"p1"}')]))
    assert list(outcome.seen.payloads) == ["40", "40"]


def test_several_namespaces_of_one_connection_are_refused() -> None:
    text = """
target: ws://127.0.0.1:1
connection: {protocol: {name: socket.io, namespace: [/a, /b]}}
load: [{users: 1, for: 1s}]
flow: [connect]
"""
    with pytest.raises(ScenarioError) as raised:
        load_text(text, Path("s.yaml"), env={})
    [problem] = raised.value.problems
    assert problem.message == "'namespace' of the protocol 'socket.io' is one text, and this is [\"/a\",\"/b\"]"
    assert problem.advice == "a connection has one; a template may give each user its own"


def test_a_namespace_that_the_server_leaves_is_told() -> None:
    peer = Behaviour(on_open=lambda _: [Say("40"), Say("41", 10 * MS)])
    outcome = run({"think": "20ms"}, behaviour=peer)
    assert outcome.errors == {"protocol.server_error": 1}


# -- packets ----------------------------------------------------------------------------------------------------------

ARGUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
).filter(lambda value: "_placeholder" not in str(value))
NAMESPACES = st.sampled_from(["/", "/chat"])


@pytest.mark.slow
@given(st.text(min_size=1), st.lists(ARGUMENTS, max_size=3), NAMESPACES, st.none() | st.integers(0, 2**53))
def test_what_is_framed_is_read_back(event: str, args: list[Any], namespace: str, number: int | None) -> None:
    record: dict[str, Any] = {"type": "event", "namespace": namespace, "event": event, "args": args}
    if number is not None:
        record["id"] = number
    assert [read for read, _ in Reader()(framed(record))] == [record]


@pytest.mark.slow
@given(st.lists(ARGUMENTS | st.lists(st.binary(max_size=5), max_size=3), max_size=3), NAMESPACES, st.integers(0, 9))
def test_binary_arguments_are_read_back(args: list[Any], namespace: str, number: int) -> None:
    record = {"type": "ack", "namespace": namespace, "id": number, "args": args}
    reader = Reader()
    assert [read for frame in frames_of(record) for read, _ in reader(frame)] == [record]


@given(st.lists(st.text() | st.binary(), max_size=5))
def test_any_frames_are_records_or_no_packets(frames: list[str | bytes]) -> None:
    reader = Reader()
    for frame in frames:
        with suppress(NotJson):
            assert all(isinstance(record, dict) for record, _ in reader(frame))


def test_what_no_client_sends_is_not_framed() -> None:
    with pytest.raises(EvaluationError, match="sends no 'ping'"):
        framed({"type": "ping"})
    with pytest.raises(EvaluationError, match="binary data goes with an event"):
        framed({"type": "connect", "data": b"x"})
