"""Messages that no condition can match: a JSONPath looked at them and they are not JSON, or they were unpacked to nothing.

The message of a time-out mentions them, so that the server is not blamed.
"""

from __future__ import annotations

from collections import deque

from loadws.scenario.matching.message import Message

#: How many of a connection's messages are remembered.
REMEMBERED = 1_000


class Unreadable:
    """The unreadable messages of one connection: when each came, and the last of them."""

    __slots__ = ("_last", "_received_ns")

    def __init__(self) -> None:
        self._received_ns: deque[int] = deque(maxlen=REMEMBERED)
        self._last: Message | None = None

    def note(self, message: Message) -> None:
        self._received_ns.append(message.received_ns)
        self._last = message

    def since(self, at_ns: int) -> list[Message | None]:
        """Return one entry for each message that came at or after a moment: None, but for the last the message itself."""
        count = sum(received_ns >= at_ns for received_ns in self._received_ns)
        return [*[None] * (count - 1), self._last] if count else []


def describe(unreadable: list[Message | None]) -> str:
    """Return a clause on unreadable messages; empty where there are none."""
    count, last = len(unreadable), unreadable[-1] if unreadable else None
    if last is None:
        return ""
    came = "1 message came that is" if count == 1 else f"{count:,} messages came that are"
    if count >= REMEMBERED:
        came = f"{count:,} messages or more came that are"
    return f"{came} not JSON, where a JSONPath looks for something: {last.why_not_json()}"


def describe_emptied(count: int) -> str:
    """Return a clause on messages that were unpacked to no value; empty where there are none."""
    if not count:
        return ""
    came = "1 message came and was" if count == 1 else f"{count:,} messages came and were"
    if count >= REMEMBERED:
        came = f"{count:,} messages or more came and were"
    return f"{came} unpacked to nothing by connection.unpack"
