"""``--mode feed``: market data. A client that sends ``{"op": "subscribe"}`` gets an answer, and then ticks at a rate.

A tick is ``{"op": "tick", "seq": n, "ts": ms, "price": p}``: ``seq`` counts from 0 on each connection, ``ts`` is
when it was made, in milliseconds since 1970. A reader that is too slow misses ticks, and sees it in ``seq``;
the feed does not wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import trio

from loadws.terms.chance import TARGET_FAULTS, draw, fraction
from loadws.terms.units import NS_PER_S

#: A tick's price is this plus a random number below one.
_PRICE = 100


def feed_answers(message: str | bytes) -> Sequence[str]:
    """Return the answer to a subscription, with its ``id`` where it has one; any other message is answered as wrong."""
    asked = _asked(message)
    if asked is None:
        return (_json({"ok": False, "error": 'this target wants {"op": "subscribe"}'}),)
    return (_json({key: asked[key] for key in ("id",) if key in asked} | {"op": "subscribed", "ok": True}),)


def is_subscription(message: str | bytes) -> bool:
    return _asked(message) is not None


async def push_ticks(subscribed: trio.Event, post: Callable[[str], None], every_ns: int, seed: int) -> None:
    """Send ticks from the subscription on, until cancelled. Late ticks are sent at once: their number follows the
    clock.
    """
    await subscribed.wait()
    began, number = trio.current_time(), 0
    while True:
        await trio.sleep_until(began + number * every_ns / NS_PER_S)
        post(tick(number, time.time_ns() // 1_000_000, seed))
        number += 1


def tick(number: int, now_ms: int, seed: int) -> str:
    price = _PRICE + round(fraction(draw(seed, TARGET_FAULTS, number)), 2)
    return _json({"op": "tick", "seq": number, "ts": now_ms, "price": price})


def _asked(message: str | bytes) -> dict[str, Any] | None:
    try:
        asked = msgspec.json.decode(message, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return asked if asked.get("op") == "subscribe" else None


def _json(value: dict[str, Any]) -> str:
    return msgspec.json.encode(value).decode()
