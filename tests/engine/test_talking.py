"""``send`` and ``request``: whose answer is whose, and what becomes of every message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from loadws.engine.runtime.connection.conversation import MOST_UNANSWERED
from loadws.transport.base import Payload
from tests.engine.drive import drive
from tests.kit.behaviour import Action, Behaviour, Leave, Say, Vanish, echo, silent
from tests.kit.plain import MS, S, once_connected

ONE_SECOND = [{"users": 1, "for": "1s"}]
ASK = {"send": {"json": {"id": "{{ id() }}"}}, "reply": {"where": {"$.id": "{{ sent.id }}"}, "within": "500ms"}}


def answers(*actions: Action) -> Behaviour:
    """The same actions for every message."""
    return Behaviour(on_message=lambda payload, number: actions)


def test_response_time_counts_from_the_intended_time_and_service_time_from_the_send() -> None:
    """One turn each 100 ms, each answered after 250 ms: the n-th is 150 ms later than the one before."""
    every = {"every": "100ms", "for": "300ms", "do": [{"request": "hello", "name": "hello"}]}
    document = {"load": [{"arrivals": "1/s", "for": "1500ms", "spacing": "uniform"}], "flow": ["connect", every]}
    outcome = drive(document, echo(250 * MS))

    assert outcome.values("service_time", step="hello").least == 250 * MS
    assert outcome.values("service_time", step="hello").greatest == 250 * MS
    assert outcome.values("response_time", step="hello").greatest == (250 + 150 + 150) * MS
    assert outcome.values("schedule_lag", step="hello").greatest == 300 * MS
    assert outcome.values("send_lag", step="hello").greatest == 0


def test_write_wait_is_the_time_until_the_kernel_took_the_last_byte() -> None:
    behaviour = Behaviour(write_ns=40 * MS, on_message=lambda payload, number: (Say(payload, 10 * MS),))
    outcome = drive(once_connected({"request": "x", "name": "x"}), behaviour)

    assert outcome.values("write_wait", step="x").total == 40 * MS
    assert outcome.values("service_time", step="x").total == 50 * MS


def test_a_request_without_answer_times_out_and_ends_the_session() -> None:
    request = {"request": {"send": "x", "reply": {"within": "200ms"}}}
    outcome = drive(once_connected(request, {"count": "never"}), silent())

    assert outcome.ledger.messages.timed_out == 1
    assert outcome.ledger.sessions.failed == 1
    assert outcome.errors == {"timeout": 1}
    assert outcome.failed("request") == (1, 1)
    assert outcome.values("response_time").missing == 1
    assert outcome.count("never") == 0


def test_a_late_answer_is_not_taken_for_the_next_request_s() -> None:
    """Each answer takes 300 ms, each request waits 200: without its place kept, the second would get the first's."""
    request = {"request": {"send": "n", "reply": {"within": "200ms"}}, "on_failure": "continue"}
    outcome = drive(once_connected(request, request, {"think": "1s"}), echo(300 * MS))

    messages = outcome.ledger.messages
    assert (messages.timed_out, messages.late, messages.answered) == (2, 2, 0)


def test_answers_out_of_order_find_their_own_request() -> None:
    def shuffled(payload: Payload, number: int) -> Sequence[Action]:
        return (Say(payload, (400 - 100 * number) * MS),)

    every = {
        "every": "10ms",
        "for": "30ms",
        "overlap": True,
        "align": True,
        "do": [{"request": {**ASK, "name": "ask"}}],
    }
    outcome = drive(once_connected(every), Behaviour(on_message=shuffled))

    assert outcome.ledger.messages.answered == 3
    assert outcome.values("service_time", step="request").least == 100 * MS
    assert outcome.values("service_time", step="request").greatest == 300 * MS


def test_a_second_answer_is_a_duplicate() -> None:
    behaviour = Behaviour(on_message=lambda payload, number: (Say(payload), Say(payload, 10 * MS)))
    outcome = drive(once_connected({"request": ASK}, {"think": "1s"}), behaviour)

    assert outcome.ledger.messages.duplicate == 1
    assert outcome.ledger.messages.unclaimed == 0


def test_a_late_answer_with_where_counts_as_late_and_its_repetition_as_duplicate() -> None:
    behaviour = Behaviour(on_message=lambda payload, number: (Say(payload, S), Say(payload, S)))
    outcome = drive(once_connected({"request": ASK, "on_failure": "continue"}, {"think": "2s"}), behaviour)

    messages = outcome.ledger.messages
    assert (messages.timed_out, messages.late, messages.duplicate) == (1, 1, 1)


