"""The servers of protocols: what they do not know they name, so that a scenario can be mended by its own errors."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from loadws.target.speaking.centrifugo import Centrifugo
from loadws.target.speaking.graphql import GraphQl
from loadws.target.speaking.json_rpc import JsonRpc
from loadws.target.speaking.phoenix import Phoenix
from loadws.target.speaking.pusher import Pusher
from loadws.target.speaking.signalr import SignalR
from loadws.target.speaking.talk import Talk

_JOIN = json.dumps(["1", "1", "room", "phx_join", {}])
_HELLO = '{"protocol": "json", "version": 1}\x1e'


@pytest.mark.parametrize(
    ("server", "before", "asked", "told"),
    [
        (
            JsonRpc,
            "{}",
            {"jsonrpc": "2.0", "id": 1, "method": "sub"},
            "Method not found: 'sub'; there are 'add' and 'echo'",
        ),
        (
            JsonRpc,
            "{}",
            {"jsonrpc": "2.0", "id": 1, "method": "add", "params": {"a": 1}},
            "Method not found: 'add' without a list of numbers: {\\\"a\\\":1}",
        ),
        (Phoenix, _JOIN, ["1", "2", "room", "sub", {}], "unknown event 'sub'; there are 'add' and 'echo'"),
        (Phoenix, _JOIN, ["1", "2", "hall", "add", {}], "unmatched topic 'hall': join it first"),
        (Centrifugo, "{}", {"id": 1, "rpc": {"method": "sub"}}, "method not found: 'sub'; there are 'add' and 'echo'"),
        (Centrifugo, "{}", {"id": 1, "history": {}}, "method not found: ['history', 'id']"),
        (
            Pusher,
            "{}",
            {"event": "client-say", "channel": "hall", "data": {}},
            "no such channel: 'hall'; subscribe to it first",
        ),
        (
            SignalR,
            _HELLO,
            {"type": 1, "invocationId": "1", "target": "sub", "arguments": []},
            "Method does not exist: 'sub'; there are 'add' and 'echo'",
        ),
        (
            SignalR,
            _HELLO,
            {"type": 4, "invocationId": "1", "target": "tocks"},
            "Method does not exist: 'tocks'; the only stream is 'ticks'",
        ),
        (
            GraphQl,
            "{}",
            {"type": "subscribe", "id": "1", "payload": {"query": "{ helo }"}},
            "syntax error: '{ helo }'; this server knows { hello }, { broken }, subscription { tick }",
        ),
    ],
)
def test_what_a_server_does_not_know_it_names(
    server: Callable[[], Talk], before: str, asked: object, told: str
) -> None:
    talk = server()
    talk.answers(before)
    (answer,) = talk.answers(json.dumps(asked))
    assert isinstance(answer, str)
    assert told in answer
