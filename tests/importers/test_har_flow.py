"""What becomes of the messages: requests, captures, ids, pauses, loops and heartbeats. Every scenario is also validated."""

from __future__ import annotations

import json
from textwrap import indent

import pytest

from tests.importers.har_files import (
    RECEIVED,
    SENT,
    START_S,
    exchange,
    flow_of,
    header,
    imported,
    loaded,
    message,
    notes_of,
    socket,
)

UUIDS = [f"8f14e45f-ceea-467f-9d0c-1b8f6b7a2d{number:02}" for number in range(20)]


def steps(text: str) -> str:
    """The flow between ``connect`` and ``close``."""
    return "  - connect: {path: /ws}\n" + indent(text, "  ") + "  - close\n"


def test_an_answered_id_becomes_a_correlated_request() -> None:
    flow = flow_of(
        imported(
            socket(
                message(SENT, 0, {"jsonrpc": "2.0", "id": 1, "method": "add", "params": [1, 2]}),
                message(RECEIVED, 0.01, {"jsonrpc": "2.0", "id": 1, "result": 3}),
            ),
            raw_frames=True,
        )
    )
    assert flow == steps(
        """\
- request:
    name: add
    send: {json: {jsonrpc: "2.0", id: "{{ id() }}", method: add, params: [1, 2]}}
    reply: {where: {$.id: "{{ sent.id }}"}}
"""
    )


def test_answers_in_another_order_go_to_their_requests() -> None:
    flow = flow_of(
        imported(
            socket(
                message(SENT, 0, {"id": "a1", "op": "slow"}),
                message(SENT, 0.01, {"id": "a2", "op": "fast"}),
                message(RECEIVED, 0.02, {"id": "a2", "of": "fast"}),
                message(RECEIVED, 0.03, {"id": "a1", "of": "slow"}),
            )
        )
    )
    assert flow.count("request:") == 2
    assert 'id: "a{{ id() }}", op: slow' in flow


def test_an_array_with_its_id_in_front_is_correlated() -> None:
    """Phoenix and OCPP put the id at the front of an array."""
    flow = flow_of(
        imported(
            socket(
                message(SENT, 0, ["3", "3", "room:lobby", "phx_join", {}]),
                message(RECEIVED, 0.01, ["3", "3", "room:lobby", "phx_reply", {"status": "ok"}]),
                message(SENT, 0.02, [2, "19223201", "BootNotification", {}]),
                message(RECEIVED, 0.03, [3, "19223201", {"status": "Accepted"}]),
            ),
            raw_frames=True,
        )
    )
    assert 'where: {"$[0]": "{{ id_1 }}"}' in flow
    assert 'send: {json: [2, "{{ id() | string }}", BootNotification, {}]}' in flow
    assert 'where: {"$[1]": "{{ sent[1] }}"}' in flow


def test_an_id_that_is_used_again_becomes_a_variable() -> None:
    """Subscribe, and later unsubscribe by the same id."""
    flow = flow_of(
        imported(
            socket(
                message(SENT, 0, {"type": "subscribe", "id": UUIDS[0]}),
                message(RECEIVED, 0.01, {"type": "next", "id": UUIDS[0]}),
                message(SENT, 0.02, {"type": "complete", "id": UUIDS[0]}),
            )
        )
    )
    assert flow == steps(
        """\
- set: {id_1: "{{ uuid() }}"}
- request:
    name: subscribe
    send: {json: {type: subscribe, id: "{{ id_1 }}"}}
    reply: {where: {$.id: "{{ id_1 }}"}}
- send: {json: {type: complete, id: "{{ id_1 }}"}}
"""
    )


def test_a_value_that_was_received_and_then_sent_becomes_a_capture() -> None:
    flow = flow_of(
        imported(
            socket(
                message(RECEIVED, 0, {"type": "welcome", "sessionId": "s-12345"}),
                message(SENT, 0.01, {"type": "join", "text": "as s-12345, please", "by": "s-12345"}),
            )
        )
    )
    assert flow == steps(
        """\
- wait_for: {where: {$.type: welcome, $.sessionId: {exists: true}}, capture: {session_id: $.sessionId}}
- send: {json: {type: join, text: "as {{ session_id }}, please", by: "{{ session_id }}"}}
"""
    )


