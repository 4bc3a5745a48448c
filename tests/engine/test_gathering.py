"""``barrier``: who waits for whom, and what becomes of those for whom nobody comes."""

from __future__ import annotations

from typing import Any

import pytest

from loadws.engine.runtime.barriers import Barrier, Barriers
from loadws.plan.split import Shard
from tests.engine.drive import drive
from tests.kit.behaviour import silent
from tests.kit.plain import MS, S


def users(number: int, *steps: Any, **load: Any) -> dict[str, Any]:
    return {"load": [{"users": number, "iterations": number, **load}], "flow": list(steps)}


def test_nobody_goes_on_before_the_last_one_is_there() -> None:
    # Users 0 to 4 come after 0 to 4 s, so all of them go on after 4 s.
    steps = [{"while": "{{ n < user.index }}", "do": [{"think": "1s"}, {"set": {"n": "{{ n + 1 }}"}}]}]
    meet = {"barrier": {"users": 5, "within": "30s"}}
    outcome = drive({**users(5, *steps, meet, {"request": "go"}), "variables": {"n": 0}}, silent())

    waited = outcome.values("wait_time", step="barrier")
    assert (waited.count, waited.greatest, waited.total) == (5, 4 * S, 10 * S)
    assert outcome.failed("barrier") == (0, 5)


def test_the_next_ones_gather_anew() -> None:
    outcome = drive(users(6, {"barrier": {"users": 3, "within": "1s"}}, {"count": "through"}), silent())

    assert outcome.count("through") == 6
    assert outcome.errors == {}


def test_those_for_whom_nobody_comes_fail() -> None:
    # Five of seven meet at once; the two that are left wait for three more.
    outcome = drive(users(7, {"barrier": {"users": 5, "within": "2s"}}, {"count": "through"}), silent())

    assert outcome.count("through") == 5
    assert outcome.failed("barrier") == (2, 7)
    assert outcome.errors == {"timeout": 2}
    assert {sample.detail for sample in outcome.samples} <= {
        "2 of 5 users came within 2 s",
        "1 of 5 users came within 2 s",
    }


def test_who_gave_up_is_not_of_the_round() -> None:
    # User 0 gives up after 1 s; users 1 and 2, who come after 2 s, are not three.
    late = {"if": "{{ user.index > 0 }}", "then": [{"think": "2s"}]}
    document = users(3, late, {"barrier": {"users": 3, "within": "1s"}, "on_failure": "continue"})
    outcome = drive(document, silent())

    assert outcome.failed("barrier") == (3, 3)


def test_user_types_meet_at_a_barrier_of_one_name() -> None:
    meet = {"barrier": {"users": 4, "within": "1s"}, "name": "all in"}
    types = [{"name": "a", "flow": [meet]}, {"name": "b", "flow": [{"think": "500ms"}, meet]}]
    outcome = drive({"load": [{"users": 4, "iterations": 4}], "users": types}, silent())

    assert outcome.errors == {}
    assert outcome.values("wait_time", step="all in").count == 4


def test_a_user_that_leaves_waits_for_nobody() -> None:
    document = {"load": [{"users": 2, "for": "1s"}], "flow": [{"barrier": {"users": 3, "within": "1h"}}]}
    outcome = drive(document, silent())

    assert outcome.ledger.sessions.completed == 2
    assert (outcome.failed("barrier"), outcome.errors) == ((0, 0), {})
    assert outcome.ending.ended_at_s < 2


def test_a_barrier_of_one_holds_nobody_up() -> None:
    outcome = drive(users(1, {"repeat": 3, "do": [{"barrier": {"users": 1}}]}), silent())

    assert outcome.values("wait_time").count == 3
    assert outcome.values("wait_time").greatest < MS


# -- barriers by themselves -------------------------------------------------------------------------------------------


def test_a_round_releases_each_once() -> None:
    released: list[str] = []
    barrier = Barrier(2)
    barrier.come(lambda: released.append("a"))
    assert (released, barrier.gathered) == ([], 1)
    barrier.come(lambda: released.append("b"))
    assert (released, barrier.gathered) == (["a", "b"], 0)


@pytest.mark.parametrize(
    ("users", "shards", "shares"),
    [
        (100, 1, [100]),  # one process gathers all
        (100, 4, [25, 25, 25, 25]),  # even shares
        (10, 4, [3, 3, 2, 2]),  # the rest goes to the first, as the plan's users do
        (2, 4, [1, 1, 1, 1]),  # fewer users than processes: each process lets its own through
    ],
)
def test_each_process_gathers_its_share(users: int, shards: int, shares: list[int]) -> None:
    assert [Barriers(Shard(shard, shards)).named("b", users).needed for shard in range(shards)] == shares
