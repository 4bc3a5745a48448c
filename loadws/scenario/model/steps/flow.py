"""Flows: the steps that hold other steps, and the union of all steps that a flow may have.

A flow holds steps and some steps hold flows, so both are defined here, and each family of verbs in a file of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, get_args

from pydantic import BeforeValidator, Discriminator, Field, Tag

from loadws.scenario.model.field_types import Condition, Many, Span, Strict, WholeTemplate
from loadws.scenario.model.steps.by_protocol import (
    AnswerCallStep,
    CallMethodStep,
    EmitStep,
    NotifyStep,
    PublishTopicStep,
    SendToStep,
    SubscribeStep,
    UnsubscribeStep,
)
from loadws.scenario.model.steps.call import CallStep
from loadws.scenario.model.steps.connect import CloseStep, ConnectStep, PingStep, ReconnectStep
from loadws.scenario.model.steps.faults import DropStep, ReadSlowlyStep, StallStep
from loadws.scenario.model.steps.http import HttpStep
from loadws.scenario.model.steps.messages import ExpectNoneStep, RequestStep, SendStep, WaitForStep
from loadws.scenario.model.steps.parts import Expression, Part
from loadws.scenario.model.steps.pauses import BarrierStep, ThinkStep
from loadws.scenario.model.steps.publish import PublishStep
from loadws.scenario.model.steps.record import CheckStep, CountStep, LogStep, RecordStep, SetStep
from loadws.scenario.model.steps.step import FlowStep, Pace, Step
from loadws.scenario.model.when_used import WhenUsed
from loadws.scenario.yaml.explain import Where

if TYPE_CHECKING:
    # The type checker sees any step in a flow; pydantic sees the union of the verbs, which is at the end of this file.
    AnyStep = Step
    Flow = tuple[Step, ...]

# -- loops ------------------------------------------------------------------------------------------------------------


class Loop(FlowStep):
    """A step that runs one flow, ``do``, again and again."""

    waits = True
    inside = "again"

    if TYPE_CHECKING:
        do: Flow  # declared by each loop, so that the keys of its own stand before it

    def children(self) -> Iterator[tuple[Where, Flow]]:
        """Yield the flow of a turn."""
        yield ("do",), self.do

    def with_flows(self, change: Callable[[Flow], Flow]) -> Self:
        """Return this loop with its flow changed."""
        return self.model_copy(update={"do": change(self.do)})


#: The flow of a loop.
_Turn = Annotated["Flow", Field(description="The steps of a turn.")]


class EveryStep(Loop):
    """Run the steps on a schedule: a turn at each intended time, whatever the server does."""

    verb = "every"
    is_for_setup = False
    test_times = ("for_",)

    every: Annotated[Span, Field(description="The interval between the intended times of turns.")]
    for_: Span | None = Field(
        default=None,
        alias="for",
        description="For how long turns are scheduled; late turns still run after it. Default: as long as the user lives.",
    )
    late: Annotated[
        Literal["catch-up", "skip"],
        Field(description="What happens to a late turn: catch-up runs it as soon as possible, skip leaves it out."),
    ] = "catch-up"
    overlap: Annotated[bool, Field(description="Whether a turn may begin while the one before still runs.")] = False
    align: Annotated[
        bool,
        Field(
            description="Whether a held user's first turn begins at once, and not after a random part of the interval."
        ),
    ] = False
    do: _Turn

    def parts(self) -> Iterator[Part]:
        """Yield nothing: all its texts are those of its flows."""
        return iter(())

    def pace(self) -> Pace:
        """Return the schedule: its turns, where it has a time."""
        if self.for_ is None:
            return Pace(times=None, interval_ns=self.every, is_endless=True)
        return Pace(self.for_ // self.every, pause_ns=self.for_, interval_ns=self.every)


class RepeatStep(Loop):
    """Run the steps a number of times."""

    verb = "repeat"
    is_for_setup = True
    test_times = ()

    repeat: Annotated[
        Annotated[int, Field(ge=0)] | WholeTemplate, Field(description="How often: a number, or a template.")
    ]
    do: _Turn

    def parts(self) -> Iterator[Part]:
        """Yield the number, where it is a template."""
        if isinstance(self.repeat, str):
            yield Expression(("repeat",), self.repeat, "whole number")

    def pace(self) -> Pace:
        """Return its number; None where it is a template."""
        return Pace(self.repeat if isinstance(self.repeat, int) else None)


class WhileStep(Loop):
    """Run the steps as long as an expression is true."""

    verb = "while"
    is_for_setup = True
    test_times = ()

    while_: Condition = Field(alias="while", description="An expression, evaluated before each turn.")
    do: _Turn

    def parts(self) -> Iterator[Part]:
        """Yield the condition."""
        yield Expression(("while",), self.while_, "truth")

    def pace(self) -> Pace:
        """Return that the run decides; a condition that is just true never ends."""
        return Pace(times=None, is_endless=self.while_.strip("{} ").lower() == "true")


# -- choices and branches ---------------------------------------------------------------------------------------------


class IfStep(FlowStep):
    """Run the steps of then if an expression is true, else those of else."""

    verb = "if"
    waits = False
    inside = "one"
    is_for_setup = True
    test_times = ()

    if_: Condition = Field(alias="if", description="An expression.")
    then: Annotated[Flow, Field(description="The steps where it is true.")] = ()
    else_: Flow = Field(default=(), alias="else", description="The steps where it is not.")

    def children(self) -> Iterator[tuple[Where, Flow]]:
        """Yield both flows."""
        yield ("then",), self.then
        yield ("else",), self.else_

    def with_flows(self, change: Callable[[Flow], Flow]) -> Self:
        """Return this step with both flows changed."""
        return self.model_copy(update={"then": change(self.then), "else_": change(self.else_)})

    def parts(self) -> Iterator[Part]:
        """Yield the condition."""
        yield Expression(("if",), self.if_, "truth")

    def pace(self) -> Pace:
        """Return that the run decides how often each flow runs."""
        return Pace(times=None)


class Choice(Strict):
    """One flow of a pick, with its weight."""

    weight: Annotated[
        float, Field(gt=0, description="How often it is chosen, in proportion to the weights of the others.")
    ] = 1.0
    do: Annotated[Flow, Field(description="Its steps.")]


class PickStep(FlowStep):
    """Run one of several flows, chosen at random by weight."""

    verb = "pick"
    waits = False
    inside = "one"
    is_for_setup = True
    test_times = ()

    pick: Annotated[Many[Choice], Field(min_length=1, description="The choices, one of which runs.")]

    def children(self) -> Iterator[tuple[Where, Flow]]:
        """Yield the flow of each choice."""
        for index, choice in enumerate(self.pick):
            yield ("pick", index, "do"), choice.do

    def with_flows(self, change: Callable[[Flow], Flow]) -> Self:
        """Return this step with the flow of each choice changed."""
        choices = tuple(choice.model_copy(update={"do": change(choice.do)}) for choice in self.pick)
        return self.model_copy(update={"pick": choices})

    def parts(self) -> Iterator[Part]:
        """Yield nothing: all its texts are those of its flows."""
        return iter(())

    def pace(self) -> Pace:
        """Return that the run decides how often each flow runs."""
        return Pace(times=None)


class ParallelStep(FlowStep):
    """Run several flows side by side. The step ends when all of them have ended."""

    verb = "parallel"
    waits = True
    inside = "together"
    is_for_setup = False
    test_times = ()

    parallel: Annotated[
        Many[Annotated[Flow, Field(min_length=1)]], Field(min_length=1, description="The flows that run side by side.")
    ]

    def children(self) -> Iterator[tuple[Where, Flow]]:
        """Yield each branch."""
        for index, branch in enumerate(self.parallel):
            yield ("parallel", index), branch

    def with_flows(self, change: Callable[[Flow], Flow]) -> Self:
        """Return this step with each branch changed."""
        return self.model_copy(update={"parallel": tuple(change(branch) for branch in self.parallel)})

    def parts(self) -> Iterator[Part]:
        """Yield nothing: all its texts are those of its flows."""
        return iter(())

    def pace(self) -> Pace:
        """Return that the run decides how often each flow runs."""
        return Pace(times=None)


# -- all steps --------------------------------------------------------------------------------------------------------

#: Every verb of the language, in the order of the reference. A new verb is added here.
_Steps = (
    ConnectStep | CloseStep | SendStep | RequestStep | WaitForStep | ExpectNoneStep | ThinkStep | EveryStep | RepeatStep
    | WhileStep | IfStep | PickStep | ParallelStep | BarrierStep | SetStep | CheckStep | RecordStep | CountStep | LogStep
    | PublishStep | PingStep | HttpStep | DropStep | ReconnectStep | StallStep | ReadSlowlyStep | CallStep
    | CallMethodStep | NotifyStep | PublishTopicStep | SendToStep | SubscribeStep | UnsubscribeStep | EmitStep
    | AnswerCallStep
)  # fmt: skip
STEPS: dict[str, type[Step]] = {step.verb: step for step in get_args(_Steps)}


#: Verbs that may stand alone, as a word: their bodies need no key.
BARE_VERBS = frozenset(
    "connect close wait_for ping drop reconnect call_method notify subscribe emit answer_call".split()
)


def step_verb(value: Any) -> str | None:
    """Return the verb of a step, which is a model or the file's mapping; None where the mapping has no verb or several."""
    if isinstance(value, Step):
        return value.verb
    if not isinstance(value, dict):
        return None
    verbs = [key for key in value if key in STEPS]
    return str(verbs[0]) if len(verbs) == 1 else None


