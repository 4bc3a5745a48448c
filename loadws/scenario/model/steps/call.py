"""The step that runs a Python function: call."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field, JsonValue

from loadws.scenario.model.field_types import FunctionName, Identifier, Many, Name, NotWritten, short_for
from loadws.scenario.model.steps.parts import Assigned, OwnMetric, Part, TemplateText
from loadws.scenario.model.steps.record import RecordBody
from loadws.scenario.model.steps.step import NOT_BEGUN, Body, LocalStep, Measures
from loadws.terms.metrics import own_counter, own_trend


class CallBody(Body):
    """The function and its arguments.

    ``sets``, ``records`` and ``counts`` tell the rest of the scenario what the function does.
    """

    function: Annotated[
        FunctionName,
        Field(description="module:function in a file beside the scenario: an async function of a user and the args."),
    ]
    args: Annotated[
        dict[str, JsonValue], Field(description="The arguments by name. A value that is one template keeps its type.")
    ] = {}
    sets: Annotated[Many[Identifier], Field(description="The variables that the function sets for later steps.")] = ()
    records: Annotated[
        dict[Name, Name],
        Field(description="The trends that the function records, and their units: us, ms, s, or any word."),
    ] = {}
    counts: Annotated[
        Many[Name], Field(description="The counters that the function counts, so that thresholds may name them.")
    ] = ()


_call_body = short_for("function", "module:function, or a mapping")


class CallStep(LocalStep):
    """Run a Python function. As a whole flow, in place of its steps, it is a session of a user written in Python."""

    model_config = ConfigDict(json_schema_extra=lambda schema: schema["properties"].pop("is_session", None))

    verb = "call"
    waits = True
    measures = Measures(frozenset({"call_time"}) | NOT_BEGUN, frozenset({"call"}), counts_unrun=True)
    is_opaque = True
    is_for_setup = True
    uses_http = False
    names = (("call", "counts"),)

    call: Annotated[
        CallBody,
        BeforeValidator(_call_body, json_schema_input_type=FunctionName | CallBody),
        Field(description="The function, or a mapping with its args."),
    ]
    is_session: Annotated[bool, NotWritten()] = False

    def parts(self) -> Iterator[Part]:
        """Yield the arguments, then what the function says that it sets, records and counts."""
        yield TemplateText(("call", "args"))
        yield Assigned(("call", "sets"), self.call.sets)
        for name, unit in self.call.records.items():
            trend = own_trend(name, RecordBody(name=name, value=0, unit=unit).metric_unit)
            yield OwnMetric(("call", "records", name), trend)
        for index, name in enumerate(self.call.counts):
            yield OwnMetric(("call", "counts", index), own_counter(name))
