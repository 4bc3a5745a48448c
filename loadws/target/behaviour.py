"""How the target treats each upgrade and each message: pure functions of the seed, without a socket or a clock.

A fault is a hash of the seed, the connection's number (the order of upgrade requests) and the answer's number on it, so
the same seed brings the same faults to the same places, however busy the server is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any

import msgspec

from loadws.target.market_feed import feed_answers
from loadws.target.options import Mode, Stall, TargetOptions
from loadws.terms.chance import TARGET_FAULTS, draw, fraction

Payload = str | bytes
#: The most messages of one streamed answer: a client's request must not fill the server's memory.
LONGEST_STREAM = 1000


class _Fault(IntEnum):
    """The number of a fault. Each fault has random numbers of its own, so that switching one on changes no other."""

    REFUSE = 0
    DROP = 1
    DELAY = 2
    DUPLICATE_OR_REORDER = 3  # two bits hold a die, so these two share one: the low end of it and the high end


def _chance(options: TargetOptions, fault: _Fault, connection: int, answer: int = 0) -> float:
    """Return a number in [0, 1) that is the same for the same place; there is room for 2^30 connections of 2^32 answers
    each.
    """
    return fraction(draw(options.seed, TARGET_FAULTS, connection << 34 | answer << 2 | fault))


def refused_with(options: TargetOptions, connection: int) -> int | None:
    """Return the status with which this upgrade is refused; None where it is accepted."""
    refusal = options.refusal
    if refusal is None or _chance(options, _Fault.REFUSE, connection) >= refusal.share:
        return None
    return refusal.status


def is_dropped(options: TargetOptions, connection: int, answer: int) -> bool:
    return _chance(options, _Fault.DROP, connection, answer) < options.drop_share


def is_duplicated(options: TargetOptions, connection: int, answer: int) -> bool:
    return _chance(options, _Fault.DUPLICATE_OR_REORDER, connection, answer) < options.duplicate_share


def is_held_back(options: TargetOptions, connection: int, answer: int) -> bool:
    """Return whether an answer of a broadcast waits until the next of the same sender has left before it."""
    return _chance(options, _Fault.DUPLICATE_OR_REORDER, connection, answer) >= 1 - options.reorder_share


def delay_ns(options: TargetOptions, connection: int, answer: int) -> int:
    """Return the delay of an answer, uniform within ``jitter_ns`` around the option's delay."""
    if not options.jitter_ns:
        return options.delay_ns
    around = 2 * _chance(options, _Fault.DELAY, connection, answer) - 1
    return options.delay_ns + round(options.jitter_ns * around)


def resumes_ns(stall: Stall | None, elapsed_ns: int) -> int:
    """Return when an answer that is due at ``elapsed_ns`` after the first upgrade may leave: at once, or when the stall
    is over.
    """
    if stall is None or elapsed_ns < stall.period_ns:
        return elapsed_ns
    into_period_ns = elapsed_ns % stall.period_ns
    return elapsed_ns + max(0, stall.length_ns - into_period_ns)


# -- answers ----------------------------------------------------------------------------------------------------------


def same(message: Payload) -> Sequence[Payload]:
    return (message,)


def json_answers(message: Payload) -> Sequence[str]:
    """Return an object with the message's own ``id`` and ``op``, and the message as ``echo``.

    ``{"id": 1, "stream": 3}`` is answered with three objects that have ``part`` (from 0), the last with ``"done":
    true``. A message that is not a JSON object is answered with ``{"ok": false, "error": why}``.
    """
    try:
        asked = msgspec.json.decode(message, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return (_json({"ok": False, "error": f"this target wants a JSON object: {error}"}),)
    answer = {key: asked[key] for key in ("id", "op") if key in asked} | {"ok": True, "echo": asked}
    parts = asked.get("stream")
    if not isinstance(parts, int) or isinstance(parts, bool) or parts < 1:
        return (_json(answer),)
    count = min(parts, LONGEST_STREAM)
    return [_json({**answer, "part": part, "done": part == count - 1}) for part in range(count)]


def _json(value: dict[str, Any]) -> str:
    return msgspec.json.encode(value).decode()


#: The answers to a message, by the mode. A broadcast message is sent as it came, but to every client.
ANSWERS: dict[Mode, Callable[[Payload], Sequence[Payload]]] = {
    "echo": same,
    "broadcast": same,
    "json": json_answers,
    "feed": feed_answers,
}