def _bare(value: Any) -> Any:
    """Return the long form of a step written as a word: ``connect`` and ``connect:`` become ``{connect: {}}``."""
    if isinstance(value, str) and value in BARE_VERBS:
        return {value: {}}
    if isinstance(value, dict):
        return {key: {} if inner is None and key in BARE_VERBS else inner for key, inner in value.items()}
    return value


if not TYPE_CHECKING:
    _tagged = (Annotated[step, WhenUsed(), Tag(verb)] for verb, step in STEPS.items())
    _OneStep = Annotated[reduce(or_, _tagged), Discriminator(step_verb)]
    _Word = Literal[*(verb for verb in STEPS if verb in BARE_VERBS)]
    AnyStep = Annotated[_OneStep, BeforeValidator(_bare, json_schema_input_type=_Word | _OneStep)]
    Flow = Many[AnyStep]


def _python_flow(value: Any) -> Any:
    """Return the flow ``{call: ...}`` as a list of this one step, marked as a whole session; any other flow unchanged."""
    return [{**value, "is_session": True}] if isinstance(value, dict) and "call" in value else value


UserFlow = Annotated[Flow, BeforeValidator(_python_flow, json_schema_input_type=Flow | CallStep)]


def walk(flow: Flow, path: Where = ()) -> Iterator[tuple[Where, Step]]:
    """Yield every step of a flow, outer before inner, with the path to it (for positions in messages)."""
    for index, step in enumerate(flow):
        yield (*path, index), step
        for inner, steps in step.children():
            yield from walk(steps, (*path, index, *inner))
