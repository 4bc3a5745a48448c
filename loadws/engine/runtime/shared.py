"""What all virtual users of one process share."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import trio

from loadws.engine.runtime.barriers import Barriers
from loadws.engine.runtime.connection.inbox import InboxBudget
from loadws.engine.runtime.facts import RunFacts
from loadws.engine.runtime.secrecy import RunSecrets
from loadws.engine.runtime.tracing import Tracer
from loadws.metrics.recording.recorder import Recorder
from loadws.scenario.data.supply import Supplies
from loadws.scenario.template.template import Compiled
from loadws.terms.units import NS_PER_MS
from loadws.transport.base import Connector, Timers
from loadws.transport.http.client import HttpClients

#: How many handshakes of held users may be under way at once. A thousand users that begin at one moment are an artefact of
#: the plan, not a load that is worth measuring.
HANDSHAKES_AT_ONCE = 256
#: How many closing handshakes may be under way at once: at a run's end, a user that still waits for an answer must not wait
#: for thousands of these.
CLOSINGS_AT_ONCE = 64


class FlowQuota:
    """A number of flows that the users of a phase share (``iterations: N``). ``one_each``: no held user gets a second one.

    ``over`` is set when the last flow has ended. ``idle`` holds a callback of each held user that waits because no flow
    is left; ``wake_idle`` calls them.
    """

    def __init__(self, flows: int, *, one_each: bool = False) -> None:
        self.left = flows
        self._served: set[int] | None = set() if one_each else None
        self.under_way = 0
        self.over = trio.Event()
        self.idle: set[Callable[[], None]] = set()
        if not flows:  # a process's share may be none
            self.over.set()

    def take(self, user: int) -> bool:
        """Take one flow for the user of this index; return False where none is left for it."""
        if not self.left:
            return False
        if self._served is not None:
            if user in self._served:
                return False
            self._served.add(user)
        self.left -= 1
        self.under_way += 1
        return True

    def done(self) -> None:
        """Give back a flow that was taken and has ended."""
        self.under_way -= 1
        if not self.left and not self.under_way:
            self.over.set()

    def give_up(self) -> None:
        """Run no more flows: the users that would run them are gone."""
        self.left = 0
        if not self.under_way:
            self.over.set()

    def wake_idle(self) -> None:
        """Wake the users without a flow: the phase is over."""
        for wake in tuple(self.idle):
            wake()


@dataclass(slots=True)
class Shared:
    """The objects that all users of the process share.

    ``variables`` are the scenario's own, compiled, and ``supplies`` its data. ``http`` is None where no step asks over
    HTTP, ``tracer`` without ``--trace``. ``quota`` belongs to the current phase, and is None where only time ends the
    phase. ``load_ended_ns`` is when the last phase was over, or the run was stopped. ``clock`` returns milliseconds since
    1970, and ``epoch_ns`` is what the clock of ``timers`` lacks to those.
    """

    facts: RunFacts
    timers: Timers
    connector: Connector
    recorder: Recorder
    variables: Mapping[str, Compiled]
    supplies: Supplies
    secrets: RunSecrets = field(default_factory=RunSecrets)
    tracer: Tracer | None = None
    http: HttpClients | None = None
    quota: FlowQuota | None = None
    load_ended_ns: int | None = None
    inbox_budget: InboxBudget = field(default_factory=InboxBudget)
    barriers: Barriers = field(default_factory=Barriers)
    handshakes: trio.Semaphore = field(default_factory=lambda: trio.Semaphore(HANDSHAKES_AT_ONCE))
    closings: trio.Semaphore = field(default_factory=lambda: trio.Semaphore(CLOSINGS_AT_ONCE))
    clock: Callable[[], int] = lambda: time.time_ns() // NS_PER_MS
    epoch_ns: int = field(init=False)

    def __post_init__(self) -> None:
        self.epoch_ns = self.clock() * NS_PER_MS - self.timers.now_ns()

    def wall_ms(self, at_ns: int) -> float:
        """Return a time of ``timers``, in ns, as milliseconds since 1970. It keeps the fractions, and never jumps."""
        return (at_ns + self.epoch_ns) / NS_PER_MS
