"""Flows -> coroutine functions, once, before the run.

What a step needs (its meter, its templates, its payload) is found here and closed over, so that running it looks nothing up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from loadws.engine.runtime.reconnect import patient
from loadws.engine.runtime.shared import CompiledHandler, MessageHandler, StepFunction, Steps, UserKind
from loadws.engine.runtime.strand import Strand
from loadws.engine.runtime.tracing import Tracer
from loadws.engine.steps import barrier as gathering
from loadws.engine.steps import call as calling
from loadws.engine.steps import connect as connecting
from loadws.engine.steps import faults as disturbing
from loadws.engine.steps import http as fetching
from loadws.engine.steps import parallel as branching
from loadws.engine.steps import publish as publishing
from loadws.engine.steps import record as noting
from loadws.engine.steps import request as talking
from loadws.engine.steps import schedule as pacing
from loadws.engine.steps import wait_for as waiting
from loadws.engine.steps.parts.payload import GIVEN, CompiledPayload, compile_payload
from loadws.engine.steps.parts.tls_contexts import Contexts
from loadws.engine.steps.publish import Delivering, with_membership
from loadws.metrics.recording.probes import ProbeLog
from loadws.metrics.recording.recorder import Recorder
from loadws.scenario.matching.matching import compile_captures, compile_conditions
from loadws.scenario.model.model import Scenario, UserType
from loadws.scenario.model.steps import ConnectBody, ConnectStep, Flow, Payload, RequestStep, Step, WaitForStep, walk
from loadws.scenario.secrecy.secrets import secret_paths

#: Verbs that never wait. A ``send`` or ``publish`` in a handler does not either: it is queued.
#: Loops may not end, so they count as waiting.
INSTANT = frozenset({"send", "publish", "drop", "set", "check", "record", "count", "log", "if", "pick"})

#: Verbs whose own steps come first, again and again.
LOOPS = frozenset({"every", "repeat", "while", "parallel"})

VERBS: dict[str, Callable[[Any, Compiler], StepFunction]] = {}


@dataclass(frozen=True, slots=True)
class Compiler:
    """What compiling a step may ask for. ``at_once``: inside a handler whose steps may not wait."""

    scenario: Scenario
    base: Path  # where the scenario's files are
    recorder: Recorder
    tls: Contexts
    tracer: Tracer | None = None
    in_handler: bool = False
    at_once: bool = False
    uses_message: bool = False  # a template of the user type looks at ``message``; where none does, no answer is parsed
    uses_sent: bool = False  # the same for ``sent``
    keeps: bool = False  # the user type has a wait_for
    heals: bool = False  # some connection of the user type reconnects by itself
    for_python: bool = False  # for a function, which gives the payloads and wants the answers
    deliverings: tuple[Delivering, ...] = ()  # of the user type's handlers, in their order
    plain_requests: dict[str | None, list[str]] = field(default_factory=dict)  # see ``UserKind``
    closing: str | Literal[False] | None = (
        False  # after the flow, the connection of a wait_for: {close: ..}; False: none
    )

    def in_python(self) -> Compiler:
        """For the steps of a function. It waits for them, so none is only queued, as a handler's may be."""
        return replace(self, for_python=True, at_once=False)

    def payload(self, payload: Payload) -> CompiledPayload:
        return GIVEN if self.for_python else compile_payload(payload, self.base)

    def has_secrets(self, names: Iterable[str]) -> bool:
        """Return whether one of these variables is a secret, or a part of it is."""
        return not {path[0] for path in secret_paths(self.scenario.secrets)}.isdisjoint(names)

    def flow(self, flow: Flow) -> Steps:
        return tuple(self._before(close, step) for step, close in zip(flow, _closes(flow, self.closing), strict=True))

    def _before(self, close: str | Literal[False] | None, step: Step) -> StepFunction:
        """Compile a step after which a close of a connection is waited for next, or not."""
        is_choice = step.verb in ("if", "pick")
        run = replace(self, closing=close if is_choice else False).step(step)
        return run if close is False or step.verb in LOOPS else _awaiting(run, close)

    def step(self, step: Step) -> StepFunction:
        run = with_membership(patient(VERBS[step.verb](step, self), step, self), step, self)
        return run if self.tracer is None else _traced(run, step, self.tracer)

    def note_plain_request(self, step: RequestStep) -> None:
        """Remember a request that takes the next message of its connection as its answer, whichever that is."""
        names = self.plain_requests.setdefault(step.request.on, [])
        if step.label not in names:
            names.append(step.label)

    def log(self, probe: str) -> ProbeLog:
        """Where deliveries of a probe are followed."""
        assert self.recorder.probes is not None
        return self.recorder.probes.named(probe)

    # -- user types ---------------------------------------------------------------------------------------------------

    def kind(self, user: UserType) -> UserKind:
        """A user type, whole."""
        keeps = user.is_in_python or any(step.verb == "wait_for" for _, step in walk(user.flow))
        compiler = replace(
            self,
            uses_message=_mentions(user, "message"),
            uses_sent=_mentions(user, "sent"),
            keeps=keeps,
            heals=_heals(user, self.scenario),
            plain_requests={},
        )
        delivering = [
            None if handler.deliver is None else Delivering(handler, handler.deliver, compiler)
            for handler in user.on.message
        ]
        compiler = replace(compiler, deliverings=tuple(each for each in delivering if each is not None))
        connect = None if user.is_whole_session else compiler.step(ConnectStep(name="connect", connect=ConnectBody()))
        return UserKind(
            name=user.name,
            flow=compiler.flow(user.flow),
            connect=connect,
            messages=tuple(
                compiler._message_handler(handler, deliver)
                for handler, deliver in zip(user.on.message, delivering, strict=True)
            ),
            open=compiler._open_handler(user.on.open),
            error=compiler._handler(user.on.error),
            close=compiler._handler(user.on.close),
            heals=compiler.heals,
            deliverings=compiler.deliverings,
            connects=connect is not None or any(step.verb == "connect" for _, step in walk(user.flow)),
            has_calls=any(step.verb == "call" for _, step in walk(user.flow)),
            plain_requests=compiler.plain_requests,
        )

    def _message_handler(self, handler: Any, deliver: Delivering | None) -> MessageHandler:
        waits = _waits(handler.do)
        return MessageHandler(
            steps=replace(self, in_handler=True, at_once=not waits).flow(handler.do),
            waits=waits,
            on=handler.on,
            where=compile_conditions(handler.where) if handler.where else None,
            capture=compile_captures(handler.capture) if handler.capture else None,
            uses_message=self.uses_message,
            deliver=deliver,
        )

    def _open_handler(self, flow: Flow) -> CompiledHandler | None:
        """``connect`` waits for it, so it may wait."""
        return CompiledHandler(replace(self, in_handler=True).flow(flow), waits=True) if flow else None

    def _handler(self, flow: Flow) -> CompiledHandler | None:
        if not flow:
            return None
        waits = _waits(flow)
        return CompiledHandler(replace(self, in_handler=True, at_once=not waits).flow(flow), waits)


