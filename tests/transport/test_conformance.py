"""Every transport passes the kit: the same checks over sockets and in memory, the tables of faults over sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
from msgspec.structs import replace
from trio.testing import MockClock

from loadws.terms.transports import NAMES
from loadws.transport.base import Connection, Connector, ConnectRequest, End, Listener
from loadws.transport.cookies import Jar
from loadws.transport.registry import transport
from tests.kit.behaviour import Behaviour
from tests.kit.conformance import (
    CHECKS,
    ENDINGS,
    FAILURES,
    Check,
    Ending,
    Failure,
    Recorder,
    Scene,
    answers_come_back_in_order,
    ends_as_named,
    fails_as_named,
    in_memory,
    over_sockets,
    we_close,
)

each_transport = pytest.mark.parametrize("name", NAMES)


@each_transport
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_over_sockets(name: str, check: Check) -> None:
    trio.run(check, over_sockets(partial(transport, name)))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_in_memory(check: Check) -> None:
    trio.run(check, in_memory, clock=MockClock(autojump_threshold=0))


@each_transport
@pytest.mark.parametrize("row", FAILURES, ids=lambda row: row.kind)
def test_a_failure_is_named(name: str, row: Failure) -> None:
    trio.run(fails_as_named, partial(transport, name), row)


@each_transport
@pytest.mark.parametrize("row", ENDINGS, ids=lambda row: f"{row.by} {row.kind or row.code}")
def test_an_end_is_named(name: str, row: Ending) -> None:
    trio.run(ends_as_named, partial(transport, name), row)


def _forgets_the_end(listener: Recorder) -> None:
    listener.on_end = lambda end: None  # type: ignore[method-assign]


def _ends_twice(listener: Recorder) -> None:
    once = listener.on_end

    def twice(end: End) -> None:
        once(end)
        once(end)

    listener.on_end = twice  # type: ignore[method-assign]


def _loses_messages(listener: Recorder) -> None:
    listener.on_message = lambda payload, received_ns: None  # type: ignore[method-assign]


def _stamps_too_early(listener: Recorder) -> None:
    told = listener.on_message
    listener.on_message = lambda payload, received_ns: told(payload, -1)  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (_forgets_the_end, we_close),
        (_ends_twice, we_close),
        (_loses_messages, answers_come_back_in_order),
        (_stamps_too_early, answers_come_back_in_order),
    ],
)
def test_the_kit_sees_a_transport_that_is_wrong(spoil: Callable[[Recorder], None], check: Check) -> None:
    class Spoilt:
        def __init__(self, connector: Connector) -> None:
            self.connector = connector

        def begin(self, *_: object) -> None:
            """Return None: a connection is opened by a task."""

        async def connect(self, request: ConnectRequest, listener: Listener, jar: Jar | None = None) -> Connection:
            assert isinstance(listener, Recorder)
            spoil(listener)
            return await self.connector.connect(request, listener)

    @asynccontextmanager
    async def stage(behaviour: Behaviour) -> AsyncIterator[Scene]:
        async with in_memory(behaviour) as scene:
            yield replace(scene, connector=Spoilt(scene.connector))

    with pytest.raises((AssertionError, trio.TooSlowError)):
        trio.run(check, stage, clock=MockClock(autojump_threshold=0))
