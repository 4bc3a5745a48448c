"""``parallel``."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from loadws.engine.lifecycle import Lifecycle
from loadws.scenario.model.steps import STEPS
from tests.engine.drive import drive
from tests.kit.behaviour import Behaviour, Leave, Say, echo, silent
from tests.kit.plain import MS, S, once


def parallel(*branches: list[Any], **keys: Any) -> dict[str, Any]:
    return {"parallel": list(branches), **keys}


TIMEOUT = {"request": {"send": "x", "reply": {"where": {"text": "never"}, "within": "1s"}}}


def test_branches_run_side_by_side_and_the_step_ends_with_the_last() -> None:
    document = once(parallel([{"think": "3s"}, {"send": "a"}], [{"think": "1s"}, {"send": "b"}]), {"send": "c"})
    outcome = drive(document, silent())

    assert list(outcome.seen.payloads) == ["b", "a", "c"]
    assert 3 <= outcome.ending.ended_at_s < 4


def test_the_step_after_is_due_when_the_last_branch_is_free() -> None:
    document = once(parallel([{"request": "a"}, {"think": "2s"}], [{"request": "b"}]), {"request": "c", "name": "c"})
    outcome = drive(document, echo(100 * MS))

    assert outcome.values("response_time", step="c").greatest == 100 * MS
    assert outcome.values("send_lag").greatest == 0


def test_each_branch_begins_at_the_intended_time_of_its_turn() -> None:
    steps = [
        parallel(
            [{"request": {"send": "a"}}], [{"request": {"send": "b", "reply": {"where": {"text": "b"}}}, "name": "b"}]
        )
    ]
    behaviour = Behaviour(on_message=lambda p, n: (Say(p, 1500 * MS if n == 1 else 100 * MS),))
    outcome = drive(once({"every": "1s", "for": "2s", "align": True, "do": steps}), behaviour)

    # The first turn ends at 1.6 s, so that of the second, due at 1 s, was late; both of its branches keep its time.
    assert outcome.values("response_time", step="b").count == 2
    assert outcome.ledger.turns.done == 2


def test_branches_share_the_users_variables_and_have_their_own_sent() -> None:
    left = [{"set": {"a": 1}}, {"think": "2s"}, {"log": "{{ a }} {{ b }}"}]
    right = [{"think": "1s"}, {"set": {"b": 2}}]
    outcome = drive(once({"set": {"a": 0, "b": 0}}, parallel(left, right), {"log": "{{ a + b }}"}), silent())

    assert [line.text for line in outcome.logs] == ["1 2", "3"]


def test_a_capture_of_a_branch_is_there_after_it() -> None:
    def request(name: str) -> dict[str, Any]:
        where = {"$.id": "{{ sent.id }}"}
        return {"request": {"send": {"json": {"id": name}}, "reply": {"where": where, "capture": {name: "$.id"}}}}

    document = once(parallel([request("a")], [request("b")]), {"log": "{{ a }}{{ b }}"})
    outcome = drive(document, echo(MS))

    assert [line.text for line in outcome.logs] == ["ab"]


def test_a_branch_that_fails_ends_and_the_step_fails_after_the_others() -> None:
    steps = parallel([TIMEOUT, {"count": "never"}], [{"think": "5s"}, {"count": "other"}])
    outcome = drive(once(steps, {"count": "after"}), silent())

    assert outcome.errors == {"timeout": 1}
    assert (outcome.count("never"), outcome.count("other"), outcome.count("after")) == (0, 1, 0)
    assert outcome.ledger.sessions.failed == 1


def test_a_failed_branch_ends_the_innermost_turn_only() -> None:
    turn = {"repeat": 2, "do": [parallel([TIMEOUT], [{"count": "other"}])]}
    outcome = drive(once(turn, {"count": "after"}), silent())

    assert (outcome.count("other"), outcome.count("after")) == (2, 1)
    assert outcome.ledger.sessions.completed == 1


def test_a_branch_that_ends_the_session_ends_the_others_with_their_step() -> None:
    ends = {**TIMEOUT, "on_failure": "end_session"}
    outcome = drive(once({"repeat": 2, "do": [parallel([ends], [{"think": "1h"}, {"count": "never"}])]}), silent())

    assert outcome.count("never") == 0
    assert outcome.ledger.sessions.failed == 1
    assert outcome.ending.ended_at_s < 2


def test_a_user_that_leaves_leaves_its_branches() -> None:
    document = {
        "load": [{"users": 2, "for": "1s"}],
        "flow": [parallel([{"think": "1h"}], [{"every": "100ms", "do": [{"send": "tick"}]}])],
    }
    outcome = drive(document, silent())

    assert outcome.ledger.sessions.completed == 2  # the inside of a session: leaving is its natural end
    assert outcome.ledger.turns.cut_off + outcome.ledger.turns.done == outcome.ledger.turns.due
    assert outcome.ending.ended_at_s < 2


def test_a_run_that_is_stopped_at_once_cuts_branches_off() -> None:
    async def stop(lifecycle: Lifecycle) -> None:
        await trio.sleep(0.5)
        lifecycle.signal("SIGINT")
        lifecycle.signal("SIGINT")  # the second one waits for nobody

    document = once(
        "connect", parallel([{"request": "a"}], [{"request": {"send": "b", "reply": {"where": {"$.id": 1}}}}])
    )
    outcome = drive(document, silent(), meanwhile=stop)

    assert outcome.ledger.sessions.cut_off == 1
    assert outcome.ledger.messages.unanswered == 2


def test_branches_that_wait_for_nothing_do_not_keep_the_loop() -> None:
    document = {"load": [{"users": 1, "for": "1s"}], "flow": ["connect", {"while": "{{ true }}", "do": [
        parallel([{"set": {"n": 1}}], [{"set": {"n": 2}}]), {"think": "10ms"}]}]}  # fmt: skip
    assert drive(document, silent()).ending.ended_at_s < 2


def test_two_branches_open_one_connection_only_once() -> None:
    connect = {"connect": {"as": "feed"}}
    outcome = drive(once("connect", parallel([connect], [connect])), Behaviour(connect_ns=S))

    assert outcome.errors == {"already_open": 1}
    assert outcome.ledger.connections.opened == 2


CONTAINERS: dict[str, dict[str, Any]] = {
    "if": {"if": "{{ true }}", "then": [TIMEOUT, {"count": "rest"}]},
    "pick": {"pick": [{"weight": 1, "do": [TIMEOUT, {"count": "rest"}]}]},
    "while": {"while": "{{ true }}", "do": [TIMEOUT, {"count": "rest"}]},
    "parallel": parallel([TIMEOUT, {"count": "rest"}]),
}


def test_every_verb_that_contains_steps_and_no_turns_is_tried() -> None:
    assert {name for name, verb in STEPS.items() if verb.inside is not None} == {*CONTAINERS, "repeat", "every"}


@pytest.mark.parametrize("verb", CONTAINERS)
@pytest.mark.parametrize(
    ("policy", "counts", "failed"),
    [(None, (0, 1), 0), ("continue", (2, 1), 0), ("end_turn", (0, 1), 0), ("end_session", (0, 0), 1)],
)
def test_on_failure_of_a_step_around_a_failed_one(
    verb: str, policy: str | None, counts: tuple[int, int], failed: int
) -> None:
    """Nothing is run of what the failure ends, and all of what follows that."""
    own = {} if policy is None else {"on_failure": policy}
    turn = [CONTAINERS[verb] | own, {"count": "in turn"}]
    outcome = drive(once({"repeat": 2, "do": turn}, {"count": "after"}), silent())

    assert (outcome.count("in turn"), outcome.count("after")) == counts
    assert outcome.count("rest") == 0
    assert outcome.ledger.sessions.failed == failed


def test_a_lost_connection_ends_its_turn_whatever_is_around_the_step() -> None:
    lost = Behaviour(on_message=lambda payload, number: (Leave(1011),))
    asks = [{"connect": {"as": "a"}}, {"request": {"send": "x", "on": "a"}}]
    inside = {"if": "{{ true }}", "then": asks, "on_failure": "continue"}
    document = {
        "load": [{"users": 1, "iterations": 1}],
        "flow": [{"repeat": 2, "do": [inside, {"count": "in turn"}]}, {"count": "after"}],
    }
    outcome = drive(document, lost)

    assert (outcome.count("in turn"), outcome.count("after")) == (0, 1)
