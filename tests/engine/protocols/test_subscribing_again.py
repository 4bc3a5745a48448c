"""Subscriptions of a connection that comes in the place of another: made again where the scenario says so, else none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from loadws.scenario.build import load_text
from loadws.target.speaking.phoenix import Phoenix
from loadws.target.speaking.servers import TALKS
from loadws.target.speaking.talk import Talk
from loadws.transport.base import Payload
from tests.engine.drive import Outcome, drive
from tests.engine.protocols.test_others import SUBSCRIPTIONS
from tests.kit.behaviour import Action, Behaviour, Leave, Say
from tests.kit.plain import MS

POLICY = {"attempts": 5, "backoff": "10ms..10ms", "jitter": "none"}


def serves(talk: Callable[[], Talk], *, leaves_after_ns: Sequence[int] = ()) -> Behaviour:
    """Each connection has a server of its own, which ticks three times after each message.

    The n-th connection is closed by the server at the n-th of ``leaves_after_ns``.
    """
    servers: list[Talk] = []

    def on_open(connection: int) -> Sequence[Action]:
        servers.append(talk())
        leaves = [Leave(1012, "", leaves_after_ns[connection])] if connection < len(leaves_after_ns) else []
        return [*(Say(text) for text in servers[-1].opened()), *leaves]

    def on_message(payload: Payload, number: int) -> Sequence[Action]:
        said = [Say(text) for text in servers[-1].heard(payload)]
        return [*said, *(Say(text, (n + 1) * 20 * MS) for n in range(3) for text in servers[-1].tick(n))]

    return Behaviour(on_open=on_open, on_message=on_message)


def run(protocol: str, *steps: Any, again: bool = True, leaves: Sequence[int] = (), **more: Any) -> Outcome:
    connection: dict[str, Any] = {"protocol": {"name": protocol, "subscribe_again": again}}
    if leaves:
        connection["reconnect"] = POLICY
    document = {"load": [{"users": 1, "iterations": 1}], "connection": connection, **more}
    on = {"message": [{"where": {"subscription": "room"}, "do": [{"count": "ticks"}]}]}
    behaviour = serves(TALKS[protocol], leaves_after_ns=leaves)
    return drive({"on": on, **document, "flow": ["connect", *steps]}, behaviour)


def subscribe(protocol: str) -> dict[str, Any]:
    return {"name": "room", "subscribe": SUBSCRIPTIONS[protocol][0]}


@pytest.mark.parametrize("protocol", SUBSCRIPTIONS)
@pytest.mark.parametrize(("again", "ticks"), [(True, 6), (False, 3)])
def test_a_reconnect_step_subscribes_again_where_it_is_said(protocol: str, again: bool, ticks: int) -> None:
    outcome = run(protocol, subscribe(protocol), {"think": "200ms"}, "reconnect", {"think": "200ms"}, again=again)
    assert outcome.errors == {}
    assert outcome.count("ticks") == ticks
    assert outcome.ledger.messages.unclaimed == 0


@pytest.mark.parametrize("protocol", ["json-rpc", "phoenix", "graphql-transport-ws"])
def test_so_does_a_policy_each_time_and_once_for_each_subscription(protocol: str) -> None:
    leaves = [300 * MS, 300 * MS]
    outcome = run(protocol, subscribe(protocol), {"think": "1s"}, leaves=leaves)
    assert outcome.errors == {}
    assert outcome.count("reconnects") == 2
    assert outcome.count("ticks") == 9
    is_confirmed = protocol != "graphql-transport-ws"
    assert outcome.ledger.messages.answered == (3 if is_confirmed else 0)
    assert outcome.values("response_time", step="room").count == (3 if is_confirmed else 0)


def test_what_was_unsubscribed_stays_so() -> None:
    outcome = run("phoenix", subscribe("phoenix"), {"unsubscribe": "room"}, "reconnect", {"think": "200ms"})
    assert outcome.errors == {}
    assert outcome.ledger.messages.answered == 2


def test_a_connection_that_is_lost_before_it_has_subscribed_again_leaves_that_to_the_next() -> None:
    """The second connection ends at once, before the server could answer; the third one subscribes."""
    outcome = run("phoenix", {**subscribe("phoenix"), "on_failure": "continue"}, {"think": "1s"}, leaves=[300 * MS, 0])
    assert outcome.count("ticks") == 6
    assert outcome.ledger.sessions.failed == 0


def test_one_that_the_server_refuses_then_fails_as_its_step_does() -> None:
    class Forgets(Phoenix):
        made = 0

        def __init__(self) -> None:
            super().__init__()
            Forgets.made += 1
            self._is_first = Forgets.made == 1

        def heard(self, message: Payload) -> Sequence[Payload]:
            return super().heard(str(message) if self._is_first else str(message).replace("room:1", "private"))

    flow = ["connect", {**subscribe("phoenix"), "on_failure": "continue"}, "reconnect", {"count": "after"}]
    document = {
        "load": [{"users": 1, "iterations": 1}],
        "connection": {"protocol": {"name": "phoenix", "subscribe_again": True}},
        "flow": flow,
    }
    outcome = drive(document, serves(Forgets))
    assert outcome.errors == {"protocol.error": 1}
    assert outcome.count("after") == 1


SCENARIO = """\
target: builtin:phoenix
connection: {protocol: PROTOCOL, reconnect: true}
load: [{users: 1, for: 1s}]
flow: [connect, {subscribe: {name: room, topic: a}}, {subscribe: {name: hall, topic: b}}]
"""
WARNING = "a subscription ends with its connection, and one that is reconnected has none"


@pytest.mark.parametrize(
    ("change", "warnings"),
    [
        (("", ""), [WARNING]),  # once for a user, at its first
        (("PROTOCOL", "{name: phoenix, subscribe_again: true}"), []),
        ((", reconnect: true", ""), []),
        (("load:", "on: {open: [{subscribe: {name: c, topic: c}}]}\nload:"), []),
        ((", reconnect: true}", "}\n#"), []),
        (("flow: [connect,", "flow: [connect, reconnect,"), [WARNING]),
    ],
    ids=["warned", "again", "no-policy", "by-hand", "no-policy-either", "step"],
)
def test_subscriptions_that_would_be_lost_in_silence_are_warned_of(
    change: tuple[str, str], warnings: list[str], tmp_path: Any
) -> None:
    text = SCENARIO.replace(*change).replace("PROTOCOL", "phoenix")
    loaded = load_text(text, tmp_path / "s.yaml", env={})
    assert [problem.message for problem in loaded.warnings if "subscription" in problem.message] == warnings
