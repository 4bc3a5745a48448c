"""``--mode feed``: who is subscribed gets ticks, by the clock; in virtual time."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio

from loadws.target.market_feed import feed_answers, is_subscription, tick
from loadws.target.options import Closing, TargetOptions
from loadws.terms.errors import UsageError
from loadws.terms.units import NS_PER_MS
from tests.target.test_server import _messages, _run, _target

SUBSCRIBE = json.dumps({"op": "subscribe", "id": 4})


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (SUBSCRIBE, {"id": 4, "op": "subscribed", "ok": True}),
        (b'{"op": "subscribe"}', {"op": "subscribed", "ok": True}),
        ("{}", {"ok": False, "error": 'this target wants {"op": "subscribe"}'}),
        ("hello", {"ok": False, "error": 'this target wants {"op": "subscribe"}'}),
        (b"\xff", {"ok": False, "error": 'this target wants {"op": "subscribe"}'}),
    ],
)
def test_the_answer_to_a_subscription(message: str | bytes, expected: dict[str, Any]) -> None:
    (answer,) = feed_answers(message)
    assert json.loads(answer) == expected
    assert is_subscription(message) == expected["ok"]


def test_prices_are_the_same_by_seed() -> None:
    assert tick(3, 5, seed=1) == tick(3, 5, seed=1) != tick(3, 5, seed=2)
    assert json.loads(tick(3, 5, seed=1)) == {
        "op": "tick",
        "seq": 3,
        "ts": 5,
        "price": json.loads(tick(3, 0, 1))["price"],
    }


def test_ticks_come_by_the_clock_once_they_are_asked_for() -> None:
    async def main() -> None:
        async with _target(TargetOptions("feed", tick_ns=20 * NS_PER_MS)) as place, place.client() as client:
            await trio.sleep(5)  # nothing before
            await client.send_message(SUBSCRIBE)
            began, times, numbers = trio.current_time(), [], []
            assert json.loads(await client.get_message())["op"] == "subscribed"
            for _ in range(50):
                numbers.append(json.loads(await client.get_message())["seq"])
                times.append(trio.current_time() - began)
            assert numbers == list(range(50))
            assert times == pytest.approx([number * 0.02 for number in range(50)])

    _run(main)


@pytest.mark.slow
def test_a_feed_ends_with_its_connection() -> None:
    async def main() -> None:
        options = TargetOptions("feed", tick_ns=NS_PER_MS, closing=Closing(2, 1001))
        async with _target(options) as place, place.client() as client:
            await client.send_message(SUBSCRIBE)
            await trio.sleep(1)
            await client.send_message(SUBSCRIBE)
            assert len(await _messages(client)) > 2
            assert client.closed is not None
            assert client.closed.code == 1001
        assert place.counts.closed_by_us == 1

    _run(main)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"tick_ns": 1}, "a feed's ticks are too close together"), ({"login": "in"}, "'in' is not a path to log in at")],
)
def test_options_that_make_no_sense(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TargetOptions("feed", **options)
