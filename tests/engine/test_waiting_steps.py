"""``wait_for`` and ``expect_none``, and the messages that are kept for them."""

from __future__ import annotations

from loadws.engine.runtime.connection.inbox import KEPT_MESSAGES
from tests.engine.drive import drive
from tests.kit.behaviour import Behaviour, Leave, Say, Vanish, pushes
from tests.kit.plain import MS, once_connected


def test_a_message_that_came_before_is_found() -> None:
    outcome = drive(
        once_connected({"think": "1s"}, {"wait_for": {"where": {"text": "b"}}}), pushes(["a", "b"], 10 * MS)
    )

    assert outcome.failed("wait_for") == (0, 1)
    assert outcome.values("wait_time").greatest == 0
    assert outcome.ledger.messages.unclaimed == 1  # "a"


def test_a_message_that_comes_later_is_waited_for_and_timed() -> None:
    behaviour = Behaviour(on_open=lambda connection: (Say('{"op": "ready", "n": 5}', 300 * MS),))
    wait = {"wait_for": {"where": {"$.op": "ready"}, "capture": {"n": "$.n"}}}
    outcome = drive(once_connected(wait, {"send": "{{ n }}"}), behaviour)

    assert outcome.values("wait_time").total == 300 * MS
    assert list(outcome.seen.payloads) == ["5"]


def test_several_messages_can_be_waited_for() -> None:
    outcome = drive(once_connected({"wait_for": {"count": 3}}), pushes(["a", "b", "c", "d"], 100 * MS))

    assert outcome.values("wait_time").total == 200 * MS
    assert outcome.ledger.sessions.completed == 1


def test_a_wait_that_is_not_fulfilled_times_out_and_says_how_far_it_came() -> None:
    outcome = drive(once_connected({"wait_for": {"count": 3, "within": "1s"}}), pushes(["a", "b"], 100 * MS))

    assert outcome.errors == {"timeout": 1}
    assert outcome.samples[0].detail == "2 of 3 messages within 1 s"


def test_only_the_last_thousand_messages_are_kept() -> None:
    numbers = [str(number) for number in range(KEPT_MESSAGES + 5)]
    outcome = drive(once_connected({"think": "1s"}, {"wait_for": {"check": {"text": "5"}}}), pushes(numbers))

    assert outcome.errors == {}
    assert outcome.ledger.messages.unclaimed == KEPT_MESSAGES + 4


def test_without_a_wait_for_nothing_is_kept() -> None:
    outcome = drive(once_connected({"think": "1s"}), pushes(["a", "b"]))

    assert outcome.ledger.messages.unclaimed == 2


def test_a_close_can_be_waited_for() -> None:
    behaviour = Behaviour(on_open=lambda connection: (Leave(1008, "policy", 200 * MS),))
    outcome = drive(once_connected({"wait_for": {"close": 1008}}, {"count": "after"}), behaviour)

    assert outcome.errors == {}
    assert outcome.count("after") == 1
    assert outcome.values("wait_time").total == 200 * MS


def test_another_close_than_the_expected_one_fails() -> None:
    behaviour = Behaviour(on_open=lambda connection: (Leave(1011, "boom", 200 * MS),))
    outcome = drive(once_connected({"wait_for": {"close": 1008}}), behaviour)

    assert outcome.errors == {"close": 1}
    assert "code 1011: boom; expected was a close by the peer with 1008" in outcome.samples[0].detail


def test_a_wait_ends_with_its_connection() -> None:
    behaviour = Behaviour(on_open=lambda connection: (Vanish("eof", 200 * MS),))
    outcome = drive(once_connected({"wait_for": {"within": "1m"}}), behaviour)

    assert outcome.errors == {"lost.eof": 1}
    assert outcome.ending.ended_at_s < 1


def test_expect_none_passes_where_nothing_that_matches_comes() -> None:
    step = {"expect_none": {"where": {"text": "secret"}, "for": "1s"}}
    outcome = drive(once_connected(step, {"count": "after"}), pushes(["public"], 10 * MS))

    assert outcome.count("after") == 1
    assert outcome.failed("wait_for") == (0, 1)


def test_expect_none_fails_at_once_where_it_comes() -> None:
    step = {"expect_none": {"where": {"text": "secret"}, "for": "1m"}}
    outcome = drive(once_connected(step), Behaviour(on_open=lambda connection: (Say("secret", 100 * MS),)))

    assert outcome.errors == {"unexpected": 1}
    assert outcome.ending.ended_at_s < 1


def test_a_message_may_answer_several_waits_only_once() -> None:
    wait = {"wait_for": {"within": "100ms"}}
    outcome = drive(once_connected(wait, wait), pushes(["only one"]))

    assert outcome.failed("wait_for") == (1, 2)
