"""Every model that a scenario file is made of."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from loadws.scenario.model.field_types import NotWritten
from loadws.scenario.model.model import Scenario
from loadws.scenario.model.steps import STEPS


def models() -> list[type[BaseModel]]:
    """Each once, outer before inner."""
    found: dict[type[BaseModel], None] = {}
    roots: tuple[type[BaseModel], ...] = (Scenario, *STEPS.values())
    for root in roots:
        _walk(root, found)
    return list(found)


def written_fields(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """Key and field, of those that a file may spell out."""
    for name, field in model.model_fields.items():
        if not any(isinstance(mark, NotWritten) for mark in field.metadata):
            yield field.alias or name, field


def _walk(model: type[BaseModel], found: dict[type[BaseModel], None]) -> None:
    if model in found:
        return
    found[model] = None
    model.model_rebuild()  # its flows could not be known when it was defined
    for field in model.model_fields.values():
        for inner in _models_in(field.annotation):
            _walk(inner, found)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models_in(argument)
