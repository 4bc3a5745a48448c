"""The keys of the language, as the models have them: which a mapping may have, and which mapping a key belongs to."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from loadws.scenario.model.field_types import NotWritten
from loadws.scenario.model.steps import Step
from loadws.scenario.model.unpacking import MayUnpack

#: How deep below a mapping the place of a key that stands in it is looked for.
_DEEPEST = 2


def models_in(annotation: Any) -> Iterable[type[BaseModel]]:
    """Yield the models that a value of this type may be."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    if isinstance(annotation, MayUnpack):
        yield annotation.keys
    for argument in typing.get_args(annotation):
        yield from models_in(argument)


def fields_of(owner: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """Yield the keys that a file may write in this model's mapping, each with its field."""
    for name, field in owner.model_fields.items():
        if not any(mark is NotWritten or isinstance(mark, NotWritten) for mark in field.metadata):
            yield field.alias or name, field


def keys_of(owner: type[BaseModel]) -> list[str]:
    """Return the keys that a file may write in this model's mapping."""
    return [key for key, _ in fields_of(owner)]


def model_below(owner: type[BaseModel], part: str | int) -> type[BaseModel] | None:
    """Return the model behind a key; None where there is none, or more than one."""
    for name, field in owner.model_fields.items():
        if part == (field.alias or name):
            models = list(models_in(field.annotation))
            return models[0] if len(models) == 1 else None
    return None


def body_of_verb(owner: type[BaseModel]) -> type[BaseModel] | None:
    """Return the model of what stands behind a step's verb; None where that is no mapping of its own, or no step."""
    return model_below(owner, owner.verb) if issubclass(owner, Step) else None


def place_below(owner: type[BaseModel], key: str) -> tuple[str, ...]:
    """Return the keys that lead from a mapping to the nearest one inside it that may have this key; nothing for none."""
    ways: list[tuple[tuple[str, ...], type[BaseModel]]] = [((), owner)]
    for _ in range(_DEEPEST):
        ways = [((*way, inner), model) for way, outer in ways for inner, model in _below(outer)]
        for way, model in ways:
            if key in keys_of(model):
                return way
    return ()


def _below(owner: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    for key, _ in fields_of(owner):
        model = model_below(owner, key)
        if model is not None:
            yield key, model
