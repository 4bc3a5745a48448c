"""What a scenario asks for that not every transport can do, and where it asks for it.

A feature is called by the key or the verb that asks for it. Which transport lacks which is in ``transport.choose.CANNOT``;
the two meet before anything has run, in ``checks.transport``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel

from loadws.scenario.model.connection import ConnectionOptions
from loadws.scenario.model.model import Scenario
from loadws.scenario.model.step_names import walk_steps
from loadws.scenario.model.steps import AnyStep, ConnectStep, Payload, PublishStep, RequestStep, SendStep
from loadws.scenario.yaml.explain import Where

#: Keys of ``connection`` and of ``connect``: asked for where their value is neither false nor empty.
OPTIONS = ("compression",)
#: Keys of ``connection.tls``, likewise.
TLS_OPTIONS: tuple[str, ...] = ()
#: Steps that are features themselves.
VERBS: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Feature:
    """``where`` leads to the value in the file that asks for it."""

    name: str
    where: Where


def features_of(scenario: Scenario) -> Iterator[Feature]:
    """Each use of each feature, in the order of the scenario."""
    yield from _of_connection(scenario.connection)
    for where, step in walk_steps(scenario):
        yield from _of_step(step, where)


def keeps_windows(scenario: Scenario) -> bool:
    """Whether some connection may compress with context takeover."""
    connects = [step.connect.compression for _, step in walk_steps(scenario) if isinstance(step, ConnectStep)]
    asked = [scenario.connection.compression, *connects]
    return any(compression.context_takeover for compression in asked if compression)


def _of_connection(options: ConnectionOptions) -> Iterator[Feature]:
    yield from _asked(options, OPTIONS, ("connection",))
    yield from _asked(options.tls, TLS_OPTIONS, ("connection", "tls"))


def _of_step(step: AnyStep, where: Where) -> Iterator[Feature]:
    if step.verb in VERBS:
        yield Feature(step.verb, (*where, step.verb))
    if isinstance(step, ConnectStep):
        yield from _asked(step.connect, OPTIONS, (*where, "connect"))
    elif isinstance(step, SendStep):
        yield from _of_payload(step.send, (*where, "send"))
    elif isinstance(step, RequestStep):
        yield from _of_payload(step.request.send, (*where, "request", "send"))
    elif isinstance(step, PublishStep):
        yield from _of_payload(step.publish.send, (*where, "publish", "send"))


def _of_payload(payload: Payload, where: Where) -> Iterator[Feature]:
    if payload.fragments > 1:
        yield Feature("fragments", (*where, "fragments"))


def _asked(part: BaseModel, keys: tuple[str, ...], where: Where) -> Iterator[Feature]:
    for key in keys:
        if getattr(part, key, None):
            yield Feature(key, (*where, key))