def test_words_that_both_sides_know_are_no_captures() -> None:
    flow = flow_of(
        imported(
            socket(
                message(RECEIVED, 0, {"type": "rooms", "rooms": ["lobby", "hall"], "count": 2}),
                message(SENT, 0.01, {"type": "join", "room": "lobby", "count": 2}),
            )
        )
    )
    assert "capture" not in flow


def test_an_answer_of_the_login_feeds_the_address() -> None:
    login = exchange(
        "POST", "http://127.0.0.1:8766/login", json.dumps({"user": "anna"}), json.dumps({"ticket": "t-4711"})
    )
    unused = exchange("GET", "http://127.0.0.1:8766/style.css", None, "body {}")
    flow = flow_of(imported(unused, login, socket(message(SENT, 0, "hi"), url="ws://127.0.0.1:8766/ws?ticket=t-4711")))
    assert flow.startswith(
        """\
  - http: {post: /login, json: {user: anna}, check: {status: 200}, capture: {ticket: $.ticket}}
  - connect: {path: "/ws?ticket={{ ticket }}"}
"""
    )
    assert "style.css" not in flow


def test_an_exchange_that_sets_the_handshakes_cookie_is_a_step() -> None:
    login = exchange(
        "POST", "http://127.0.0.1:8766/login", "name=anna", mime="application/x-www-form-urlencoded",
        headers=[header("Content-Type", "application/x-www-form-urlencoded")],
        answer_headers=[header("Set-Cookie", "sid=abcdef12345; Path=/")],
    )  # fmt: skip
    found = imported(login, socket(message(SENT, 0, "hi"), headers=[header("Cookie", "sid=abcdef12345; theme=dark")]))
    assert flow_of(found).startswith(
        """\
  - http: {post: /login, form: {name: anna}, check: {status: 200}}
  - connect: {path: /ws, cookies: {theme: "{{ theme }}"}}
"""
    )
    assert "abcdef12345" not in found.text


def test_pauses_are_kept_clamped_and_scaled() -> None:
    entry = socket(message(SENT, 0, "a"), message(SENT, 0.05, "b"), message(SENT, 2.05, "c"), message(SENT, 900, "d"))
    assert flow_of(imported(entry)) == steps("- send: a\n- send: b\n- think: 2s\n- send: c\n- think: 60s\n- send: d\n")
    assert "- think: 500ms\n" in flow_of(imported(entry, speed=4))
    assert "- think: 4s\n" in flow_of(imported(entry, speed=0.5))
    assert notes_of(imported(entry)) == ["1 pause of more than a minute was cut to one minute"]


def test_listening_at_the_end_is_a_pause() -> None:
    entry = socket(message(SENT, 0, "a"), *(message(RECEIVED, each, {"type": "tick"}) for each in range(1, 9)))
    found = imported(entry)
    assert flow_of(found) == steps("- send: a\n- think: 8s\n")
    assert notes_of(found) == [
        "8 received messages of one kind answered nothing that was sent, so no step waits for them"
    ]


def test_repeats_become_loops() -> None:
    turns = [
        each
        for number in range(1, 6)
        for each in (
            message(SENT, number, {"type": "say", "id": number}),
            message(RECEIVED, number + 0.1 * number, {"type": "said", "id": number}),
        )
    ]
    assert flow_of(imported(socket(*turns))) == steps(
        """\
- repeat: 5
  do:
    - think: 600ms..1s
    - request:
        name: say
        send: {json: {type: say, id: "{{ id() }}"}}
        reply: {where: {$.id: "{{ sent.id }}"}}
"""
    )


def test_two_of_a_kind_are_no_loop() -> None:
    assert flow_of(imported(socket(message(SENT, 0, "a"), message(SENT, 0, "a")))) == steps("- send: a\n- send: a\n")


