"""A flow that runs once, outside of the load: ``setup`` and ``teardown``.

It runs as a user's flow does, but without a WebSocket and without rows of data, and its measurements are not judged. It
has those of the scenario's variables that need no row. Its user number is one that no user has, so that ``id()`` and
random values differ from those of all users.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
import trio

from loadws.engine.load import http_clients
from loadws.engine.runtime.compiled import CompiledUser
from loadws.engine.runtime.facts import RunFacts
from loadws.engine.runtime.flow_control import FlowInterrupted
from loadws.engine.runtime.secrecy import RunSecrets, run_secrets
from loadws.engine.runtime.shared import Shared
from loadws.engine.runtime.strand import Steps, run_flow
from loadws.engine.runtime.tracing import Tracer
from loadws.engine.sliced import in_slices
from loadws.engine.steps.parts.context import StepContext
from loadws.engine.steps.parts.tls_contexts import Contexts
from loadws.engine.steps.registry import compile_step
from loadws.engine.users.user import VirtualUser
from loadws.metrics.frame import Frame, Health
from loadws.metrics.recording.recorder import Recorder
from loadws.scenario.data.supply import Supplies
from loadws.scenario.model.steps import Flow
from loadws.scenario.template.template import EvaluationError, compile_value
from loadws.transport.base import ConnectFailed, Connection, ConnectRequest, Listener, Opening, Timers
from loadws.transport.clock.timers import open_timers
from loadws.transport.cookies import Jar

if TYPE_CHECKING:
    from loadws.transport.http.client import HttpClients

#: The last numbers that ``id()`` has room for; no load has so many users.
SETUP_NUMBER, TEARDOWN_NUMBER = 2**25 - 1, 2**25 - 2


class Once(msgspec.Struct, frozen=True):
    """The flow to run. ``strict``: the first failure ends it, unless the step says otherwise; else the flow goes on
    after failures.

    ``within_s`` is the time for the whole flow. ``http`` makes its HTTP clients; where it is None, it is made if a step
    needs it.
    """

    facts: RunFacts
    name: str
    number: int
    flow: Flow
    strict: bool
    within_s: float
    http: HttpClients | None = None


class Done(msgspec.Struct, frozen=True):
    """The result. ``frame`` has its log lines and failures; ``is_whole``: it ran to its end."""

    frame: Frame
    is_whole: bool

    @property
    def problems(self) -> list[str]:
        return [f"{error.step}: {error.detail}" for error in self.frame.errors]

    @property
    def logs(self) -> list[str]:
        return [line.text for line in self.frame.logs]


async def run_once(once: Once, variables: dict[str, Any]) -> Done:
    """Run the flow with these variables, and update them with those it sets, also where it ends midway."""
    async with open_timers() as timers:
        secrets = run_secrets(once.facts.scenario, once.facts.masker, variables)
        recorder = Recorder([(once.name, True)], masker=secrets.masker)
        recorder.begin(timers.now_ns())
        user, steps = _user(once, timers, recorder, secrets)
        scope = user.main.scope
        for name, value in once.facts.scenario.variables.items():
            with suppress(EvaluationError):  # it needs a row of data, or what needs one
                scope.variables[name] = compile_value(value)(scope)
        scope.variables.update(variables)
        before = dict(scope.variables)
        try:
            is_whole = await _run(once, user, steps)
        finally:
            variables.update((n, v) for n, v in scope.variables.items() if n not in before or before[n] is not v)
        return Done(await in_slices(recorder.rotate(timers.now_ns(), Health(), last=True)), is_whole)


def _user(once: Once, timers: Timers, recorder: Recorder, secrets: RunSecrets) -> tuple[VirtualUser, Steps]:
    facts = once.facts
    tracer = None if facts.say is None else Tracer(facts.say, timers.now_ns, secrets)
    shared = Shared(
        facts=facts,
        timers=timers,
        connector=_Nowhere(),
        recorder=recorder,
        variables={},
        supplies=Supplies(),
        secrets=secrets,
        tracer=tracer,
        http=once.http or http_clients(facts.scenario, facts.base, timers),
    )
    flow = _strict(once.flow) if once.strict else _lenient(once.flow)
    steps = StepContext(shared, Contexts(facts.base), compile_step).flow(flow)
    user = VirtualUser(shared, CompiledUser(once.name, steps), once.number, is_held=False)
    user.main.free_ns = timers.now_ns()
    return user, steps


async def _run(once: Once, user: VirtualUser, steps: Steps) -> bool:
    """Run the flow, and return whether it reached its end."""
    try:
        with trio.move_on_after(once.within_s):
            await run_flow(steps, user.main)
            return True
        user.state.report("timeout", once.name, f"it was not done within {once.within_s:g} s")
        return False
    except FlowInterrupted:
        return False
    finally:
        user.state.close_http()
        user.let_go()


def _strict(flow: Flow) -> Flow:
    return tuple(
        step.model_copy(update={"on_failure": step.on_failure or "end_session"}).with_flows(_strict) for step in flow
    )


def _lenient(flow: Flow) -> Flow:
    return tuple(
        step.model_copy(update={"on_failure": step.on_failure or "continue"}).with_flows(_lenient) for step in flow
    )


class _Nowhere:
    """A stand-in for the transport, which opens nothing."""

    def begin(
        self, request: ConnectRequest, listener: Listener, jar: Jar | None, wake: Callable[[], None]
    ) -> Opening | None:
        """Return None: ``connect`` says why there is no connection."""

    async def connect(self, request: ConnectRequest, listener: Listener, jar: Jar | None = None) -> Connection:
        raise ConnectFailed("upgrade", "request", "setup and teardown have no WebSocket")
