"""Rows of data that steps take: those of ``next: turn`` and ``next: use``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from loadws.engine.runtime.strand import StepFunction, Strand
from loadws.engine.steps.parts.context import StepContext
from loadws.scenario.model.steps import ConnectStep, Step
from loadws.scenario.model.when_used import plain_data
from loadws.scenario.named_files import template_of
from loadws.scenario.template.expression import TemplateError
from loadws.scenario.template.template import compile_template


def with_rows(run: StepFunction, step: Step, context: StepContext) -> StepFunction:
    """Return a step that first takes the next row of each data source that it reads, where a new row is due."""
    supplies = context.shared.supplies.by_step
    if not supplies:
        return run
    names = None if step.is_opaque else frozenset(_names_in(step, context))
    read = tuple(supply for supply in supplies if names is None or supply.name in names)
    if not read:
        return run

    async def fed(strand: Strand) -> None:
        scope = strand.scope
        for supply in read:
            stale = scope.stale_rows
            if supply.next == "use" or supply.name not in scope.variables or (stale and supply.name in stale):
                strand.take_row(supply)
                strand.user.secrets.remember(scope.variables)
        await run(strand)

    return fed


def _names_in(step: Step, context: StepContext) -> Iterator[str]:
    """Yield the names that the templates of a step read, without those of the flows inside it."""
    inside = {field for path, _ in step.children() for field in (f"{path[0]}", f"{path[0]}_")}
    texts = [*_texts({key: value for key, value in plain_data(step).items() if key not in inside})]
    texts += (text for _, payload in step.payloads() if (text := template_of(payload, context.base)) is not None)
    if isinstance(step, ConnectStep):
        texts += _texts(plain_data(context.scenario.connection))
    for text in texts:
        if "{{" in text:
            try:
                yield from compile_template(text).names
            except TemplateError:  # a text that is no template, as a regular expression
                continue


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(key)
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
