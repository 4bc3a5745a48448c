"""The frozen Scenario: all that a scenario file may say, and all that the engine knows about it.

These models are used twice: pydantic validates the file's tree against them, and the JSON Schema for editors is made from
them. ``field_types``, ``steps`` and ``connection`` have the parts.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    model_validator,
)

from loadws.scenario.model.connection import ConnectionOptions
from loadws.scenario.model.field_types import (
    TEN_SECONDS,
    ByEvent,
    Captures,
    Duration,
    FileName,
    Identifier,
    Many,
    Name,
    Rate,
    Share,
    Size,
    Span,
    Strict,
    Template,
    different,
    short_for,
)
from loadws.scenario.model.moments import Measured
from loadws.scenario.model.steps import CallStep, ConnectStep, Flow, UserFlow, walk
from loadws.scenario.model.unpacking import Where
from loadws.scenario.model.when_used import WhenUsed

# -- users ------------------------------------------------------------------------------------------------------------


class Deliver(Strict):
    """A mark that a handler's messages are deliveries of a probe, and when its connection is a receiver."""

    probe: Annotated[Name, Field(description="The name that publish gives it.")]
    id: Annotated[
        JsonValue, Field(description="The place of {{ probe }} in the message: a JSONPath, text, {regex:} or {bytes:}.")
    ]
    ordered: Annotated[
        bool, Field(description="Whether a delivery after a later one of the same publisher counts as out of order.")
    ] = False
    in_: Annotated[
        Template | None,
        Field(
            alias="in",
            description="The audience that the connection belongs to, as in publish: to. Default: all of them.",
        ),
    ] = None
    after: Annotated[
        Name | None,
        Field(description="The step that makes the connection a receiver, if it does not fail. Default: its opening."),
    ] = None
    until: Annotated[
        Name | None,
        Field(
            description="The step before which the connection stops being a receiver. Default: the connection's end."
        ),
    ] = None
    within: Annotated[
        Span,
        Field(
            description="How long after its publication a delivery counts; a receiver without one by then misses it."
        ),
    ] = TEN_SECONDS


class MessageHandler(ByEvent):
    """A handler of the messages that match ``where`` (by default all). It runs its steps for each, and no step sees them."""

    on: Annotated[
        Name | None,
        Field(description="The name of the connection whose messages it handles. Default: all connections."),
    ] = None
    where: Annotated[
        Where | None, Field(description="Conditions on the messages that it handles. Default: all messages.")
    ] = None
    capture: Annotated[
        Captures | None,
        Field(
            description="Variables, and the places of their values in the message: a JSONPath, text, {regex:} or {bytes:}."
        ),
    ] = None
    deliver: Annotated[Deliver | None, Field(description="Says that these messages are deliveries of a probe.")] = None
    do: Annotated[Flow, Field(description="The steps to run for each message that it handles.")] = ()


class Handlers(Strict):
    """The steps to run at the events of the browser's WebSocket, whatever step runs meanwhile."""

    open: Annotated[
        Flow, Field(description="Steps to run when a connection has opened. connect is done when they are.")
    ] = ()
    message: Annotated[
        Many[MessageHandler],
        Field(
            description="Handlers of messages. The first whose conditions hold handles a message, and no step sees it."
        ),
    ] = ()
    error: Annotated[
        Flow, Field(description="Steps to run at each error, which is in error.kind and error.detail.")
    ] = ()
    close: Annotated[Flow, Field(description="Steps to run when a connection has ended. code and reason say how.")] = ()

    def flows(self) -> tuple[Flow, ...]:
        return (self.open, *(handler.do for handler in self.message), self.error, self.close)


class UserType(Strict):
    """One type of user: its share of all users (``weight``), its flow, and its handlers."""

    name: Annotated[Name, Field(description="The type's name in reports.")] = "user"
    weight: Annotated[
        Annotated[float, Field(gt=0)],
        Field(description="Its share of all users, in proportion to the other types' weights."),
    ] = 1.0
    flow: Annotated[
        Annotated[UserFlow, Field(min_length=1)],
        Field(
            description="The steps of its users. With connect at its top level, a whole session, else the inside of one."
        ),
    ]
    on: Annotated[Handlers, WhenUsed(), Field(description="Steps to run at events, while any step runs.")] = (
        Handlers.model_construct()
    )

    @property
    def is_whole_session(self) -> bool:
        """Whether the flow runs from before its connection to its close: it has ``connect`` at its top level."""
        return any(
            isinstance(step, ConnectStep) or (isinstance(step, CallStep) and step.is_session) for step in self.flow
        )

    @property
    def is_in_python(self) -> bool:
        """Whether a function is a part of what its users do; the file does not show what it does."""
        return any(step.is_opaque for where in (self.flow, *self.on.flows()) for _, step in walk(where))