def test_a_message_read_before_the_request_was_sent_never_answers_it() -> None:
    behaviour = Behaviour(
        on_open=lambda connection: (Say("welcome"),), on_message=lambda p, n: (Say("answer", 5 * MS),)
    )
    request = {"request": {"send": "x", "reply": {"check": {"text": "answer"}}}}
    outcome = drive(once_connected({"think": "100ms"}, request), behaviour)

    assert outcome.failed("request") == (0, 1)
    assert outcome.ledger.messages.unclaimed == 1


def test_sent_is_what_was_sent_last_also_where_it_is_constant() -> None:
    request = {"request": {"send": "hello", "reply": {"check": {"text": "{{ sent }}"}}}}
    outcome = drive(once_connected(request), answers(Say("hello")))

    assert outcome.failed("request") == (0, 1)


@pytest.mark.slow
def test_requests_that_are_never_answered_do_not_pile_up_without_bound() -> None:
    request = {"request": {"send": "x", "reply": {"within": "1ms"}}, "on_failure": "continue"}
    backlog = {"request": {"send": "x", "reply": {"within": "1ms"}}}
    outcome = drive(once_connected({"repeat": MOST_UNANSWERED, "do": [request]}, backlog), silent())

    assert outcome.ledger.messages.timed_out == MOST_UNANSWERED
    assert outcome.errors == {"timeout": MOST_UNANSWERED, "backlog": 1}


def test_a_streamed_answer_times_its_first_and_last_message() -> None:
    parts = tuple(Say(msgspec.json.encode({"done": n == 2}).decode(), (n + 1) * 100 * MS) for n in range(3))
    request = {"request": {"send": "go", "reply": {"until": {"$.done": True}}}}
    outcome = drive(once_connected(request), answers(*parts))

    assert outcome.ledger.messages.received == 3
    assert outcome.ledger.messages.answered == 1
    assert outcome.values("first_message_time").total == 100 * MS
    assert outcome.values("last_message_time").total == 300 * MS


def test_a_failed_check_counts_and_the_flow_goes_on() -> None:
    request = {"request": {"send": "x", "reply": {"check": {"$.ok": True}}}}
    outcome = drive(once_connected(request, {"count": "after"}), answers(Say('{"ok": false}')))

    assert outcome.errors == {"check": 1}
    assert outcome.samples[0].detail == "$.ok is false, expected true"
    assert outcome.failed("request") == (1, 1)
    assert outcome.count("after") == 1
    assert outcome.ledger.sessions.completed == 1


def test_a_capture_gives_the_next_step_a_variable() -> None:
    request = {"request": {"send": "x", "reply": {"capture": {"nick": "$.nick"}}}}
    outcome = drive(once_connected(request, {"send": "I am {{ nick }}"}), answers(Say('{"nick": "ada"}', MS)))

    assert list(outcome.seen.payloads) == ["x", "I am ada"]
    assert outcome.ledger.messages.one_way == 1


def test_a_capture_that_finds_nothing_ends_the_session() -> None:
    request = {"request": {"send": "x", "reply": {"capture": {"nick": "$.nick"}}}}
    outcome = drive(once_connected(request, {"send": "never"}), answers(Say("{}")))

    assert outcome.errors == {"capture": 1}
    assert outcome.failed("request") == (1, 1)
    assert outcome.ledger.sessions.failed == 1
    assert list(outcome.seen.payloads) == ["x"]


def test_a_request_whose_connection_is_lost_is_unanswered_and_the_loss_counts_once() -> None:
    outcome = drive(once_connected({"request": "x"}), answers(Vanish("reset", 10 * MS)))

    assert outcome.ledger.messages.unanswered == 1
    assert outcome.errors == {"lost.reset": 1}
    assert outcome.ledger.close_codes == {"lost.reset": 1}


def test_a_close_by_the_peer_in_the_midst_of_a_request_counts_by_its_code() -> None:
    outcome = drive(once_connected({"request": "x"}), answers(Leave(1013, "busy", 10 * MS)))

    assert outcome.errors == {"closed.1013": 1}
    assert outcome.samples[0].detail == "the peer closed the connection with code 1013: busy"


def test_a_step_without_connection_fails_the_session() -> None:
    outcome = drive(once_connected("close", {"send": "x"}, {"count": "never"}), silent())

    assert outcome.errors == {"closed.us": 1}
    assert outcome.ledger.sessions.failed == 1


def test_on_failure_continue_lets_the_flow_go_on() -> None:
    request = {"request": {"send": "x", "reply": {"within": "100ms"}}, "on_failure": "continue"}
    outcome = drive(once_connected(request, {"count": "after"}), silent())

    assert outcome.count("after") == 1
    assert outcome.ledger.sessions.completed == 1