def test_heartbeats_are_dropped_and_those_of_the_server_answered() -> None:
    beats = [
        each
        for number in range(3)
        for each in (
            message(RECEIVED, number + 0.5, {"type": "ping", "ts": number}),
            message(SENT, number + 0.6, {"type": "pong", "ts": number}),
        )
    ]
    found = imported(socket(message(SENT, 0, "hi"), *beats))
    assert flow_of(found) == (
        steps("- send: hi\n")
        + 'on: {message: [{where: {$.type: ping}, do: [{send: {json: {type: pong, ts: "{{ message.ts }}"}}}]}]}\n'
    )
    assert notes_of(found) == ["6 heartbeats were left out; a handler answers those of the server"]


def test_the_heartbeats_of_socket_io_are_known() -> None:
    url = "ws://127.0.0.1:8766/socket.io/?EIO=4&transport=websocket"
    found = imported(
        socket(
            message(SENT, 0, "40"),
            message(RECEIVED, 1, "2"),
            message(SENT, 1.1, "3"),
            message(SENT, 2, '42["hi"]'),
            url=url,
        ),
        raw_frames=True,
    )
    flow = flow_of(found)
    assert 'on: {message: [{where: {text: "2"}, do: [{send: "3"}]}]}' in flow
    assert "Socket.IO" in notes_of(found)[0]


def test_a_conversation_of_heartbeats_alone_is_kept() -> None:
    assert "- request: {send: ping}" not in flow_of(
        imported(socket(message(SENT, 0, "ping"), message(RECEIVED, 0.1, "pong")))
    )
    assert "- request: ping" in flow_of(imported(socket(message(SENT, 0, "ping"), message(RECEIVED, 0.1, "pong"))))


def test_an_answer_without_an_id_is_known_by_its_kind() -> None:
    flow = flow_of(
        imported(
            socket(
                message(RECEIVED, 0, {"type": "tick"}),
                message(RECEIVED, 0.1, {"type": "tick"}),
                message(SENT, 1, {"type": "join", "room": "lobby"}),
                message(RECEIVED, 1.1, {"type": "tick"}),
                message(RECEIVED, 1.2, {"type": "joined"}),
            )
        )
    )
    assert flow == steps(
        """\
- think: 1s
- request: {name: join, send: {json: {type: join, room: lobby}}, reply: {where: {$.type: joined}}}
"""
    )


def test_the_time_in_a_message_is_the_users_own() -> None:
    entry = socket(message(SENT, 0, {"at_ms": int(START_S * 1000) + 3, "at": int(START_S), "n": 1234}))
    assert 'json: {at_ms: "{{ now_ms() }}", at: "{{ now_ms() // 1000 }}", n: 1234}' in flow_of(imported(entry))


def test_a_slow_answer_may_take_its_time() -> None:
    flow = flow_of(imported(socket(message(SENT, 0, {"id": 1}), message(RECEIVED, 20, {"id": 1}))))
    assert "within: 40s" in flow


def test_what_has_a_meaning_in_a_scenario_is_escaped() -> None:
    """The text goes out as it was recorded."""
    text = "{{ x }} ${HOME} {% if %} $${A} }} # : - 'q' \"d\" \\ \n \x7f é {"
    scenario = loaded(imported(socket(message(SENT, 0, text), message(SENT, 0, {"${k}": text})))).scenario
    from loadws.scenario.template.scope import Scope
    from loadws.scenario.template.template import compile_json, compile_template

    scope = Scope(clock=lambda: 0)
    _, first, second, *_ = scenario.flow  # type: ignore[misc]
    assert compile_template(first.send.text).text(scope) == text  # type: ignore[union-attr]
    assert json.loads(compile_json(second.send.json_).text(scope)) == {"${k}": text}  # type: ignore[union-attr]


@pytest.mark.slow
def test_a_recording_that_is_too_long_is_cut_and_said() -> None:
    found = imported(socket(*(message(SENT, 0, {"n": f"{number} " * 400}) for number in range(2000))))
    loaded(found)
    (note,) = [note for note in found.notes if "no room" in note.text]
    assert note.is_loss
