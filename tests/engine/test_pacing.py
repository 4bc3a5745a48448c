"""``think``, ``every``, ``repeat``, ``while``, ``if``, ``pick``."""

from __future__ import annotations

import pytest
import trio

from loadws.engine.coordination import LEAD_NS
from loadws.engine.lifecycle import Lifecycle
from tests.engine.drive import drive
from tests.kit.behaviour import echo, refuses, silent
from tests.kit.plain import MS, S, once_connected


def test_think_does_not_count_in_any_latency() -> None:
    outcome = drive(once_connected({"think": "5s"}, {"request": "x"}), echo(10 * MS))

    assert outcome.values("response_time").total == 10 * MS
    assert outcome.values("schedule_lag", step="request").total == 0


@pytest.mark.slow
def test_a_think_range_stays_within_its_bounds() -> None:
    outcome = drive(once_connected({"repeat": 50, "do": [{"think": "1s..3s"}, {"send": "x"}]}), silent())

    assert 50 * 1 < outcome.ending.ended_at_s < 50 * 3


@pytest.mark.slow
def test_an_exponential_think_has_its_mean() -> None:
    outcome = drive(once_connected({"repeat": 2000, "do": [{"think": {"exponential": "50ms"}}]}), silent())

    assert outcome.ending.ended_at_s == pytest.approx(100, rel=0.1)


def test_turns_keep_their_intended_times_when_the_server_stalls() -> None:
    """20 turns of 100 ms; each answer takes 150 ms. catch-up: all run, ever later."""
    every = {"every": "100ms", "for": "2s", "align": True, "do": [{"request": "x"}]}
    outcome = drive(once_connected(every), echo(150 * MS))

    turns = outcome.ledger.turns
    assert (turns.due, turns.done, turns.skipped) == (20, 20, 0)
    assert outcome.values("response_time").greatest == 20 * 150 * MS - 19 * 100 * MS
    assert outcome.ending.ended_at_s == pytest.approx(3, abs=0.1)  # for bounds the intended times: the backlog runs


def test_late_skip_leaves_turns_out_and_counts_them() -> None:
    every = {"every": "100ms", "for": "2s", "align": True, "late": "skip", "do": [{"request": "x"}]}
    outcome = drive(once_connected(every), echo(150 * MS))

    turns = outcome.ledger.turns
    assert turns.due == 20
    assert turns.done + turns.skipped == 20
    assert turns.skipped == 10
    assert outcome.values("response_time").greatest == 150 * MS


def test_overlapping_turns_do_not_wait_for_each_other() -> None:
    every = {"every": "100ms", "for": "2s", "align": True, "overlap": True, "do": [{"request": "x"}]}
    outcome = drive(once_connected(every), echo(S))

    assert outcome.ledger.turns.done == 20
    assert outcome.values("response_time").greatest == S
    assert outcome.ending.ended_at_s == pytest.approx(2.9, abs=0.1)


def test_overlapping_turns_have_variables_of_their_own() -> None:
    turn = [{"set": {"n": "{{ iteration }}"}}, {"think": "1s"}, {"send": "{{ n }}"}]
    every = {"every": "100ms", "for": "500ms", "align": True, "overlap": True, "do": turn}
    outcome = drive(once_connected({"set": {"n": 100}}, every, {"send": "{{ n }}"}), silent())

    assert list(outcome.seen.payloads) == ["0", "1", "2", "3", "4", "100"]


def test_the_first_turn_of_held_users_is_spread_over_the_interval() -> None:
    document = {"load": [{"users": 50, "for": "3s"}], "flow": [{"every": "1s", "do": [{"send": "x"}]}]}
    outcome = drive(document, silent())

    sent = [frame.ledger.messages.sent for frame in outcome.frames]
    assert [later - earlier for earlier, later in zip([0, *sent], sent, strict=False)][:3] == [50, 50, 50]
    assert outcome.values("send_lag").greatest == 0


def test_align_lets_them_begin_together() -> None:
    document = {
        "load": [{"users": 3, "for": "1500ms"}],
        "flow": [{"every": "1s", "align": True, "do": [{"send": "x"}]}],
    }
    outcome = drive(document, silent())

    assert outcome.ledger.messages.sent == 6


def test_a_schedule_that_is_left_counts_its_backlog_as_cut_off() -> None:
    document = {"load": [{"users": 1, "for": "1s"}]}
    every = {"every": "100ms", "align": True, "do": [{"request": "x"}]}
    outcome = drive({**document, "flow": ["connect", every]}, echo(400 * MS))

    turns = outcome.ledger.turns
    assert turns.due == turns.done + turns.cut_off
    assert turns.done == 3
    assert outcome.ledger.sessions.cut_off == 1


