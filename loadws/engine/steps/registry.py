"""The table of verbs: each with the function that compiles its step. Only this file imports all steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from loadws.engine.runtime.compiled import CompiledHandler, CompiledHandlers, CompiledMessageHandler, CompiledUser
from loadws.engine.runtime.connection.measuring import CompiledMeasure
from loadws.engine.runtime.delivering import Delivering
from loadws.engine.runtime.flow_control import EndTurn
from loadws.engine.runtime.strand import StepFunction, Strand
from loadws.engine.runtime.tracing import Tracer
from loadws.engine.runtime.user_state import UserTraits
from loadws.engine.steps import (
    barrier,
    by_protocol,
    call,
    connect,
    faults,
    http,
    parallel,
    publish,
    record,
    request,
    schedule,
    wait_for,
)
from loadws.engine.steps.parts.context import StepContext
from loadws.engine.steps.parts.feeding import with_rows
from loadws.engine.steps.parts.membership import with_membership
from loadws.engine.steps.parts.moments import with_measures
from loadws.engine.steps.parts.patience import with_patience
from loadws.scenario.matching.matching import compile_captures
from loadws.scenario.model.field_types import OnFailure
from loadws.scenario.model.model import MessageHandler, Scenario, UserType
from loadws.scenario.model.moments import Measure
from loadws.scenario.model.steps import ConnectBody, ConnectStep, Flow, Step, walk
from loadws.scenario.model.when_used import plain_data

VERBS: dict[str, Callable[[Any, StepContext], StepFunction]] = {
    "connect": connect.compile_connect,
    "reconnect": connect.compile_reconnect,
    "close": connect.compile_close,
    "ping": connect.compile_ping,
    "send": request.compile_send,
    "request": request.compile_request,
    "publish": publish.compile_publish,
    "wait_for": wait_for.compile_wait_for,
    "expect_none": wait_for.compile_expect_none,
    "call_method": by_protocol.compile_call_method,
    "notify": by_protocol.compile_notify,
    "subscribe": by_protocol.compile_subscribe,
    "unsubscribe": by_protocol.compile_unsubscribe,
    "emit": by_protocol.compile_emit,
    "publish_topic": by_protocol.compile_carrying,
    "send_to": by_protocol.compile_carrying,
    "answer_call": by_protocol.compile_answer_call,
    "http": http.compile_http,
    "call": call.compile_call,
    "think": schedule.compile_think,
    "every": schedule.compile_every,
    "repeat": schedule.compile_repeat,
    "while": schedule.compile_while,
    "if": schedule.compile_if,
    "pick": schedule.compile_pick,
    "parallel": parallel.compile_parallel,
    "barrier": barrier.compile_barrier,
    "set": record.compile_set,
    "check": record.compile_check,
    "record": record.compile_record,
    "count": record.compile_count,
    "log": record.compile_log,
    "drop": faults.compile_drop,
    "stall": faults.compile_stall,
    "read_slowly": faults.compile_read_slowly,
}
#: Verbs whose steps wait for nothing but their strand's parker, or say themselves where they need their task.
PARKING = frozenset(
    {
        *("connect", "close", "send", "request", "publish", "wait_for", "expect_none"),
        *("call_method", "notify", "subscribe", "unsubscribe", "emit", "publish_topic", "send_to", "answer_call"),
        *("think", "every", "repeat", "while", "if", "pick", "barrier"),
        *("set", "check", "record", "count", "log"),
    }
)


def compile_step(step: Step, context: StepContext) -> StepFunction:
    """Compile one step, and add what all steps share: their task, patience, membership in audiences, the trace."""
    run = with_rows(with_measures(VERBS[step.verb](step, context), step, context), step, context)
    if step.on_failure is not None and (step.inside is not None or step.on_failure == "continue"):
        run = _failing_as_one(run, step.on_failure)
    if step.verb not in PARKING:
        run = _in_task(run)
    run = with_membership(with_patience(run, step, context), step, context)
    return run if context.tracer is None else _traced(run, step, context.tracer)


def _in_task(run: StepFunction) -> StepFunction:
    """Return a step that may use all of trio, whatever drives its strand."""

    async def in_task(strand: Strand) -> None:
        async with strand.parker.in_task():
            await run(strand)

    return in_task


def _failing_as_one(run: StepFunction, policy: OnFailure) -> StepFunction:
    """Return a step that follows its own ``on_failure`` where a step inside it, or a template of its own that has no
    value, would end the turn.

    The end of a connection ends the turn in which that was opened, and what ends the session ends it, whatever contains
    the step.
    """

    async def as_one(strand: Strand) -> None:
        try:
            await run(strand)
        except EndTurn as error:
            if error.turn is not None:
                raise
            strand.obey(policy)

    return as_one


def _traced(run: StepFunction, step: Step, tracer: Tracer) -> StepFunction:
    async def traced(strand: Strand) -> None:
        with tracer.step(step, strand.user, strand.scope):
            await run(strand)

    return traced


# -- user types -------------------------------------------------------------------------------------------------------


def compile_user(user: UserType, context: StepContext) -> CompiledUser:
    """Compile a user type: its flow and its handlers."""
    context = replace(
        context,
        uses_message=_mentions(user, "message"),
        uses_received_ms=_mentions(user, "received_ms"),
        uses_sent=_mentions(user, "sent") or "sent" in str(context.scenario.measure),
        measures=tuple(_measure(measure, context) for measure in context.scenario.measure),
        keeps=user.is_in_python or any(step.reads_inbox for _, step in walk(user.flow)),
        heals=_heals(user, context.scenario),
        plain_requests={},
    )
    delivering = [_delivering(handler, context) for handler in user.on.message]
    context = replace(context, deliverings=tuple(each for each in delivering if each is not None))
    steps = [step for _, step in walk(user.flow)]
    opening = None if user.is_whole_session else context.step(_opening())
    flow = context.flow(user.flow)
    handlers = CompiledHandlers(
        messages=tuple(
            _message_handler(handler, deliver, context)
            for handler, deliver in zip(user.on.message, delivering, strict=True)
        ),
        open=_open_handler(user.on.open, context),
        error=_handler(user.on.error, context),
        close=_handler(user.on.close, context),
    )
    return CompiledUser(
        name=user.name,
        flow=flow,
        connect=opening,
        handlers=handlers,
        traits=UserTraits(
            context.deliverings,
            context.plain_requests,
            has_calls=any(step.is_opaque for step in steps),
            measures=context.measures,
            type_name=user.name,
        ),
        heals=context.heals,
        connects=opening is not None or any(step.effect() in ("opens", "refused") for step in steps),
    )


def _measure(measure: Measure, context: StepContext) -> CompiledMeasure:
    return CompiledMeasure(measure, context.where(measure.from_.where), context.where(measure.to.where))


def _opening() -> ConnectStep:
    """Return the step that opens a flow's connection where the flow does not. No file wrote it, so nothing is validated."""
    return ConnectStep.model_construct(name="connect", connect=ConnectBody.model_construct())


