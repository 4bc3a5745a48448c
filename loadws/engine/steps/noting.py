"""``set``, ``check``, ``record``, ``count`` and ``log``: steps that wait for nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeGuard

from loadws.engine.run import StepFunction
from loadws.engine.strand import Strand
from loadws.scenario.steps import CheckStep, CountStep, LogStep, RecordStep, SetStep
from loadws.scenario.template import compile_template, compile_value
from loadws.terms.metrics import TABLE

if TYPE_CHECKING:
    from loadws.engine.steps.compiler import Compiler

MASK = "***"


def compile_set(step: SetStep, compiler: Compiler) -> StepFunction:
    values = [(name, compile_value(value)) for name, value in step.set.items()]

    async def assign(strand: Strand) -> None:
        for name, value in values:
            strand.scope.variables[name] = strand.evaluate(step, value)

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
            strand.fail(step, "record", f"{measured!r:.100} is no number", default="continue")
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
        recorder.count(counted, strand.user.run.timers.now_ns())

    return count


def mask_values(text: str, variables: Mapping[str, Any], secrets: Iterable[str]) -> str:
    """A text that no template made, without the values of secret variables; of rows and lists, without those in them."""
    values = {str(value) for name in secrets for value in _values_in(variables.get(name))}
    for value in sorted(values, key=len, reverse=True):  # one may be the beginning of another
        text = text.replace(value, MASK)
    return text


def _values_in(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for each in value:
            yield from _values_in(each)
    elif value is not None and value != "" and not isinstance(value, bool):
        yield value


def compile_log(step: LogStep, compiler: Compiler) -> StepFunction:
    text = compile_template(step.log)
    recorder = compiler.recorder
    secrets = compiler.scenario.secrets

    async def log(strand: Strand) -> None:
        """Secrets are masked where they are looked up, so that no way of writing them gets around it."""
        user = strand.user
        scope = strand.scope
        if secrets:
            scope = scope.fork()
            scope.variables.update((name, MASK) for name in secrets if name in scope.variables)
        said = strand.evaluate(step, lambda _: text.text(scope))
        recorder.log(user.index, said, user.run.timers.now_ns())
        if user.run.tracer is not None:
            user.run.tracer.note(said)

    return log