def _heals(user: UserType, scenario: Scenario) -> bool:
    if not user.is_whole_session or user.is_in_python:
        return bool(scenario.connection.reconnect)
    connects = (step for _, step in walk(user.flow) if isinstance(step, ConnectStep))
    return any(connecting.policy_of(step, scenario) for step in connects)


def _waits(flow: Flow) -> bool:
    return any(step.verb not in INSTANT for _, step in walk(flow))


def _mentions(user: UserType, name: str) -> bool:
    """Whether some template may look at a special name: every text of the user type is searched for the word."""
    return name in str(user.model_dump(exclude={"name"})).replace(f"'{name}':", "")


def _closes(flow: Flow, after: str | Literal[False] | None) -> list[str | Literal[False] | None]:
    """Return for each step of a flow the connection whose close is awaited by the next step that waits; False: none."""
    found: list[str | Literal[False] | None] = []
    for step in reversed(flow):
        found.append(after)
        if isinstance(step, WaitForStep) and step.wait_for.close is not None:
            after = step.wait_for.on
        elif step.verb not in INSTANT or step.verb in ("if", "pick"):
            after = False
    return found[::-1]


def _awaiting(run: StepFunction, name: str | None) -> StepFunction:
    """Let a close of the connection pass that comes before the step that waits for it."""

    async def awaiting(strand: Strand) -> None:
        strand.awaited_close = (name,)
        try:
            await run(strand)
        except BaseException:
            strand.awaited_close = ()
            raise

    return awaiting


def _traced(run: StepFunction, step: Step, tracer: Tracer) -> StepFunction:
    async def traced(strand: Strand) -> None:
        with tracer.step(step, strand):
            await run(strand)

    return traced


VERBS.update(
    connect=connecting.compile_connect,
    close=connecting.compile_close,
    ping=connecting.compile_ping,
    reconnect=connecting.compile_reconnect,
    drop=disturbing.compile_drop,
    stall=disturbing.compile_stall,
    read_slowly=disturbing.compile_read_slowly,
    send=talking.compile_send,
    publish=publishing.compile_publish,
    request=talking.compile_request,
    http=fetching.compile_http,
    call=calling.compile_call,
    wait_for=waiting.compile_wait_for,
    expect_none=waiting.compile_expect_none,
    think=pacing.compile_think,
    every=pacing.compile_every,
    repeat=pacing.compile_repeat,
    pick=pacing.compile_pick,
    parallel=branching.compile_parallel,
    barrier=gathering.compile_barrier,
    set=noting.compile_set,
    check=noting.compile_check,
    record=noting.compile_record,
    count=noting.compile_count,
    log=noting.compile_log,
)
VERBS["while"] = pacing.compile_while
VERBS["if"] = pacing.compile_if