def _delivering(handler: MessageHandler, context: StepContext) -> Delivering | None:
    if handler.deliver is None:
        return None
    return Delivering(handler, handler.deliver, context.log(handler.deliver.probe), context.shared.timers)


def _message_handler(
    handler: MessageHandler, deliver: Delivering | None, context: StepContext
) -> CompiledMessageHandler:
    waits = _waits(handler.do)
    return CompiledMessageHandler(
        steps=replace(context, in_handler=True, at_once=not waits).flow(handler.do),
        waits=waits,
        on=handler.on,
        where=context.where(handler.where, tells_faults=True),
        capture=compile_captures(handler.capture) if handler.capture else None,
        uses_message=context.uses_message,
        uses_received_ms=context.uses_received_ms,
        deliver=deliver,
    )


def _open_handler(flow: Flow, context: StepContext) -> CompiledHandler | None:
    """Compile an ``open`` handler. It may wait, because ``connect`` waits for it."""
    return CompiledHandler(replace(context, in_handler=True).flow(flow), waits=True) if flow else None


def _handler(flow: Flow, context: StepContext) -> CompiledHandler | None:
    if not flow:
        return None
    waits = _waits(flow)
    return CompiledHandler(replace(context, in_handler=True, at_once=not waits).flow(flow), waits)


def _heals(user: UserType, scenario: Scenario) -> bool:
    if not user.is_whole_session or user.is_in_python:
        return bool(scenario.connection.reconnect)
    connects = (step for _, step in walk(user.flow) if isinstance(step, ConnectStep))
    return any(connect.policy_of(step, scenario) for step in connects)


def _waits(flow: Flow) -> bool:
    return any(step.waits for _, step in walk(flow))


def _mentions(user: UserType, name: str) -> bool:
    """Return whether some template may read a special name: whether any text of the user type contains it.

    Files are not read: a file with templates counts as if it contained the name.
    """
    payloads = (
        payload for where in (user.flow, *user.on.flows()) for _, step in walk(where) for _, payload in step.payloads()
    )
    texts = {key: value for key, value in plain_data(user).items() if key != "name"}
    return any(payload.template for payload in payloads) or name in str(texts).replace(f"'{name}':", "")
