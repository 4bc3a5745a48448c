"""What every step has, and the questions that every verb answers: its facets.

A facet is a class variable without a value, or an abstract method, of ``Step``. The other rooms ask a step for its facets
and never compare its verb with a list, so that a new verb is known everywhere once it has answered. There are no defaults:
a class with a verb that leaves a question open is an error when it is imported. The families below answer together what is
the same for all of their verbs.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Annotated, Any, ClassVar, Literal, Self

import msgspec
from pydantic import Field

from loadws.scenario.model.field_types import Name, OnFailure, Strict
from loadws.scenario.model.steps.parts import Assigned, CaptureSet, Carried, OwnMetric, Part
from loadws.scenario.model.steps.payload import Payload
from loadws.scenario.yaml.explain import Where
from loadws.terms.metrics import Metric
from loadws.terms.units import NS_PER_S

#: How the flows inside a step run: the same one again and again, one of them, or all of them side by side.
Inside = Literal["again", "one", "together"]
#: What a step waits for on its connection: the next message, whatever it is; the message that its conditions choose as its
#: answer; messages that no request asked for; or the close.
Awaits = Literal["next", "answer", "pushed", "close"]
#: What a step does to its connection. ``refused``: it tries to open one and expects to be refused. ``drops``: without a
#: close frame.
Effect = Literal["opens", "refused", "closes", "drops", "reopens"]

#: How long a step waits for its connection to be opened again, where it has no ``within`` of its own, in ns.
PATIENCE_NS = 10 * NS_PER_S


class Measures(msgspec.Struct, frozen=True):
    """What steps of a verb measure.

    ``metrics`` are those that carry the steps' names and ``tries`` the kinds that they count in ``error_rate``. A rule on
    anything else would find no data, however long the run is. ``counts_unrun``: a turn of a schedule that never began,
    because the one before had not ended, is a failed try of this step.
    """

    metrics: frozenset[str] = frozenset()
    tries: frozenset[str] = frozenset()
    counts_unrun: bool = False


#: Beside the metrics of verbs with ``counts_unrun``: their turns that never began.
NOT_BEGUN = frozenset({"tries_not_begun"})
#: For verbs that measure nothing.
UNMEASURED = Measures()


class Pace(msgspec.Struct, frozen=True):
    """How often one run of a step runs the flows inside it, and for how long it pauses.

    ``times`` is None where only the run decides. ``pause_ns`` is the mean of what the step itself takes on purpose, whatever
    the server does; that of a schedule covers the pauses inside it. ``interval_ns`` is that of a schedule. ``is_endless``:
    nothing in the file ends the step.
    """

    times: int | None = 1
    pause_ns: float = 0
    interval_ns: int | None = None
    is_endless: bool = False


class Step(Strict):
    """A name for the report, and what to do when the step fails (see Failure in the language)."""

    #: The key that makes a mapping this step.
    verb: ClassVar[str]
    #: Whether the step may wait where a handler of messages runs it, without the flows inside it. ``send`` and ``publish``
    #: do not: there they are queued. A loop may not end, so it counts as waiting.
    waits: ClassVar[bool]
    #: How the flows inside it run; None for a step without any.
    inside: ClassVar[Inside | None]
    #: How many messages one run of it sends, without the flows inside it.
    sends: ClassVar[int]
    #: Whether templates see what it sends as ``sent``.
    gives_sent: ClassVar[bool]
    #: What its steps measure.
    measures: ClassVar[Measures]
    #: Whether it runs code of the scenario's own, which may do anything that a step does.
    is_opaque: ClassVar[bool]
    #: Whether ``setup`` and ``teardown`` may have it: it needs no user and no WebSocket.
    is_for_setup: ClassVar[bool]
    #: Whether it reads messages that came before it: they are kept for it.
    reads_inbox: ClassVar[bool]
    #: Whether it opens an HTTP connection of the user's own.
    uses_http: ClassVar[bool]
    #: The fields that hold names, each as its path: they stand in outputs, so secrets are masked in them.
    names: ClassVar[tuple[tuple[str, ...], ...]]
    #: Whether its step is named by the constant text that it sends, where the file gives no name.
    is_named_by_text: ClassVar[bool]
    #: Whether only connections that speak a protocol have it: what it sends stands in the protocol's file.
    of_protocol: ClassVar[bool]
    #: The fields whose time is a part of the test's length: ``--time-scale`` multiplies them.
    test_times: ClassVar[tuple[str, ...]]

    name: Annotated[Name | None, Field(description="The step's name in reports. Default: its text, or verb-N.")] = None
    on_failure: Annotated[
        OnFailure | None,
        Field(
            description="What a failure ends: nothing, the turn, or the session. The default depends on the kind of failure."
        ),
    ] = None

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse a verb that leaves a facet open.

        Raises:
            TypeError: Facets are missing; the message names them.
        """
        super().__pydantic_init_subclass__(**kwargs)
        if "verb" in vars(cls) and (missing := missing_facets(cls)):
            raise TypeError(f"the step {cls.verb!r} does not say: {', '.join(missing)}")

    # -- facets that depend on the step -------------------------------------------------------------------------------

    @abstractmethod
    def parts(self) -> Iterator[Part]:
        """Yield what is checked before the run, in the order in which the step uses it; not what the flows inside have."""

    @abstractmethod
    def patience_ns(self) -> int | None:
        """Return for how long it waits while its connection is opened again, in ns; None for a step that does not wait."""

    @abstractmethod
    def awaits(self) -> Awaits | None:
        """Return what it waits for on its connection; None for a step that does not wait for the server."""

    @abstractmethod
    def effect(self) -> Effect | None:
        """Return what it does to its connection; None for a step that leaves it as it is."""

    @abstractmethod
    def pace(self) -> Pace:
        """Return how often it runs the flows inside it, and for how long it pauses."""

    @abstractmethod
    def children(self) -> Iterator[tuple[Where, tuple["Step", ...]]]:
        """Yield the flows inside it, each with the path that leads to it."""

    @abstractmethod
    def with_flows(self, change: Callable[[tuple["Step", ...]], tuple["Step", ...]]) -> Self:
        """Return this step with each flow inside it changed, in the order of ``children``."""

    # -- what follows from them ---------------------------------------------------------------------------------------

    @property
    def label(self) -> str:
        """The name that the report uses. ``name_steps`` gives every step one, so that it is never empty there."""
        return self.name or self.verb

    @property
    def body(self) -> Any:
        """The value behind the verb."""
        return getattr(self, self.verb if self.verb in type(self).model_fields else f"{self.verb}_")

    @property
    def connection(self) -> str | None:
        """The name of the connection that it opens or uses; None for the one without a name, and for a step without one."""
        body = self.body
        return body.on if isinstance(body, OnConnection) else getattr(body, "as_", None)

    def inner(self) -> tuple["Step", ...]:
        """Return the steps of the flows inside it, without those further in; the turn of a loop."""
        return tuple(step for _, flow in self.children() for step in flow)

    def measured(self) -> frozenset[str]:
        """Return the metrics that this very step has a value of: its verb's, or fewer where that depends on its keys."""
        return self.measures.metrics

    def sets(self) -> Iterator[tuple[Where, str]]:
        """Yield the variables that it sets, each with its place."""
        for part in self.parts():
            if isinstance(part, CaptureSet):
                yield from (((*part.place, name), name) for name in part.captures or ())
            elif isinstance(part, Assigned):
                yield from (((*part.place, name), name) for name in part.names)

    def payloads(self) -> Iterator[tuple[Where, Payload]]:
        """Yield the payloads that it sends, each with its place."""
        return ((part.place, part.payload) for part in self.parts() if isinstance(part, Carried))

    def own_metrics(self) -> Iterator[tuple[Where, Metric]]:
        """Yield the metrics of the scenario's own that it adds to, each with the place of its name."""
        return ((part.place, part.metric) for part in self.parts() if isinstance(part, OwnMetric))


