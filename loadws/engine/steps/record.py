"""``set``, ``check``, ``record``, ``count`` and ``log``: steps that wait for nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeGuard

from loadws.engine.runtime.shared import StepFunction
from loadws.engine.runtime.strand import Strand
from loadws.scenario.model.steps import CheckStep, CountStep, LogStep, RecordStep, SetStep
from loadws.scenario.template.template import compile_template, compile_value
from loadws.scenario.template.values import show
from loadws.terms.metrics import TABLE

if TYPE_CHECKING:
    from loadws.engine.steps.registry import Compiler


def compile_set(step: SetStep, compiler: Compiler) -> StepFunction:
    values = [(name, compile_value(value)) for name, value in step.set.items()]
    sets_secrets = compiler.has_secrets(step.set)

    async def assign(strand: Strand) -> None:
        for name, value in values:
            strand.scope.variables[name] = strand.evaluate(step, value)
        if sets_secrets:
            strand.user.secrets.remember(strand.scope.variables)

    return assign


def compile_check(step: CheckStep, compiler: Compiler) -> StepFunction:
    that = compile_template(step.check.that)
    text = step.check.that
    recorder = compiler.recorder

    async def check(strand: Strand) -> None:
        now_ns = strand.user.run.timers.now_ns()
        holds = bool(strand.evaluate(step, that))
        recorder.outcome("check", step.label, now_ns, failed=not holds)
        if not holds:
            strand.fail(step, "check", f"{text} is not true", default="continue")

    return check


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether it can be a trend's value."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def compile_record(step: RecordStep, compiler: Compiler) -> StepFunction:
    body = step.record
    value = compile_value(body.value)
    ns_per_unit, unit = body.ns_per_unit or 1, body.metric_unit
    recorder = compiler.recorder

    async def record(strand: Strand) -> None:
        measured = strand.evaluate(step, value)
        if not is_number(measured):
            strand.fail(step, "record", f"{show(measured)} is no number", default="continue")
            return
        now_ns = strand.user.run.timers.now_ns()
        recorder.trend(body.name, step.label, unit, measured * ns_per_unit, now_ns)

    return record


def compile_count(step: CountStep, compiler: Compiler) -> StepFunction:
    name = compile_template(step.count)
    recorder = compiler.recorder

    async def count(strand: Strand) -> None:
        counted = strand.evaluate(step, name.text)
        if counted in TABLE:  # a template can say that; a constant was refused
            strand.fail(step, "count", f"{counted!r} is a metric of loadws itself", default="continue")
            return
        if not name.constant:
            counted = strand.user.masked_name(counted)
        recorder.count(counted, strand.user.run.timers.now_ns())

    return count


def compile_log(step: LogStep, compiler: Compiler) -> StepFunction:
    text = compile_template(step.log)
    recorder = compiler.recorder

    async def log(strand: Strand) -> None:
        user = strand.user
        said = strand.evaluate(step, text.text)
        recorder.log(user.index, said, user.run.timers.now_ns(), user.masker)
        if user.run.tracer is not None:
            user.run.tracer.note(said)

    return log