def test_a_timeout_ends_only_the_innermost_turn() -> None:
    request = {"request": {"send": "x", "reply": {"within": "100ms"}}}
    outcome = drive(once_connected({"repeat": 3, "do": [request, {"count": "never"}]}, {"count": "after"}), silent())

    assert outcome.ledger.messages.timed_out == 3
    assert (outcome.count("never"), outcome.count("after")) == (0, 1)
    assert outcome.ledger.sessions.completed == 1


def test_every_kind_of_payload_is_sent_as_it_is() -> None:
    flow = [
        {"send": "text"},
        {"send": {"json": {"a": [1, None]}}},
        {"send": {"binary": {"hex": "cafe"}}},
        {"send": {"binary": {"base64": "AQI="}}},
        {"send": {"binary": {"random": "10B"}}},
    ]
    outcome = drive(once_connected(*flow), silent())

    *fixed, drawn = outcome.seen.payloads
    assert fixed == ["text", '{"a":[1,null]}', b"\xca\xfe", b"\x01\x02"]
    assert isinstance(drawn, bytes) and len(drawn) == 10
    assert outcome.ledger.bytes.sent == 4 + 14 + 2 + 2 + 10


def test_binary_messages_take_templates() -> None:
    flow = [
        {"set": {"name": "ann"}},
        {"send": {"binary": {"hex": "0a 03 {{ name | hex }}"}}},
        {"send": {"binary": {"base64": "{{ name | base64 }}"}}},
    ]
    outcome = drive(once_connected(*flow), silent())

    assert list(outcome.seen.payloads) == [b"\n\x03ann", b"ann"]


def test_a_template_that_becomes_no_bytes_fails_its_step() -> None:
    flow = [{"set": {"name": "zoé"}}, {"send": {"binary": {"hex": "{{ name }}"}}}]
    outcome = drive(once_connected(*flow), silent())

    assert outcome.errors == {"template": 1}


def test_files_are_sent_from_beside_the_scenario(tmp_path: Any) -> None:
    (tmp_path / "hello.txt").write_text("hällo", encoding="utf-8")
    (tmp_path / "hello.bin").write_bytes(b"\x00\x01")
    flow = [{"send": {"file": "hello.txt"}}, {"send": {"binary": {"file": "hello.bin"}}}]
    outcome = drive(once_connected(*flow), silent(), base=tmp_path)

    assert list(outcome.seen.payloads) == ["hällo", b"\x00\x01"]
    assert outcome.ledger.bytes.sent == 6 + 2


def test_a_template_that_cannot_be_evaluated_fails_its_step() -> None:
    outcome = drive(once_connected({"send": "{{ 1 / n }}"}), silent(), env={})

    assert outcome.errors == {"template": 1}
    assert outcome.ledger.sessions.failed == 1


@pytest.mark.parametrize(
    ("kind", "step"),
    [
        ("request", {"request": "{{ n.a }}"}),
        ("request", {"request": {"send": "x", "reply": {"where": {"$.id": "{{ n.a }}"}}}}),
        ("send", {"send": "{{ n.a }}"}),
        ("wait_for", {"wait_for": {"where": {"$.id": "{{ n.a }}"}}}),
        ("wait_for", {"expect_none": {"where": {"$.id": "{{ n.a }}"}, "for": "1s"}}),
        ("check", {"check": "{{ n.a }}"}),
        ("http", {"http": {"get": "/{{ n.a }}"}}),
        ("connect", {"connect": {"as": "b", "path": "/{{ n.a }}"}}),
    ],
)
def test_what_could_not_be_tried_for_its_template_is_a_failed_try(kind: str, step: dict[str, Any]) -> None:
    """It is none of the server's doing, but ``error_rate`` would be 0 % of a run whose every session failed."""
    outcome = drive(once_connected({"set": {"n": {"b": 1}}}, step), silent())

    assert outcome.errors == {"template": 1}
    failed, tried = outcome.failed(kind)
    assert (failed, tried) == (1, 2 if kind == "connect" else 1)  # the connection of ``once_connected`` is the other


@pytest.mark.parametrize(("policy", "sent"), [("continue", 1), ("end_turn", 0), ("end_session", 0), (None, 0)])
def test_on_failure_holds_for_a_template_without_a_value(policy: str | None, sent: int) -> None:
    failing = {"request": "{{ n.a }}"} | ({"on_failure": policy} if policy else {})
    outcome = drive(once_connected({"set": {"n": {"b": 1}}}, failing, {"send": "behind it"}), silent())

    assert outcome.errors == {"template": 1}
    assert outcome.ledger.messages.sent == sent
    assert outcome.ledger.sessions.completed == sent