#: The names of the facets that are class variables, and of those that are methods.
FACETS = (
    *(name for name, hint in Step.__annotations__.items() if repr(hint).startswith("typing.ClassVar")),
    *sorted(Step.__abstractmethods__),
)


def missing_facets(step: type[Step]) -> list[str]:
    """Return the facets that a class and its families do not answer."""
    return [name for name in FACETS if not hasattr(step, name) or name in step.__abstractmethods__]


# -- families of verbs ------------------------------------------------------------------------------------------------


class LeafStep(Step):
    """A step without flows inside it: it runs once, and lasts no part of the test's length."""

    inside = None
    test_times = ()

    def pace(self) -> Pace:
        """Return that it runs once and does not pause."""
        return Pace()

    def children(self) -> Iterator[tuple[Where, tuple[Step, ...]]]:
        """Yield nothing."""
        return iter(())

    def with_flows(self, change: Callable[[tuple[Step, ...]], tuple[Step, ...]]) -> Self:
        """Return this step: it has no flows."""
        return self


class ConnectionStep(LeafStep):
    """A step that opens or uses a WebSocket connection."""

    is_opaque = False
    is_for_setup = False
    uses_http = False
    of_protocol = False


class OffConnectionStep(Step):
    """A step that uses no WebSocket connection itself."""

    sends = 0
    gives_sent = False
    of_protocol = False
    reads_inbox = False
    is_named_by_text = False

    def patience_ns(self) -> int | None:
        """Return None: it has no connection to wait for."""
        return None

    def awaits(self) -> Awaits | None:
        """Return None: it has no connection to wait on."""
        return None

    def effect(self) -> Effect | None:
        """Return None: it has no connection."""
        return None


class LocalStep(LeafStep, OffConnectionStep):
    """A step without flows inside it that uses no WebSocket connection."""


class FlowStep(OffConnectionStep):
    """A step that holds flows, and does nothing else that is measured."""

    measures = UNMEASURED
    is_opaque = False
    uses_http = False
    names = ()


# -- what stands behind a verb ----------------------------------------------------------------------------------------


class Body(Strict):
    """The mapping behind a verb. ``name`` and ``on_failure`` may stand in it, or beside the verb."""

    name: Annotated[Name | None, Field(description="The step's name, written here instead of beside the verb.")] = None
    on_failure: Annotated[
        OnFailure | None, Field(description="The step's on_failure, written here instead of beside the verb.")
    ] = None


class OnConnection(Body):
    """A body whose step speaks or listens on the connection that ``on`` names, else on the one without a name."""

    on: Annotated[Name | None, Field(description="The name of the connection: the as of its connect.")] = None