def test_turns_under_way_at_the_cut_off_are_cut_off() -> None:
    document = {"load": [{"users": 1, "for": "1s"}], "graceful_stop": "1s"}
    every = {
        "every": "100ms",
        "align": True,
        "overlap": True,
        "do": [{"request": {"send": "x", "reply": {"within": "1m"}}}],
    }
    outcome = drive({**document, "flow": ["connect", every]}, silent())

    assert outcome.ledger.turns.cut_off == outcome.ledger.turns.due
    assert outcome.ledger.messages.unanswered == outcome.ledger.messages.sent


def test_a_failed_turn_does_not_end_the_schedule() -> None:
    every = {
        "every": "1s",
        "for": "5s",
        "align": True,
        "do": [{"request": {"send": "x", "reply": {"within": "100ms"}}}],
    }
    outcome = drive(once_connected(every, {"count": "after"}), silent())

    assert outcome.ledger.turns.failed == 5
    assert outcome.count("after") == 1


def test_end_session_in_an_overlapping_turn_ends_the_session() -> None:
    request = {"request": {"send": "x", "reply": {"within": "300ms"}}, "on_failure": "end_session"}
    every = {"every": "100ms", "for": "10s", "align": True, "overlap": True, "do": [request]}
    outcome = drive(once_connected(every, {"count": "never"}), silent())

    assert outcome.ledger.sessions.failed == 1
    assert outcome.count("never") == 0
    assert outcome.ending.ended_at_s < 1


def test_repeat_may_be_a_template() -> None:
    outcome = drive(once_connected({"set": {"n": 3}}, {"repeat": "{{ n }}", "do": [{"send": "x"}]}), silent())

    assert outcome.ledger.messages.sent == 3


def test_repeat_of_something_else_fails() -> None:
    outcome = drive(once_connected({"repeat": "{{ 'three' }}", "do": [{"send": "x"}]}), silent())

    assert outcome.errors == {"template": 1}


def test_while_runs_as_long_as_it_is_true() -> None:
    loop = {"while": "{{ n < 5 }}", "do": [{"set": {"n": "{{ n + 1 }}"}}, {"send": "{{ n }}"}]}
    outcome = drive(once_connected({"set": {"n": 0}}, loop), silent())

    assert list(outcome.seen.payloads) == ["1", "2", "3", "4", "5"]


def test_a_loop_without_end_and_without_pause_neither_hangs_the_run_nor_outlives_it() -> None:
    document = {
        "load": [{"users": 2, "for": "1s"}],
        "flow": ["connect", {"while": "{{ true }}", "do": [{"send": "x"}]}],
    }

    async def stop(lifecycle: Lifecycle) -> None:
        """The loop never rests, so virtual time stands still: it counts turns of trio's, not seconds."""
        await trio.sleep(LEAD_NS / S)
        for _ in range(200):
            await trio.lowlevel.checkpoint()
        lifecycle.signal("Ctrl-C")

    outcome = drive(document, silent(), meanwhile=stop)

    assert outcome.ledger.sessions.cut_off == 2


def test_if_takes_one_of_two_ways() -> None:
    choose = {"if": "{{ user.index == 1 }}", "then": [{"send": "yes"}], "else": [{"send": "no"}]}
    document = {"load": [{"users": 3, "iterations": 3}], "flow": ["connect", choose, {"think": "1s"}]}
    outcome = drive(document, silent())

    assert sorted(map(str, outcome.seen.payloads)) == ["no", "no", "yes"]


def test_pick_keeps_to_its_weights() -> None:
    pick = {"pick": [{"weight": 3, "do": [{"count": "a"}]}, {"weight": 1, "do": [{"count": "b"}]}]}
    outcome = drive(once_connected({"repeat": 4000, "do": [pick]}), silent())

    assert outcome.count("a") + outcome.count("b") == 4000
    assert outcome.count("a") == pytest.approx(3000, abs=150)


def test_user_types_come_by_weight() -> None:
    users = [
        {"name": "talker", "weight": 9, "flow": [{"count": "talker"}, {"think": "1h"}]},
        {"name": "lurker", "weight": 1, "flow": [{"count": "lurker"}, {"think": "1h"}]},
    ]
    outcome = drive({"load": [{"users": 100, "for": "1s"}], "users": users}, silent())

    assert (outcome.count("talker"), outcome.count("lurker")) == (90, 10)


def test_a_flow_without_wait_does_not_starve_the_loop() -> None:
    outcome = drive({"load": [{"users": 2, "iterations": 20}], "flow": [{"count": "n"}]}, refuses(503))

    assert outcome.ledger.sessions.failed == 20
