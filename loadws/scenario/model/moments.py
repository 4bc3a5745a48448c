"""``measure``: times from one moment of a user to another, which no step measures by itself."""

from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from loadws.scenario.model.field_types import TEN_SECONDS, ByEvent, Many, Name, Span, Strict
from loadws.scenario.model.unpacking import Where
from loadws.terms.metrics import Metric, own_trend


class Moment(ByEvent):
    """A moment in a user's life: a step, or a message that it receives."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": ["step"]}, {"anyOf": [{"required": ["where"]}, {"required": ["event"]}]}]
        }
    )

    step: Annotated[
        Name | None,
        Field(
            description="The name of a step. A time begins when it begins, and ends when it has ended without failing."
        ),
    ] = None
    where: Annotated[
        Where | None,
        Field(description="Conditions on a received message, whatever else receives it. The time is that of its read."),
    ] = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.step is None) == (self.where is None):
            raise ValueError(
                "a moment is either a step by its name, or a message: where with conditions, event, or both"
            )
        return self


class Measure(Strict):
    """A time from one moment to the first other one that follows, as a metric of the scenario's own."""

    name: Annotated[Name, Field(description="The metric's name, in reports and thresholds.")]
    from_: Annotated[
        Moment, Field(alias="from", description="Where the time begins: {step: NAME} or {where: conditions}.")
    ]
    to: Annotated[Moment, Field(description="Where it ends, likewise. Templates are evaluated when it begins.")]
    on: Annotated[
        Name | None, Field(description="The name of the connection whose messages are meant. Default: all connections.")
    ] = None
    within: Annotated[
        Span,
        Field(description="How long it may take; what has not come by then is missing, above every measured time."),
    ] = TEN_SECONDS

    @property
    def label(self) -> str:
        """The step that the metric's entries are labelled with: the one that it begins with, else ends with."""
        return self.from_.step or self.to.step or "message"

    def metric(self) -> Metric:
        """Return the metric that it declares."""
        return own_trend(self.name, "ns")

    def moments(self) -> Iterator[tuple[str, Moment]]:
        """Yield both moments, each with its key."""
        yield "from", self.from_
        yield "to", self.to


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, dict | Measure) else value


#: One measure may stand without a list.
Measured = Annotated[Many[Measure], BeforeValidator(_listed, json_schema_input_type=Measure | list[Measure])]