#: Of the planned load: where more of it was not applied, a run says nothing about the load that was planned.
DEFAULT_MAX_DROPPED = 0.01

# -- load -------------------------------------------------------------------------------------------------------------


class UserRamp(Strict):
    """The number of users held. Without ``from``, it begins where the phase before ended."""

    from_: Annotated[int, Field(ge=0)] | None = Field(
        default=None, alias="from", description="The number at the beginning of the phase."
    )
    to: Annotated[Annotated[int, Field(ge=0)], Field(description="The number at the end of the phase.")]


class RateRamp(Strict):
    """The rate at which users arrive. Without ``from``, it begins where the phase before ended."""

    from_: Rate | None = Field(default=None, alias="from", description="The rate at the beginning of the phase.")
    to: Annotated[Rate, Field(description="The rate at the end of the phase.")]


def _constant(value: Any) -> Any:
    """Return the ramp of a constant: ``users: 10`` begins and ends at 10."""
    return value if isinstance(value, dict | UserRamp | RateRamp) else {"from": value, "to": value}


class Phase(Strict):
    """A stretch of the load: users held, users arriving, or both."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                {"anyOf": [{"required": ["for"]}, {"required": ["iterations"]}]},
                {"anyOf": [{"required": ["users"]}, {"required": ["arrivals"]}]},
            ],
            "dependentRequired": {"arrivals": ["for"]},
        }
    )

    name: Annotated[Name | None, Field(description="The phase's name in reports and thresholds.")] = None
    users: Annotated[
        Annotated[UserRamp, BeforeValidator(_constant, json_schema_input_type=int | UserRamp)] | None,
        Field(description="How many users are held: a number, or a ramp. Default: none."),
    ] = None
    arrivals: Annotated[
        Annotated[RateRamp, BeforeValidator(_constant, json_schema_input_type=Rate | RateRamp)] | None,
        Field(description="How many users arrive, whether or not the server keeps up: a rate, or a ramp."),
    ] = None
    for_: Span | None = Field(default=None, alias="for", description="How long the phase lasts.")
    iterations: Annotated[
        Annotated[int, Field(ge=1)] | None,
        Field(
            description="The number of flows, by all users together, that ends the phase, unless for ends it sooner."
        ),
    ] = None
    max_users: Annotated[
        Annotated[int, Field(ge=1)] | None,
        Field(description="The largest number of arrived users at once. A further arrival is dropped and counted."),
    ] = None
    max_dropped: Annotated[
        Share,
        Field(
            description="The largest share of the planned load that may not be applied; beyond it the run is inconclusive."
        ),
    ] = DEFAULT_MAX_DROPPED
    max_skipped: Annotated[
        Share | None,
        Field(
            description="The largest share of the due turns that late: skip may skip; beyond it the run is inconclusive. "
            "Default: any."
        ),
    ] = None
    spacing: Annotated[
        Literal["poisson", "uniform"],
        Field(description="How arrivals are spread in time: poisson (random), or uniform (evenly)."),
    ] = "poisson"
    warmup: Annotated[bool, Field(description="Whether the phase is recorded but not judged.")] = False

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.for_ is None and self.iterations is None:
            raise ValueError("a phase needs an end: for, or iterations")
        if self.users is None and self.arrivals is None:
            raise ValueError("a phase needs users, or arrivals")
        if self.arrivals is not None and self.for_ is None:
            raise ValueError("a phase with arrivals needs a time: for")
        return self


#: The verdict of a percentile whose confidence interval has its limit inside.
TooClose = Literal["inconclusive", "pass"]

# -- the whole --------------------------------------------------------------------------------------------------------


#: What editors check in a target; ``checks.target`` checks the rest.
TARGET_PATTERN = r"^([wW][sS]{1,2}://[^\s#]+|ws\+unix:[^\s#]+|builtin:[a-z0-9.-]+(\?\S*)?|.*\$\{.*)$"


def _one_character(text: str) -> str:
    if len(text) != 1 or text in '"\r\n':
        raise ValueError('is one character, such as ";" or "\\t", and no quote or line break')
    return text


#: The columns of rows that are chunks of a file.
CHUNK_COLUMNS = ("bytes", "number", "count", "last", "ms")


class DataSource(Strict):
    """Rows for users: a CSV file, JSON lines, or the chunks of any file."""

    file: Annotated[
        FileName,
        Field(
            description="A .csv, .jsonl or .ndjson file, or a .json file with an array; any file with chunk_size. "
            "Relative to the scenario."
        ),
    ]
    chunk_size: Annotated[
        Size | None, Field(description="Cut the file, of any kind, into chunks of this size, each of which is a row.")
    ] = None
    chunk_time: Annotated[
        Span | None,
        Field(
            description="Cut the audio of a WAV file into chunks that play for this time, without the file's header."
        ),
    ] = None
    delimiter: Annotated[
        Annotated[str, AfterValidator(_one_character)] | None,
        Field(description='What separates the fields of a CSV file, such as ";" or "\\t"; else a comma.'),
    ] = None
    columns: Annotated[
        Many[Name], Field(description="Names of the columns of a CSV file that has no header line.")
    ] = ()
    order: Annotated[
        Literal["sequential", "random", "unique"],
        Field(
            description="sequential: row after row; user n gets row n. unique: the same, no row twice. random: a random row."
        ),
    ] = "sequential"
    when_exhausted: Annotated[
        Literal["repeat", "stop"],
        Field(
            description="What sequential does after the last row: repeat from the first, or stop: further users do nothing."
        ),
    ] = "repeat"
    next: Annotated[
        Literal["user", "session", "turn", "use"],
        Field(
            description="What takes the next row: each user, for life; each session; each turn, at its first step that "
            "reads it; or each step that reads it."
        ),
    ] = "user"
    scope: Annotated[
        Literal["shared", "user", "session"],
        Field(
            description="Whether all users take from the same rows, or each user goes through all rows for itself, or "
            "each session from the first row on."
        ),
    ] = "shared"

    @property
    def repeats(self) -> bool:
        """Whether the first row comes again after the last."""
        return self.order == "sequential" and self.when_exhausted == "repeat"

    @property
    def is_cut(self) -> bool:
        """Whether its rows are chunks of a file."""
        return self.chunk_size is not None or self.chunk_time is not None

    @model_validator(mode="after")
    def _is_used(self) -> Self:
        if self.scope == "user" and self.next == "user":
            raise ValueError(
                "scope: user needs next: session, turn or use; with next: user all would have the first row"
            )
        if self.scope == "session" and self.next in ("user", "session"):
            raise ValueError(
                f"scope: session needs next: turn or use; with next: {self.next} all would have the first row"
            )
        return self

    @model_validator(mode="after")
    def _is_cut_once(self) -> Self:
        if self.chunk_size is not None and self.chunk_time is not None:
            raise ValueError("chunks are cut by chunk_size or by chunk_time, not by both")
        if self.chunk_size == 0:
            raise ValueError("a chunk has at least one byte")
        if self.is_cut and self.next == "user":
            raise ValueError("chunks are sent one after another: say next: turn or use, and scope: session or user")
        if self.is_cut and (self.delimiter or self.columns):
            raise ValueError(f"delimiter and columns are of rows; chunks have the columns {', '.join(CHUNK_COLUMNS)}")
        return self

    @model_validator(mode="after")
    def _is_csv(self) -> Self:
        different(self.columns)
        if (self.delimiter or self.columns) and not self.file.lower().endswith(".csv"):
            raise ValueError("delimiter and columns are for .csv files; JSON names its columns itself")
        return self


class ThresholdRule(Strict):
    """A rule, and whether the run ends when it is broken. ``after``: the judged time after which it is first judged."""

    rule: Annotated[
        str,
        Field(
            description="metric{label=value}.aggregate op number unit. Example: response_time{step=join}.p99 < 200ms."
        ),
    ]
    abort: Annotated[bool, Field(description="Whether the run ends as soon as the rule is broken.")] = False
    after: Annotated[
        Duration, Field(description="With abort: the judged time after which the rule is first judged.")
    ] = 0


class GeneratorLimits(Strict):
    """Limits of the generator's own delay."""

    send_lag: Annotated[
        Span | None,
        Field(description="The largest send lag (p99) of a valid run. Default: as much as changes no verdict."),
    ] = None


