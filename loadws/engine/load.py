"""One process's load from beginning to end: its users, frames and health. Shares of a fleet and tests run this.

The order matters at the end: users first, then the connector (which ends the connections that are still open, so that
they are counted), then the last frame.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import trio

from loadws.engine.coordination import Alone, Together
from loadws.engine.health import Collector, Watch
from loadws.engine.lifecycle import Lifecycle
from loadws.engine.runtime.barriers import Barriers
from loadws.engine.runtime.facts import RunFacts
from loadws.engine.runtime.parker import Parker
from loadws.engine.runtime.protocol.dialect import dialect_of
from loadws.engine.runtime.secrecy import RunSecrets, run_secrets
from loadws.engine.runtime.shared import Shared
from loadws.engine.runtime.tracing import Tracer
from loadws.engine.sliced import in_slices
from loadws.engine.steps.connect import network_of
from loadws.engine.steps.parts.context import StepContext
from loadws.engine.steps.parts.tls_contexts import Contexts, is_shared, shared_context
from loadws.engine.steps.registry import compile_step, compile_user
from loadws.engine.users.executor import Executor
from loadws.metrics.frame import Frame
from loadws.metrics.recording.probes import ProbeSpec
from loadws.metrics.recording.recorder import Recorder
from loadws.metrics.runinfo import Ending
from loadws.plan.plan import Plan
from loadws.scenario.data.supply import open_supplies
from loadws.scenario.model.model import Scenario
from loadws.scenario.model.probes import probes_of
from loadws.scenario.model.step_names import walk_around, walk_steps
from loadws.scenario.template.template import compile_value
from loadws.terms.units import NS_PER_S
from loadws.transport.base import Connector, Timers, Transport
from loadws.transport.clock.timers import open_timers
from loadws.transport.http.client import HttpClients
from loadws.transport.http.wire import NetworkDial
from loadws.transport.net.stamps import ReadLags
from loadws.transport.platform import keep_freed_memory

#: Receives a frame. It may work in slices, between which the load goes on.
Deliver = Callable[[Frame], Awaitable[None]]


class Load(msgspec.Struct, frozen=True):
    """One process's part of the plan, over a transport.

    ``read_lags`` is where the transport puts the lags of its stamps; None where it measures none. ``http`` makes the
    users' HTTP clients; where it is None, ``run_load`` makes it if a step needs it.
    """

    facts: RunFacts
    plan: Plan
    transport: Transport
    read_lags: ReadLags | None = None
    together: Together = msgspec.field(default_factory=Alone)
    http: HttpClients | None = None


async def run_load(load: Load, deliver: Deliver, lifecycle: Lifecycle) -> Ending:
    """Run the load to the end of its plan, or until it is stopped. ``deliver`` receives one frame per second, and the
    last one.
    """
    keep_freed_memory()
    phases = [(phase.name, phase.warmup) for phase in load.plan.phases]
    secrets = run_secrets(load.facts.scenario, load.facts.masker, load.facts.setup_values)
    recorder = Recorder(phases, process=load.plan.number, masker=secrets.masker)
    recorder.ledger.arrivals.expected = load.plan.expected_arrivals if load.plan.number == 0 else 0
    async with open_timers() as timers:
        watch = Watch(timers)
        async with load.transport.open(timers, recorder.ledger.bytes) as connector:
            executor = _executor(load, timers, connector, recorder, lifecycle, secrets)
            with Collector(watch) as collector:
                start_ns = await load.together.begin(timers)
                watch.begin()
                recorder.begin(start_ns)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(watch.look, collector.collect_young)
                    nursery.start_soon(_deliver_frames, load, recorder, timers, start_ns, watch, deliver)
                    await executor.execute(start_ns)
                    nursery.cancel_scope.cancel()
        ended_ns = max(timers.now_ns(), start_ns)  # it may be ended before the moment at which it was to begin
        _fetch_read_lags(load, recorder)
        health = watch.take()
        await deliver(await in_slices(recorder.rotate(ended_ns, health, last=True, stalls=_stalls(load, watch))))
    return Ending(
        ended_at_s=(ended_ns - start_ns) / NS_PER_S,
        interrupted=lifecycle.reason,
        aborted_by=lifecycle.rule,
        gave_up=lifecycle.gave_up,
        phases=tuple(executor.phases),
    )


def _executor(
    load: Load,
    timers: Timers,
    connector: Connector,
    recorder: Recorder,
    lifecycle: Lifecycle,
    secrets: RunSecrets,
) -> Executor:
    facts, scenario = load.facts, load.facts.scenario
    tracer = (
        None
        if facts.say is None
        else Tracer(facts.say, timers.now_ns, secrets, [each.name for each in scenario.user_types])
    )
    variables = {name: compile_value(value) for name, value in scenario.variables.items()}
    read = {name for compiled in variables.values() for name in compiled.names}
    shared = Shared(
        facts=facts,
        timers=timers,
        connector=connector,
        recorder=recorder,
        variables=variables,
        supplies=open_supplies(scenario.data, facts.base, facts.seed, load.plan.own, read),
        secrets=secrets,
        tracer=tracer,
        http=load.http or http_clients(scenario, facts.base, timers),
        barriers=Barriers(load.plan.own),
    )
    probes = [ProbeSpec(probe.name, probe.within_ns) for probe in probes_of(scenario)]
    recorder.watch_probes(probes, facts.nonce, facts.machines)
    context = StepContext(shared, Contexts(facts.base), compile_step, dialect_of(facts.scenario, facts.base))
    users = [compile_user(user_type, context) for user_type in scenario.user_types]
    return Executor(load.plan, shared, users, lifecycle, load.together)


def http_clients(scenario: Scenario, base: Path, timers: Timers) -> HttpClients | None:
    """Return what makes users' HTTP clients, before the load begins; None where no step asks over HTTP."""
    steps = (step for _, step in (*walk_steps(scenario), *walk_around(scenario)))
    if not any(step.uses_http or step.is_opaque for step in steps):
        return None
    tls = scenario.connection.tls
    presents_certificate = tls.certificate is not None and is_shared(tls)
    dial = NetworkDial(
        timers,
        shared_context(tls, base),
        network_of(scenario.connection),
        presents_certificate=presents_certificate,
    )
    return HttpClients(dial, presents_certificate=presents_certificate)


def _fetch_read_lags(load: Load, recorder: Recorder) -> None:
    if load.read_lags is not None:
        recorder.read_lags(load.read_lags.take())


def _stalls(load: Load, watch: Watch) -> list[tuple[int, int]]:
    """Return the stalls that may be part of the stamps of answers: none where the kernel stamps them."""
    return [] if load.read_lags is not None else watch.stalls


async def _deliver_frames(
    load: Load,
    recorder: Recorder,
    timers: Timers,
    start_ns: int,
    watch: Watch,
    deliver: Deliver,
) -> None:
    """Deliver one frame per second, in slices between which the load goes on."""
    parker = Parker(timers)
    next_ns = start_ns + NS_PER_S
    while True:
        await parker.wait(next_ns)
        now_ns = timers.now_ns()
        _fetch_read_lags(load, recorder)
        health = watch.take()
        rotation = recorder.rotate(now_ns, health, stalls=_stalls(load, watch))
        with trio.CancelScope(shield=True):  # a frame that was begun is delivered: its data is in no other
            await deliver(await in_slices(rotation))
        while next_ns <= now_ns:
            next_ns += NS_PER_S
