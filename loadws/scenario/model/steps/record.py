"""Steps that record something or set variables: set, check, record, count, log."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue

from loadws.scenario.model.field_types import (
    Condition,
    Identifier,
    Name,
    OnFailure,
    Strict,
    Template,
    WholeTemplate,
    short_for,
)
from loadws.scenario.model.steps.parts import Assigned, Expression, OwnMetric, Part, TemplateText
from loadws.scenario.model.steps.step import UNMEASURED, Body, LocalStep, Measures
from loadws.terms.metrics import own_counter, own_trend
from loadws.terms.units import DURATION_UNITS


class SetStep(LocalStep):
    """Set variables."""

    verb = "set"
    waits = False
    measures = UNMEASURED
    is_opaque = False
    is_for_setup = True
    uses_http = False
    names = ()

    set: Annotated[
        dict[Identifier, JsonValue],
        Field(min_length=1, description="Variables and their values. A value that is one template keeps its type."),
    ]

    def parts(self) -> Iterator[Part]:
        """Yield each value and its variable, which the values after it may read."""
        for name in self.set:
            yield TemplateText(("set", name))
            yield Assigned(("set",), (name,))


class CheckBody(Body):
    that: Annotated[Condition, Field(description="An expression that should be true.")]


_in_mapping = short_for("that", "an expression, or a mapping")


def _check_body(value: Any) -> Any:
    return {"that": value} if isinstance(value, bool | int | float) else _in_mapping(value)


class CheckStep(LocalStep):
    """Check that an expression is true. A failed check is counted, and the flow goes on."""

    verb = "check"
    waits = False
    measures = Measures(tries=frozenset({"check"}))
    is_opaque = False
    is_for_setup = True
    uses_http = False
    names = ()

    check: Annotated[
        CheckBody,
        BeforeValidator(_check_body, json_schema_input_type=str | CheckBody),
        Field(description="The expression, or a mapping with a name."),
    ]

    def parts(self) -> Iterator[Part]:
        """Yield the expression."""
        yield Expression(("check", "that"), self.check.that, "truth")


class RecordBody(Strict):
    """The trend and its value.

    A ``unit`` of time (us, ms, s) is converted; with any other word the value is recorded as it is.
    """

    name: Annotated[Name, Field(description="The trend's name, in reports and thresholds.")]
    value: Annotated[
        Annotated[WholeTemplate, Field(json_schema_extra={"pattern": r"\{\{|^\$\{"})] | int | float,
        Field(description="A number, or a template that gives one."),
    ]
    unit: Annotated[Name, Field(description="A unit of time (ns, us, ms, s), or any word.")] = "1"
    on_failure: Annotated[
        OnFailure | None,
        Field(
            description="What a failure ends: nothing, the turn, or the session. The default depends on the kind of failure."
        ),
    ] = None

    @property
    def ns_per_unit(self) -> int | None:
        """The factor from the value to nanoseconds; None where the unit is no unit of time."""
        return DURATION_UNITS[self.unit] if self.unit in ("ns", "us", "µs", "ms", "s") else None

    @property
    def metric_unit(self) -> str:
        """The unit of the trend. Times are kept in nanoseconds."""
        return self.unit if self.ns_per_unit is None else "ns"


class RecordStep(LocalStep):
    """Record a value of a trend that the scenario defines."""

    verb = "record"
    waits = False
    measures = UNMEASURED
    is_opaque = False
    is_for_setup = False
    uses_http = False
    names = (("record", "name"),)

    record: Annotated[RecordBody, Field(description="The trend, and the value.")]

    def parts(self) -> Iterator[Part]:
        """Yield the value and the trend."""
        if isinstance(self.record.value, str):
            yield Expression(("record", "value"), self.record.value, "number")
        yield OwnMetric(("record", "name"), own_trend(self.record.name, self.record.metric_unit))


def _something(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


class CountStep(LocalStep):
    """Add one to a counter that the scenario defines."""

    verb = "count"
    waits = False
    measures = UNMEASURED
    is_opaque = False
    is_for_setup = False
    uses_http = False
    names = (("count",),)

    count: Annotated[
        Template,
        AfterValidator(_something),
        Field(json_schema_extra={"pattern": r"\S"}, description="The counter's name. It may have templates."),
    ]

    def parts(self) -> Iterator[Part]:
        """Yield the counter, whose name may be a template."""
        yield TemplateText(("count",))
        yield OwnMetric(("count",), own_counter(self.count))


class LogStep(LocalStep):
    """Write a line to the run's log, which keeps a bounded number of them."""

    verb = "log"
    waits = False
    measures = UNMEASURED
    is_opaque = False
    is_for_setup = True
    uses_http = False
    names = ()

    log: Annotated[Template, Field(description="The line.")]

    def parts(self) -> Iterator[Part]:
        """Yield the line."""
        yield TemplateText(("log",))
