"""What every step has, and what stands behind a verb."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, ClassVar, Self

from pydantic import Field

from loadws.scenario.model.field_types import Name, OnFailure, Strict
from loadws.scenario.yaml.explain import Where


class Step(Strict):
    """What every step has: a name for the report, and what to do when it fails (see Failure in the language)."""

    verb: ClassVar[str]
    name: Annotated[Name | None, Field(description="What reports call the step; else its text or verb-N.")] = None
    on_failure: Annotated[
        OnFailure | None,
        Field(description="What a failure ends: nothing, the turn, or the session; by kind, unless said."),
    ] = None

    @property
    def label(self) -> str:
        """The name the report uses. build.py gives every step one, so that it is never empty there."""
        return self.name or self.verb

    def children(self) -> Iterator[tuple[Where, tuple[Step, ...]]]:
        """The flows inside this one, each with the path that leads to it."""
        return iter(())

    def with_flows(self, change: Callable[[tuple[Step, ...]], tuple[Step, ...]]) -> Self:
        """This step, with each flow inside it changed; the order is that of ``children``."""
        return self


class Body(Strict):
    """The mapping behind a verb; its name and on_failure count as the step's."""

    name: Annotated[Name | None, Field(description="The step's name, written here instead of beside the verb.")] = None
    on_failure: Annotated[
        OnFailure | None, Field(description="The step's on_failure, written here instead of beside the verb.")
    ] = None


class OnConnection(Body):
    """A body whose step speaks or listens on the connection that ``on`` names, else on the one without a name."""

    on: Annotated[Name | None, Field(description="The connection, by the name that connect gave it: as.")] = None
