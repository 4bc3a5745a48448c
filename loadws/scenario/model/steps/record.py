"""Steps that record something or set variables: set, check, record, count, log."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue

from loadws.scenario.model.field_types import Identifier, Name, OnFailure, Strict, Template, short_for
from loadws.scenario.model.steps.step import Body, Step
from loadws.terms.units import DURATION_UNITS


class SetStep(Step):
    """Give variables values."""

    verb = "set"
    set: Annotated[
        dict[Identifier, JsonValue],
        Field(min_length=1, description="Name and value; a value that is one template keeps its type."),
    ]


class CheckBody(Body):
    that: Annotated[Template, Field(description="An expression that should be true.")]


_check_body = short_for("that", "an expression, or a mapping")


class CheckStep(Step):
    """An expression that should be true; a failed check counts, and the flow goes on."""

    verb = "check"
    check: Annotated[
        CheckBody,
        BeforeValidator(_check_body, json_schema_input_type=str | CheckBody),
        Field(description="The expression, or a mapping with a name."),
    ]


class RecordBody(Strict):
    """``unit`` is a duration's (us, ms, s), or any word: its value is then recorded as it is."""

    name: Annotated[Name, Field(description="The trend's name, in reports and thresholds.")]
    value: Annotated[
        Annotated[Template, Field(json_schema_extra={"pattern": r"\{\{|^\$\{"})] | int | float,
        Field(description="A number, or a template that gives one."),
    ]
    unit: Annotated[Name, Field(description="A unit of time (ns, us, ms, s), or any word.")] = "1"
    on_failure: Annotated[
        OnFailure | None,
        Field(description="What a failure ends: nothing, the turn, or the session; by kind, unless said."),
    ] = None

    @property
    def ns_per_unit(self) -> int | None:
        """What turns a value into nanoseconds; None where the unit is no time."""
        return DURATION_UNITS[self.unit] if self.unit in ("ns", "us", "µs", "ms", "s") else None

    @property
    def metric_unit(self) -> str:
        """The unit of the trend: every time is kept in nanoseconds."""
        return self.unit if self.ns_per_unit is None else "ns"


class RecordStep(Step):
    """A value for a trend of the scenario's own."""

    verb = "record"
    record: Annotated[RecordBody, Field(description="The trend, and the value.")]


def _something(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


class CountStep(Step):
    """One more of a counter of the scenario's own."""

    verb = "count"
    count: Annotated[
        Template,
        AfterValidator(_something),
        Field(json_schema_extra={"pattern": r"\S"}, description="The counter's name; may be a template."),
    ]


class LogStep(Step):
    """A line in the run's log (a bounded number of them)."""

    verb = "log"
    log: Annotated[Template, Field(description="The line.")]
