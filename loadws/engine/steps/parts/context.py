"""The context in which a step is compiled: the scenario, the objects of the process, and the place of the step.

Compiling looks up all that a step needs while it runs (its meter, templates and payload) and keeps it in a closure, so that
a running step looks nothing up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Literal

import msgspec
from msgspec.structs import replace
from pydantic import JsonValue

from loadws.engine.runtime.connection.measuring import CompiledMeasure
from loadws.engine.runtime.delivering import Delivering
from loadws.engine.runtime.protocol.dialect import Dialect
from loadws.engine.runtime.shared import Shared
from loadws.engine.runtime.strand import StepFunction, Steps, Strand
from loadws.engine.runtime.tracing import Tracer
from loadws.engine.steps.parts.payload import GIVEN, CompiledPayload, compile_payload
from loadws.engine.steps.parts.tls_contexts import Contexts
from loadws.metrics.recording.probes import ProbeLog
from loadws.metrics.recording.recorder import Recorder
from loadws.scenario.model.model import Scenario
from loadws.scenario.model.steps import Flow, Payload, RequestStep, Step
from loadws.scenario.secrecy.secrets import secret_paths
from loadws.scenario.unpacking.where import Where, compile_where

#: The name of the connection whose close is awaited next (None is the one without a name); False: none is.
AwaitedClose = str | Literal[False] | None


class StepContext(msgspec.Struct, frozen=True):
    """The context in which a step is compiled.

    ``dialect`` is the protocol that connections speak; None without one.
    ``at_once``: inside a handler whose steps may not wait. ``uses_message``
    and ``uses_sent``: a template of the user type reads ``message`` or ``sent``; where none does, nothing is parsed for it.
    ``uses_received_ms``: likewise.
    ``keeps``: some step of the user type reads an inbox, so its connections have one. ``heals``: some connection of the user
    type reconnects by itself. ``for_python``: for a function, which passes payloads and receives answers. ``deliverings``
    are those of the user type's handlers, in their order. ``plain_requests`` fills while steps are compiled: see
    ``UserTraits``. ``measures`` are the scenario's. ``closing`` is the connection whose close is awaited after the flow.
    """

    shared: Shared
    tls: Contexts
    compile_step: Callable[[Step, StepContext], StepFunction]
    dialect: Dialect | None = None
    in_handler: bool = False
    at_once: bool = False
    uses_message: bool = False
    uses_received_ms: bool = False
    uses_sent: bool = False
    keeps: bool = False
    heals: bool = False
    for_python: bool = False
    deliverings: tuple[Delivering, ...] = ()
    plain_requests: dict[str | None, list[str]] = msgspec.field(default_factory=dict)
    closing: AwaitedClose = False
    measures: tuple[CompiledMeasure, ...] = ()

    @property
    def scenario(self) -> Scenario:
        """Return the scenario."""
        return self.shared.facts.scenario

    @property
    def base(self) -> Path:
        """Return the folder that the scenario's files are relative to."""
        return self.shared.facts.base

    @property
    def recorder(self) -> Recorder:
        """Return the process's recorder."""
        return self.shared.recorder

    @property
    def tracer(self) -> Tracer | None:
        """Return the trace; None without ``--trace``."""
        return self.shared.tracer

    @property
    def now_ns(self) -> Callable[[], int]:
        """Return the clock: its time in ns."""
        return self.shared.timers.now_ns

    def in_python(self) -> StepContext:
        """Return the context for the steps of a function.

        It waits for each of them: none is only queued, as in a handler.
        """
        return replace(self, for_python=True, at_once=False)

    def payload(self, payload: Payload) -> CompiledPayload:
        """Compile a payload. Raises ``OSError`` where a file of it cannot be read."""
        return GIVEN if self.for_python else compile_payload(payload, self.base)

    def where(self, where: Mapping[str, JsonValue] | None, *, tells_faults: bool = False) -> Where | None:
        """Compile what chooses messages; None where nothing does, and every message is chosen."""
        limit = self.scenario.connection.max_message_size
        return compile_where(where, self.base, limit, tells_faults=tells_faults)

    def has_secrets(self, names: Iterable[str]) -> bool:
        """Return whether one of these variables is a secret or contains one."""
        return not {path[0] for path in secret_paths(self.scenario.secrets)}.isdisjoint(names)

    def note_plain_request(self, step: RequestStep) -> None:
        """Remember a request that uses the next message of its connection, whatever it is, as its answer."""
        names = self.plain_requests.setdefault(step.request.on, [])
        if step.label not in names:
            names.append(step.label)

    def log(self, probe: str) -> ProbeLog:
        """Return the log of a probe's deliveries."""
        probes = self.recorder.probes
        assert probes is not None, "a scenario with a publish or a deliver has probes"
        return probes.named(probe)

    # -- flows --------------------------------------------------------------------------------------------------------

    def step(self, step: Step) -> StepFunction:
        """Compile a step."""
        return self.compile_step(step, self)

    def flow(self, flow: Flow) -> Steps:
        """Compile the steps of a flow."""
        return tuple(self._before(close, step) for step, close in zip(flow, _closes(flow, self.closing), strict=True))

    def _before(self, close: AwaitedClose, step: Step) -> StepFunction:
        """Compile a step. ``close`` is the connection whose close the next step waits for; False where it waits for none."""
        run = replace(self, closing=close if step.inside == "one" else False).step(step)
        return run if close is False or step.inside in ("again", "together") else _awaiting(run, close)


def _closes(flow: Flow, after: AwaitedClose) -> list[AwaitedClose]:
    """Return for each step the connection whose close is awaited right after it; False where none is."""
    found: list[AwaitedClose] = []
    for step in reversed(flow):
        found.append(after)
        if step.awaits() == "close":
            after = step.connection
        elif step.waits or step.inside == "one":
            after = False
    return found[::-1]


def _awaiting(run: StepFunction, name: str | None) -> StepFunction:
    """Return the step, during which a close of the named connection is no error: the next step waits for it."""

    async def awaiting(strand: Strand) -> None:
        strand.awaited_close = (name,)
        try:
            await run(strand)
        except BaseException:
            strand.awaited_close = ()
            raise

    return awaiting
