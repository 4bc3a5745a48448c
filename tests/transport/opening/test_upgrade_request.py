"""What is asked for. How an answer is judged is in ``test_answer``; both over a wire in ``test_conformance``."""

from __future__ import annotations

from loadws.transport.base import ConnectRequest
from loadws.transport.opening.upgrade_request import Question, upgrade_request
from loadws.transport.url import parse_url


def test_the_request() -> None:
    url = "ws://us:er@h.test:81/p?q=1"
    request = ConnectRequest(url, headers=(("X-Name", "v"), ("Host", "other")), subprotocols=("a", "b"))
    assert upgrade_request(request, parse_url(url), b"KEY").split(b"\r\n") == [
        b"GET /p?q=1 HTTP/1.1",
        b"Host: other",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Key: KEY",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Protocol: a, b",
        b"X-Name: v",
        b"User-Agent: loadws",
        b"Authorization: Basic dXM6ZXI=",
        b"",
        b"",
    ]


def test_without_subprotocols_none_is_offered() -> None:
    assert b"Protocol" not in upgrade_request(ConnectRequest("ws://h"), parse_url("ws://h"), b"KEY")


def test_a_deadline_before_the_request_was_written_says_so() -> None:
    upgrade = Question(ConnectRequest("ws://h"), parse_url("ws://h")).upgrade()
    assert upgrade.out_of_time().kind == "upgrade.timeout"
    assert upgrade.out_of_time().detail == "the request for the upgrade could not be written in time"