_rule = short_for("rule", "a rule, as text, or a mapping with rule")


class Scenario(Strict):
    """A scenario file. ``flow`` (with ``on``) at the top is short for one user type; ``user_types`` has the long form."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": ["flow"]}, {"required": ["users"]}],
            "dependentRequired": {"on": ["flow"]},
        }
    )

    version: Annotated[Literal[1], Field(description="The version of the language.")] = 1
    name: Annotated[Name | None, Field(description="The scenario's name in reports. Default: the file's name.")] = None
    target: Annotated[
        str,
        Field(
            description="The server: ws://, wss://, ws+unix:, or builtin:MODE for one of loadws. --target replaces it.",
            examples=["ws://127.0.0.1:8765/chat", "${TARGET:-builtin:echo}"],
            json_schema_extra={"pattern": TARGET_PATTERN},
        ),
    ]
    seed: Annotated[
        Annotated[int, Field(ge=0, le=2**63 - 1)] | None,
        Field(
            description="The seed of arrivals and random values: the same seed, the same plan. Default: a new one each run."
        ),
    ] = None
    graceful_stop: Annotated[
        Duration,
        Field(description="How long users may take to finish after the last phase. Then they are cut off."),
    ] = TEN_SECONDS
    variables: Annotated[
        dict[Identifier, JsonValue],
        Field(description="Variables and their values, which every user begins with. --set replaces them."),
    ] = {}
    secrets: Annotated[
        Many[str],
        Field(
            description="What to mask in every output: variables, data sources, or parts of them (accounts.password)."
        ),
    ] = ()
    data: Annotated[
        dict[Identifier, Annotated[DataSource, WhenUsed()]],
        Field(description="Data files, with a row for each user. Templates use their columns as accounts.user."),
    ] = {}
    connection: Annotated[
        ConnectionOptions,
        WhenUsed(),
        Field(description="Options of every connection, which connect may replace."),
    ] = ConnectionOptions.model_construct()
    setup: Annotated[
        Flow, Field(description="Steps to run once, before the load. All users have the variables that they set.")
    ] = ()
    teardown: Annotated[Flow, Field(description="Steps to run once, after the load, however it ended.")] = ()
    load: Annotated[
        Annotated[Many[Phase], Field(min_length=1)], Field(description="The phases, which run one after another.")
    ]
    flow: Annotated[
        Annotated[UserFlow, Field(min_length=1)] | None,
        Field(description="The steps of each user. Short for users with one type."),
    ] = None
    on: Annotated[
        Annotated[Handlers, WhenUsed()] | None,
        Field(description="Steps to run at events, while any step of flow runs."),
    ] = None
    measure: Annotated[
        Measured,
        Field(
            description="Times from one moment of a user to another, each a metric of its own. Of users of every type."
        ),
    ] = ()
    users: Annotated[
        Annotated[Many[Annotated[UserType, WhenUsed()]], Field(min_length=1)] | None,
        Field(description="Several types of users, each with a flow of its own. Replaces flow."),
    ] = None
    thresholds: Annotated[
        Many[Annotated[ThresholdRule, BeforeValidator(_rule, json_schema_input_type=str | ThresholdRule)]],
        Field(description="The rules, all of which must hold for the run to pass."),
    ] = ()
    compare: Annotated[
        Many[str],
        Field(
            description="Rules for comparisons with a baseline: the largest change that passes.",
            examples=[["response_time.p99 <= +10%", "error_rate <= +0.1pp"]],
        ),
    ] = ()
    too_close: Annotated[
        TooClose,
        Field(description="The verdict where too few samples show on which side of its limit a percentile is."),
    ] = "inconclusive"
    generator: Annotated[
        GeneratorLimits, Field(description="Limits of the delay that this machine adds to the measurements.")
    ] = GeneratorLimits.model_construct()

    @model_validator(mode="after")
    def _flow_or_users(self) -> Self:
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
        # Both were checked as parts of the scenario, so neither's own validator is built for this.
        return (UserType.model_construct(flow=self.flow, on=self.on or Handlers.model_construct()),)
