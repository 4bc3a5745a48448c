"""The features of a scenario that not every transport has, and the places that ask for them.

A feature is called by the key that asks for it. Which transport lacks which is in ``terms.transports``;
the two meet before anything has run, in ``checks.transport``.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from pydantic import BaseModel

from loadws.scenario.model.model import Scenario
from loadws.scenario.model.step_names import walk_steps
from loadws.scenario.model.steps import AnyStep, ConnectStep
from loadws.scenario.yaml.explain import Where

#: Keys of ``connection`` and of ``connect``: asked for where their value is neither false nor empty.
OPTIONS = ("compression",)


class Feature(msgspec.Struct, frozen=True):
    """A use of a feature. ``where`` leads to the value in the file that asks for it."""

    name: str
    where: Where


def features_of(scenario: Scenario) -> Iterator[Feature]:
    """Yield each use of each feature, in the order of the scenario."""
    yield from _asked(scenario.connection, ("connection",))
    for where, step in walk_steps(scenario):
        yield from _of_step(step, where)


def keeps_windows(scenario: Scenario) -> bool:
    """Return whether some connection may compress with context takeover."""
    connects = [step.connect.compression for _, step in walk_steps(scenario) if isinstance(step, ConnectStep)]
    asked = [scenario.connection.compression, *connects]
    return any(compression.context_takeover for compression in asked if compression)


def _of_step(step: AnyStep, where: Where) -> Iterator[Feature]:
    if isinstance(step, ConnectStep):
        yield from _asked(step.connect, (*where, "connect"))
    for place, payload in step.payloads():
        if payload.fragments > 1:
            yield Feature("fragments", (*where, *place, "fragments"))


def _asked(part: BaseModel, where: Where) -> Iterator[Feature]:
    for key in OPTIONS:
        if getattr(part, key, None):
            yield Feature(key, (*where, key))
