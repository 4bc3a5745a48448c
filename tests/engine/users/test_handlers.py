"""The handlers ``open``, ``message``, ``error`` and ``close``."""

from __future__ import annotations

from loadws.engine.users.handlers import QUEUED_EVENTS
from tests.engine.drive import drive
from tests.kit.behaviour import Behaviour, Leave, Say, Vanish, pushes, refuses, silent
from tests.kit.plain import MS, once_handling


def test_open_is_done_before_connect_is() -> None:
    document = once_handling("connect", {"send": "first step"}, open=[{"think": "1s"}, {"send": "opened"}])
    outcome = drive(document, silent())

    assert list(outcome.seen.payloads) == ["opened", "first step"]


def test_a_message_that_a_handler_claims_goes_nowhere_else() -> None:
    behaviour = Behaviour(on_message=lambda p, n: (Say('{"op": "ping"}', MS), Say("answer", 2 * MS)))
    handler = {"where": {"$.op": "ping"}, "do": [{"send": {"json": {"op": "pong"}}}]}
    request = {"request": {"send": "x", "reply": {"check": {"text": "answer"}}}}
    outcome = drive(once_handling("connect", request, {"think": "10ms"}, message=[handler]), behaviour)

    assert outcome.failed("request") == (0, 1)
    assert list(outcome.seen.payloads)[:2] == ["x", '{"op":"pong"}']
    assert outcome.ledger.messages.unclaimed >= 1  # what answered the pong


def test_handlers_capture_and_see_the_message() -> None:
    handler = {"capture": {"n": "$.n"}, "do": [{"log": "{{ message.n }} {{ n }}"}]}
    outcome = drive(once_handling("connect", {"think": "1s"}, message=[handler]), pushes(['{"n": 7}']))

    assert [line.text for line in outcome.logs] == ["7 7"]


def test_steps_that_wait_run_in_order_in_one_task() -> None:
    handler = {"do": [{"set": {"m": "{{ message }}"}}, {"think": "100ms"}, {"send": "{{ m }}"}]}
    outcome = drive(once_handling("connect", {"think": "1s"}, message=[handler]), pushes(["a", "b", "c"], MS))

    assert list(outcome.seen.payloads) == ["a", "b", "c"]


def test_a_queue_that_overflows_is_counted() -> None:
    handler = {"do": [{"think": "1m"}]}
    outcome = drive(once_handling("connect", {"think": "1s"}, message=[handler]), pushes(["x"] * (QUEUED_EVENTS + 6)))

    assert outcome.errors["handler_overflow"] >= 5


def test_an_error_calls_the_error_handler_with_its_kind() -> None:
    document = once_handling(
        "connect", {"request": {"send": "x", "reply": {"within": "100ms"}}}, error=[{"log": "{{ error.kind }}"}]
    )
    outcome = drive(document, silent())

    assert [line.text for line in outcome.logs] == ["timeout"]


def test_an_error_inside_the_error_handler_does_not_call_it_again() -> None:
    outcome = drive(once_handling("connect", error=[{"check": "{{ false }}"}]), refuses(503))

    assert outcome.errors == {"http.503": 1, "check": 1}


def test_close_gets_the_code_and_the_reason() -> None:
    behaviour = Behaviour(on_open=lambda connection: (Leave(4001, "bye", 10 * MS),))
    outcome = drive(
        once_handling("connect", {"think": "1s"}, close=[{"count": "closed {{ code }} {{ reason }}"}]), behaviour
    )

    assert outcome.count("closed 4001 bye") == 1


def test_a_lost_connection_closes_with_1006_as_in_the_browser() -> None:
    behaviour = Behaviour(on_open=lambda connection: (Vanish("eof", 10 * MS),))
    outcome = drive(once_handling("connect", {"think": "1s"}, close=[{"count": "closed {{ code }}"}]), behaviour)

    assert outcome.count("closed 1006") == 1


def test_our_own_close_calls_the_close_handler_too() -> None:
    outcome = drive(once_handling("connect", "close", close=[{"count": "closed {{ code }}"}]), silent())

    assert outcome.count("closed 1000") == 1


def test_a_handler_may_end_the_session() -> None:
    handler = {"where": {"text": "stop"}, "do": [{"check": "{{ false }}", "on_failure": "end_session"}]}
    behaviour = Behaviour(on_open=lambda connection: (Say("stop", 100 * MS),))
    outcome = drive(once_handling("connect", {"think": "1h"}, {"count": "never"}, message=[handler]), behaviour)

    assert outcome.ledger.sessions.failed == 1
    assert outcome.count("never") == 0
    assert outcome.ending.ended_at_s < 1


def test_a_handler_that_answers_every_push_keeps_the_ledger_whole() -> None:
    document = {"load": [{"users": 3, "for": "2s"}], "flow": [{"request": "x"}, {"think": "50ms"}]}
    handler = {"where": {"text": "tick"}, "do": [{"send": "tock"}]}
    behaviour = Behaviour(
        on_open=lambda connection: [Say("tick", n * 100 * MS) for n in range(30)],
        on_message=lambda payload, number: (Say(payload),) if payload == "x" else (),
    )
    outcome = drive({**document, "on": {"message": [handler]}}, behaviour)

    messages = outcome.ledger.messages
    assert messages.one_way > 20
    assert messages.sent == messages.answered + messages.one_way
