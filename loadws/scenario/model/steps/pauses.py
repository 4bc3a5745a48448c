"""Steps that only wait: think for a time, barrier for other users."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from loadws.scenario.model.field_types import TEN_SECONDS, Duration, NotWritten, Span, Strict, duration
from loadws.scenario.model.steps.parts import Part
from loadws.scenario.model.steps.step import UNMEASURED, Body, LocalStep, Measures, Pace
from loadws.terms.errors import UnitError
from loadws.terms.units import DURATION_PATTERN, parse_duration


class Think(Strict):
    """A pause: fixed (least = most), uniform between two, or exponential with a mean."""

    least: Annotated[Duration | None, NotWritten()] = None
    most: Annotated[Duration | None, NotWritten()] = None
    exponential: Annotated[Span | None, Field(description="A random time with this mean.")] = None


def _think(value: Any) -> Any:
    if isinstance(value, dict) and (not value or value.keys() & {"least", "most"}):
        raise ValueError("a pause is a time, a range as 1s..3s, or {exponential: 2s}")
    if isinstance(value, dict | Think):
        return value
    if not isinstance(value, str) or ".." not in value:
        fixed = duration(value)
        return {"least": f"{fixed}ns", "most": f"{fixed}ns"}
    least, dots, most = value.partition("..")
    think = {"least": least.strip(), "most": most.strip() if dots else least.strip()}
    if dots and parse_safely(think["least"]) > parse_safely(think["most"]):
        raise ValueError(f"the range {value!r} begins above its end")
    return think


def parse_safely(text: str) -> int:
    """Return a duration in ns; 0 for a wrong one, which the field's own validator reports."""
    try:
        return parse_duration(text)
    except UnitError:
        return 0


class ThinkStep(LocalStep):
    """Pause. Neither the pause nor its overrun counts in any latency."""

    verb = "think"
    waits = True
    measures = UNMEASURED
    is_opaque = False
    is_for_setup = True
    uses_http = False
    names = ()

    think: Annotated[
        Think,
        BeforeValidator(_think),
        WithJsonSchema(
            {
                "oneOf": [
                    {"type": "string", "examples": ["1s", "1s..3s"]},
                    {
                        "type": "object",
                        "properties": {"exponential": {"type": "string", "pattern": DURATION_PATTERN}},
                        "required": ["exponential"],
                        "additionalProperties": False,
                    },
                ]
            }
        ),
        Field(description="How long: 1s, a range 1s..3s, or {exponential: 2s}."),
    ]

    def parts(self) -> Iterator[Part]:
        """Yield nothing: it has no templates."""
        return iter(())

    def pace(self) -> Pace:
        """Return the mean of its pause."""
        think = self.think
        return Pace(pause_ns=think.exponential or ((think.least or 0) + (think.most or 0)) / 2)


class BarrierBody(Body):
    users: Annotated[int, Field(ge=1, description="How many users meet. All of them wait until that many have come.")]
    within: Annotated[Span, Field(description="How long a user waits for the others; after that the step fails.")] = (
        TEN_SECONDS
    )


class BarrierStep(LocalStep):
    """Wait until a number of users have come; then all of them go on, and the next ones meet anew."""

    verb = "barrier"
    waits = True
    measures = Measures(frozenset({"wait_time"}), frozenset({"barrier"}))
    is_opaque = False
    is_for_setup = False
    uses_http = False
    names = ()

    barrier: Annotated[BarrierBody, Field(description="How many, and how long.")]

    def parts(self) -> Iterator[Part]:
        """Yield nothing: its body has no templates."""
        return iter(())
