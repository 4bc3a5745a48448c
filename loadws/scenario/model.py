"""The frozen Scenario: what a scenario file may say, and all that the engine gets to know of it.

These models are read twice: pydantic validates the file's tree against them, and the JSON Schema for editors is made from
them. ``fields``, ``steps`` and ``connection`` hold the parts.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    JsonValue,
    model_validator,
)

from loadws.scenario.connection import ConnectionOptions
from loadws.scenario.fields import (
    TEN_SECONDS,
    Captures,
    Conditions,
    Duration,
    Identifier,
    Many,
    Name,
    Rate,
    Span,
    Strict,
)
from loadws.scenario.steps import ConnectStep, Flow

# -- users ------------------------------------------------------------------------------------------------------------


class MessageHandler(Strict):
    """Claims the messages that match ``where`` (all, without one) and runs its steps for each."""

    on: Annotated[Name | None, Field(description="Only messages of the connection of this name.")] = None
    where: Conditions | None = None
    capture: Captures | None = None
    do: Flow = ()


class Handlers(Strict):
    """What happens while any step runs, by the events of the browser's WebSocket."""

    open: Flow = ()
    message: Many[MessageHandler] = ()
    error: Flow = ()
    close: Flow = ()


class UserType(Strict):
    """One kind of user: its share of all (``weight``), what it does, and what it listens for."""

    name: Name = "user"
    weight: Annotated[float, Field(gt=0)] = 1.0
    flow: Annotated[Flow, Field(min_length=1)]
    on: Handlers = Handlers()

    @property
    def is_whole_session(self) -> bool:
        """A flow with ``connect`` at its top level runs from before its connection to its close; see the flow rule."""
        return any(isinstance(step, ConnectStep) for step in self.flow)


# -- load -------------------------------------------------------------------------------------------------------------


class UserRamp(Strict):
    """How many users are held. Without ``from``, from where the phase before ended."""

    from_: Annotated[int, Field(ge=0)] | None = Field(default=None, alias="from")
    to: Annotated[int, Field(ge=0)]


class RateRamp(Strict):
    """How many users arrive. Without ``from``, from where the phase before ended."""

    from_: Rate | None = Field(default=None, alias="from")
    to: Rate


def _constant(value: Any) -> Any:
    return {"from": value, "to": value} if isinstance(value, int | str) and not isinstance(value, bool) else value


class Phase(Strict):
    """A stretch of the load: users held, users arriving, or both."""

    name: Name | None = None
    users: Annotated[UserRamp, BeforeValidator(_constant, json_schema_input_type=int | UserRamp)] | None = None
    arrivals: Annotated[RateRamp, BeforeValidator(_constant, json_schema_input_type=str | RateRamp)] | None = None
    for_: Span | None = Field(default=None, alias="for")
    iterations: Annotated[int, Field(ge=1)] | None = None
    max_users: Annotated[int, Field(ge=1)] | None = None
    spacing: Literal["poisson", "uniform"] = "poisson"
    warmup: bool = False

    @model_validator(mode="after")
    def _ends(self) -> Phase:
        if self.for_ is None and self.iterations is None:
            raise ValueError("a phase needs an end: for, or iterations")
        if self.users is None and self.arrivals is None:
            raise ValueError("a phase needs users, or arrivals")
        if self.arrivals is not None and self.for_ is None:
            raise ValueError("a phase with arrivals needs a time: for")
        return self


# -- the whole --------------------------------------------------------------------------------------------------------


class DataSource(Strict):
    """Rows for users: a CSV file with a header line, or JSON lines."""

    file: str
    order: Literal["sequential", "random", "unique"] = "sequential"
    when_exhausted: Literal["repeat", "stop"] = "repeat"


class ThresholdRule(Strict):
    """A rule, and whether breaking it ends the run. ``after``: how long into the judged time it is first looked at."""

    rule: str
    abort: bool = False
    after: Duration = 0


def _rule(value: Any) -> Any:
    return {"rule": value} if isinstance(value, str) else value


class Scenario(Strict):
    """A scenario file. ``flow`` (with ``on``) at the top is short for one user type; ``user_types`` is what was meant."""

    version: Literal[1] = 1
    name: Name | None = None
    target: str
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] | None = None
    graceful_stop: Duration = TEN_SECONDS
    variables: dict[Identifier, JsonValue] = {}
    secrets: Many[str] = ()
    data: dict[Identifier, DataSource] = {}
    connection: ConnectionOptions = ConnectionOptions()
    setup: Annotated[
        Flow, Field(description="Steps that are run once, before the load; what they set is everyone's.")
    ] = ()
    teardown: Annotated[Flow, Field(description="Steps that are run once, after the load, however it ended.")] = ()
    load: Annotated[Many[Phase], Field(min_length=1)]
    flow: Annotated[Flow, Field(min_length=1)] | None = None
    on: Handlers | None = None
    users: Annotated[Many[UserType], Field(min_length=1)] | None = None
    thresholds: Many[Annotated[ThresholdRule, BeforeValidator(_rule, json_schema_input_type=str | ThresholdRule)]] = ()

    @model_validator(mode="after")
    def _flow_or_users(self) -> Scenario:
        if (self.flow is None) == (self.users is None):
            raise ValueError("a scenario has either users, or flow (short for one user type)")
        if self.on is not None and self.flow is None:
            raise ValueError("on stands beside flow; with users, each user type has an on of its own")
        return self

    @property
    def user_types(self) -> tuple[UserType, ...]:
        if self.users is not None:
            return self.users
        assert self.flow is not None
        return (UserType(flow=self.flow, on=self.on or Handlers()),)
