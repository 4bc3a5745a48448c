"""A scripted peer that speaks a protocol as the target's server does, in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from loadws.target.speaking.talk import Talk
from loadws.transport.base import Payload
from tests.kit.behaviour import Action, Behaviour, Say
from tests.kit.plain import MS

#: How many ticks of its subscriptions a peer sends after each answer, and how long after one another.
TICKS, TICK_NS = 3, 20 * MS


def speaks(talk: Callable[[], Talk], *, delay_ns: int = 0, ticks: int = TICKS) -> Behaviour:
    """All connections are one to the server.

    Its subscriptions tick after each message. What a client publishes comes back to it after the answers, where it has
    subscribed to it.
    """
    server = talk()

    def on_open(connection: int) -> Sequence[Action]:
        return [Say(text) for text in server.opened()]

    def on_message(payload: Payload, number: int) -> Sequence[Action]:
        said = [Say(text, delay_ns) for text in server.heard(payload)]
        said += [Say(text, delay_ns) for one in server.take_published() for text in server.relayed(one)]
        pushed = [Say(text, delay_ns + (n + 1) * TICK_NS) for n in range(ticks) for text in server.tick(n)]
        return [*said, *pushed]

    return replace(Behaviour(), on_open=on_open, on_message=on_message)
