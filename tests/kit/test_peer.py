"""The scripted peer: minutes in milliseconds, the same every time, and the same over sockets."""

from __future__ import annotations

import urllib.error
import urllib.request
from functools import partial
from typing import Any

import pytest
import trio
import trio_websocket
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from trio.testing import MockClock

from loadws.transport.base import ConnectFailed, ConnectRequest, HandshakeRefused, Outgoing
from loadws.transport.clock.timers import open_timers
from loadws.transport.registry import transport
from tests.kit.behaviour import (
    Action,
    Behaviour,
    Leave,
    Say,
    Vanish,
    echo,
    fails,
    pushes,
    refusal,
    refuses,
    silent,
)
from tests.kit.conformance import Recorder, Stage, in_memory, over_sockets
from tests.kit.loopback import loopback_peer
from tests.kit.peer import ScriptedTransport
from tests.kit.plain import MS, S


def virtually(main: Any) -> Any:
    return trio.run(main, clock=MockClock(autojump_threshold=0))


@pytest.mark.slow
def test_ten_minutes_of_load_and_every_count_of_it() -> None:
    scripted = ScriptedTransport(echo(delay_ns=20 * MS))

    async def user(connector: Any, heard: list[Recorder]) -> None:
        listener = Recorder()
        heard.append(listener)
        connection = await connector.connect(ConnectRequest("ws://x"), listener)
        for _ in range(60):
            await connection.send("x", Outgoing())
            await trio.sleep(10)
        await connection.close()

    async def main() -> list[Recorder]:
        heard: list[Recorder] = []
        async with open_timers() as timers, scripted.open(timers) as connector, trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(user, connector, heard)
        return heard

    heard = virtually(main)
    assert {listener.received_ns[-1] for listener in heard} == {590 * S + 20 * MS}
    assert [(len(listener.messages), listener.end.at_ns) for listener in heard] == [(60, 600 * S)] * 50
    seen = scripted.seen
    assert (seen.attempts, seen.opened, seen.open_now, seen.messages, seen.said) == (50, 50, 0, 3000, 3000)
    assert dict(seen.closes) == {1000: 50}


def test_attempts_are_refused_by_their_number() -> None:
    behaviour = replace(echo(), refuse=lambda attempt: refusal(503) if attempt % 3 == 2 else None)

    async def main() -> list[int]:
        statuses = []
        async with in_memory(behaviour) as scene:
            for _ in range(6):
                try:
                    await scene.connect()
                    statuses.append(101)
                except HandshakeRefused as refused:
                    statuses.append(refused.status)
        return statuses

    assert virtually(main) == [101, 101, 503, 101, 101, 503]


def test_a_scripted_failure_is_what_connect_raises() -> None:
    async def main() -> str:
        async with in_memory(fails("tcp", "no_ports")) as scene:
            with pytest.raises(ConnectFailed) as failure:
                await scene.connect()
            return failure.value.kind

    assert virtually(main) == "tcp.no_ports"


def test_a_slow_write_takes_its_time_and_can_be_cancelled() -> None:
    async def main() -> None:
        async with in_memory(replace(echo(), write_ns=5 * S)) as scene:
            connection, heard = await scene.connect()
            out = Outgoing()
            await connection.send("whole", out)
            assert (out.sent_ns, out.written_ns) == (0, 5 * S)
            cut = Outgoing()
            with trio.move_on_after(1):
                await connection.send("half", cut)
            assert (cut.sent_ns, cut.written_ns) == (5 * S, 0)
            assert (heard.end.by, heard.end.at_ns) == ("us", 6 * S)
            assert scene.seen.messages == 1

    virtually(main)


actions = st.one_of(
    st.builds(Say, st.text(alphabet="ab", max_size=3), st.sampled_from([0, 30 * MS])),
    st.builds(Leave, st.sampled_from([1000, 4001, None]), st.just(""), st.sampled_from([60 * MS])),
    st.builds(Vanish, st.just("eof"), st.sampled_from([60 * MS])),
)


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(st.lists(actions, max_size=4))
def test_in_memory_and_over_sockets_a_user_is_told_the_same(script: list[Action]) -> None:
    # Two actions at the very same moment have no order that could be compared: of different kinds there is but one then,
    # and texts sent at one moment are equal.
    last = next((action for action in script if not isinstance(action, Say)), Leave(after_ns=60 * MS))
    texts: dict[int, str | bytes] = {}
    says = [
        Say(texts.setdefault(action.after_ns, action.payload), action.after_ns)
        for action in script
        if isinstance(action, Say)
    ]
    behaviour = Behaviour(on_open=lambda connection: [*says, last])

    async def told(stage: Stage) -> list[Any]:
        async with stage(behaviour) as scene:
            _, heard = await scene.connect()
            await heard.has_ended()
            return [heard.calls, heard.end.code, heard.end.kind]

    in_order = virtually(partial(told, in_memory))
    assert trio.run(told, over_sockets(partial(transport, "trio-websocket"))) == in_order


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (echo(), ["a", "b"]),
        (pushes(["p"]), ["p"]),
        (silent(), []),
    ],
)
def test_over_sockets_to_another_client(behaviour: Behaviour, said: list[str]) -> None:
    async def main() -> None:
        async with loopback_peer(behaviour) as peer, trio_websocket.open_websocket_url(peer.url) as client:
            with trio.fail_after(20):
                for payload in ("a", "b"):
                    await client.send_message(payload)
                assert [await client.get_message() for _ in said] == said
                await client.aclose(4001, "bye")
            assert (peer.seen.messages, dict(peer.seen.closes)) == (2, {4001: 1})

    trio.run(main)


def test_a_refusal_over_sockets_to_another_client() -> None:
    def fetched(url: str) -> tuple[int, str | None, bytes]:
        try:
            with urllib.request.urlopen(url.replace("ws://", "http://"), timeout=20):
                raise AssertionError("this was to be refused")
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.headers["X-Why"], refused.read()

    async def main() -> None:
        async with loopback_peer(refuses(404, (("X-Why", "gone"),), b"no room")) as peer:
            assert await trio.to_thread.run_sync(fetched, peer.url) == (404, "gone", b"no room")
            assert (peer.seen.attempts, peer.seen.refused, peer.seen.opened) == (1, 1, 0)

    trio.run(main)
