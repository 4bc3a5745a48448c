"""The probes of a scenario: the steps that publish under a name, and the handlers that deliver it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from loadws.scenario.model.field_types import TEN_SECONDS
from loadws.scenario.model.model import Deliver, Scenario, UserType
from loadws.scenario.model.step_names import walk_steps, walk_user_types
from loadws.scenario.model.steps import PublishStep
from loadws.scenario.yaml.explain import Where


class PublishedProbe(msgspec.Struct, frozen=True):
    """A probe. ``within_ns`` is the time within which its deliveries count."""

    name: str
    within_ns: int


def publishes(scenario: Scenario) -> Iterator[tuple[Where, PublishStep]]:
    for where, step in walk_steps(scenario):
        if isinstance(step, PublishStep):
            yield (*where, "publish"), step


def delivers(scenario: Scenario) -> Iterator[tuple[Where, Deliver, UserType]]:
    for place, user_type in walk_user_types(scenario):
        for index, handler in enumerate(user_type.on.message):
            if handler.deliver is not None:
                yield (*place, "on", "message", index, "deliver"), handler.deliver, user_type


def probes_of(scenario: Scenario) -> tuple[PublishedProbe, ...]:
    """Return the probes in the order of their first publish, which is the same in every process; unpublished ones last."""
    names = [step.publish.probe for _, step in publishes(scenario)]
    within_ns = {deliver.probe: deliver.within for _, deliver, _ in delivers(scenario)}
    return tuple(PublishedProbe(name, within_ns.get(name, TEN_SECONDS)) for name in dict.fromkeys([*names, *within_ns]))
