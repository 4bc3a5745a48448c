"""``set``, ``check``, ``record``, ``count`` and ``log``: steps that never wait."""

from __future__ import annotations

import math
from typing import TypeGuard

from loadws.engine.runtime.strand import StepFunction, Strand
from loadws.engine.steps.parts.context import StepContext
from loadws.scenario.model.steps import CheckStep, CountStep, LogStep, RecordStep, SetStep
from loadws.scenario.template.template import compile_template, compile_value
from loadws.scenario.template.values import show
from loadws.terms.metrics import TABLE


def compile_set(step: SetStep, context: StepContext) -> StepFunction:
    """Compile the step, which sets variables."""
    values = [(name, compile_value(value)) for name, value in step.set.items()]
    sets_secrets = context.has_secrets(step.set)

    async def assign(strand: Strand) -> None:
        for name, value in values:
            strand.scope.variables[name] = strand.evaluate(step, value)
        if sets_secrets:
            strand.user.secrets.remember(strand.scope.variables)

    return assign


def compile_check(step: CheckStep, context: StepContext) -> StepFunction:
    """Compile the step, which counts whether an expression is true."""
    that = compile_template(step.check.that)
    text = step.check.that
    recorder, now_ns = context.recorder, context.now_ns

    async def check(strand: Strand) -> None:
        at_ns = now_ns()
        holds = bool(strand.evaluate(step, that))
        recorder.outcome("check", step.label, at_ns, failed=not holds)
        if not holds:
            strand.fail(step, "check", f"{text} is not true", default="continue")

    return check


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a value may be recorded in a trend: a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def compile_record(step: RecordStep, context: StepContext) -> StepFunction:
    """Compile the step, which records a value of a trend."""
    body = step.record
    value = compile_value(body.value)
    ns_per_unit, unit = body.ns_per_unit or 1, body.metric_unit
    recorder, now_ns = context.recorder, context.now_ns

    async def record(strand: Strand) -> None:
        measured = strand.evaluate(step, value)
        if not is_number(measured):
            strand.fail(step, "record", f"{show(measured)} is no number", default="continue")
            return
        recorder.trend(body.name, step.label, unit, measured * ns_per_unit, now_ns())

    return record


def compile_count(step: CountStep, context: StepContext) -> StepFunction:
    """Compile the step, which adds one to a counter."""
    name = compile_template(step.count)
    recorder, now_ns = context.recorder, context.now_ns

    async def count(strand: Strand) -> None:
        counted = strand.evaluate(step, name.text)
        if counted in TABLE:  # a template can say that; a constant was refused
            strand.fail(step, "count", f"{counted!r} is a metric of loadws itself", default="continue")
            return
        if not name.constant:
            counted = strand.user.masked_name(counted)
        recorder.count(counted, now_ns())

    return count


def compile_log(step: LogStep, context: StepContext) -> StepFunction:
    """Compile the step, which writes a line to the run's log."""
    text = compile_template(step.log)
    recorder, tracer, now_ns = context.recorder, context.tracer, context.now_ns

    async def log(strand: Strand) -> None:
        user = strand.user
        said = strand.evaluate(step, text.text)
        recorder.log(user.index, said, now_ns(), user.masker)
        if tracer is not None:
            tracer.note(user, said)

    return log
