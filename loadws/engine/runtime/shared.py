"""What all virtual users of one process share, and what a user type was compiled to."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import trio

from loadws.engine.runtime.barriers import Barriers
from loadws.engine.runtime.connection.inbox import KeptRoom
from loadws.engine.runtime.secrecy import RunSecrets
from loadws.terms.units import NS_PER_MS

if TYPE_CHECKING:
    from loadws.engine.runtime.strand import Strand
    from loadws.engine.runtime.tracing import Tracer
    from loadws.engine.steps.publish import Delivering
    from loadws.engine.users.user import VirtualUser
    from loadws.metrics.recording.recorder import Recorder
    from loadws.scenario.data.feed import Feed
    from loadws.scenario.matching.matching import Captures, Conditions
    from loadws.scenario.template.template import Compiled
    from loadws.transport.base import Connector, Timers
    from loadws.transport.http.client import HttpClients

#: How many handshakes of held users may be under way at once: a thousand that begin in one moment is no load anybody means.
HANDSHAKES_AT_ONCE = 256
#: How many closing handshakes may be: at a run's end, who still waits for an answer must not wait for thousands of these.
CLOSINGS_AT_ONCE = 64

StepFunction = Callable[["Strand"], Awaitable[None]]
Steps = tuple[StepFunction, ...]


@dataclass(frozen=True, slots=True)
class CompiledHandler:
    """``waits``: some of its steps wait, so it runs in the user's handler task and not at once."""

    steps: Steps
    waits: bool


@dataclass(frozen=True, slots=True)
class MessageHandler(CompiledHandler):
    """``on``: of which connection, all where None. ``uses_message``: some template does, so it is parsed for it."""

    on: str | None
    where: Conditions | None
    capture: Captures | None
    uses_message: bool
    deliver: Delivering | None = None


@dataclass(frozen=True, slots=True)
class UserKind:
    """A user type, compiled. ``connect`` opens the connection of a flow that has no such step at its top level.

    ``plain_requests`` are the names of requests without ``where`` by the name of their connection: a message that nothing
    claims there may be the answer that such a request should have had.
    """

    name: str
    flow: Steps
    connect: StepFunction | None
    messages: tuple[MessageHandler, ...]
    open: CompiledHandler | None
    error: CompiledHandler | None
    close: CompiledHandler | None
    heals: bool = False  # some connection of its reconnects by itself
    deliverings: tuple[Delivering, ...] = ()
    connects: bool = False  # by a step of the language: each user opens a WebSocket
    has_calls: bool = False  # some step is a Python function
    plain_requests: dict[str | None, list[str]] = field(default_factory=dict)

    @property
    def has_handlers(self) -> bool:
        return bool(self.messages or self.open or self.error or self.close)

    @property
    def handlers_wait(self) -> bool:
        handlers = (*self.messages, self.error, self.close)
        return any(handler is not None and handler.waits for handler in handlers)


class Budget:
    """``iterations: N`` of a phase: so many flows in all, whoever runs them. ``over`` is set when the last has ended."""

    def __init__(self, flows: int) -> None:
        self.left = flows
        self.under_way = 0
        self.over = trio.Event()
        if not flows:  # a process's share may be none
            self.over.set()

    def take(self) -> bool:
        if not self.left:
            return False
        self.left -= 1
        self.under_way += 1
        return True

    def done(self) -> None:
        self.under_way -= 1
        if not self.left and not self.under_way:
            self.over.set()


@dataclass(slots=True)
class Run:
    """Shared by all users of the process. ``variables`` are the scenario's own, compiled; ``feeds`` its data."""

    timers: Timers
    connector: Connector
    recorder: Recorder
    seed: int
    variables: Mapping[str, Compiled]
    feeds: Mapping[str, Feed]
    secrets: RunSecrets = field(default_factory=RunSecrets)
    tracer: Tracer | None = None
    http: HttpClients | None = None  # where some step asks over HTTP
    shared: Mapping[str, Any] = field(default_factory=dict)  # what setup has set
    budget: Budget | None = None
    load_ended_ns: int | None = None  # when the last phase was over, or the run was stopped
    idle: set[VirtualUser] = field(default_factory=set)  # held, with no flow left for them in this phase
    kept_room: KeptRoom = field(default_factory=KeptRoom)
    barriers: Barriers = field(default_factory=Barriers)
    handshakes: trio.Semaphore = field(default_factory=lambda: trio.Semaphore(HANDSHAKES_AT_ONCE))
    closings: trio.Semaphore = field(default_factory=lambda: trio.Semaphore(CLOSINGS_AT_ONCE))
    env: Mapping[str, str] = field(default_factory=dict)
    clock: Callable[[], int] = lambda: time.time_ns() // NS_PER_MS
