"""The options of the commands: parsers that turn an option's text into a value or a usage error, and the options of
``run``.

This imports nothing heavy, so that ``loadws --help`` appears at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, TypeVar

import typer

from loadws.cli.places import Places
from loadws.dashboard.at import At
from loadws.fleet import MOST_PROCESSES
from loadws.outputs.destinations import Destination, check_apart, parse_destination
from loadws.report.formats.formats import DEFAULT, FORMATS, Chosen, parse_formats
from loadws.report.pipelines.services import Ci, CiAsked
from loadws.target.options import parse_listen
from loadws.terms.errors import LoadwsError, UsageError
from loadws.terms.transports import TransportName
from loadws.terms.units import parse_duration, parse_rate

if TYPE_CHECKING:
    from loadws.cluster.cluster import ClusterOptions
    from loadws.fleet.shares import Share
    from loadws.scenario.overrides import Overrides

T = TypeVar("T")
SchemaOf = Literal["scenario", "summary"]
AssetsAre = Literal["inline", "beside"]
TooCloseVerdict = Literal["inconclusive", "pass"]
StampsAsked = Literal["user", "kernel", "auto"]
#: A seed is kept in 63 bits.
LARGEST_NUMBER = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """All options of ``loadws run``. ``command`` is the command line as it was typed, for ``run.json``."""

    scenario: Path
    overrides: Overrides
    transport: str
    stamps: StampsAsked
    processes: int | None  # None: as many as the load needs
    out: Path
    command: tuple[str, ...]
    quiet: bool = False
    once: bool = False
    trace: bool = False
    keep_trying: bool = False
    places: Places = Places()  # noqa: RUF009  # it never changes
    share: Share | None = None  # None: the whole load
    cluster: ClusterOptions | None = None  # None: this machine makes the load
    canary: bool = False  # whether loadws' own echo target is measured first
    outputs: tuple[Destination, ...] = ()  # where figures go while the load goes on
    formats: Chosen = Chosen()  # noqa: RUF009  # it never changes
    ci: Ci = Ci()  # noqa: RUF009  # it never changes
    dashboard: At | None = None  # where browsers can watch the run; None: nowhere


def told(parse: Callable[[str], T]) -> Callable[[str | T], T]:
    """Return a parser for typer that turns our errors into usage errors that name the option.

    Typer parses defaults too, which are returned as they are.
    """

    def convert(given: str | T) -> T:
        if not isinstance(given, str):
            return given
        try:
            return parse(given)
        except LoadwsError as error:
            raise typer.BadParameter(f"{error}; {error.advice}" if error.advice else str(error)) from None

    return convert


def parse_settings(texts: Iterable[str]) -> dict[str, str]:
    """Return the values of ``NAME=VALUE`` texts by their names; the last value of a name counts.

    Raises:
        UsageError: A text has no name or no ``=``.
    """
    settings = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"--set {text!r} sets nothing", "write --set NAME=VALUE")
        settings[name.strip()] = value
    return settings


def live_outputs(texts: Iterable[str] | None, prometheus: str | None) -> tuple[Destination, ...]:
    """Return the destinations of figures during the load. Raises ``UsageError`` for one that is not valid."""
    more = [] if prometheus is None else [f"prometheus={prometheus}"]
    destinations = tuple(parse_destination(text) for text in (*(texts or ()), *more))
    check_apart(destinations)
    return destinations


class Load(NamedTuple):
    """A number of users or of arrivals per second. ``has_unit``: it was written with ``/s``, so that it is no users."""

    amount: float
    has_unit: bool = False


def parse_dashboard(text: str) -> At:
    """Return where a dashboard is served. Raises ``UsageError``."""
    address = parse_listen(text)
    return At(address.host, address.port)


def parse_number(text: str) -> int:
    """Return a whole number from 0 to the largest seed.

    Raises:
        UsageError: The text is not such a number.
    """
    if not text.isascii() or not text.isdigit() or int(text) > LARGEST_NUMBER:
        raise UsageError(f"{text!r} is no whole number from 0 on", "write one: 0, 50, 1000")
    return int(text)


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Return a parser of whole numbers between these, both included; the parser raises ``UsageError``."""

    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise UsageError(f"{text!r} is no whole number from {least} to {most}", f"write one, as {least}")
        return int(text)

    return parse


def parse_load(text: str) -> Load:
    """Return a load above 0: a number of users, or of arrivals per second with or without its unit.

    Raises:
        UsageError: The text is not a load.
    """
    try:
        amount = float(text.removesuffix("/s"))
    except ValueError:
        amount = 0.0
    if not 0 < amount <= 1e9:
        raise UsageError(f"{text!r} is not a load", "write users as 100, or arrivals per second as 20/s")
    return Load(amount, text.endswith("/s"))


def refuse_alone(partner: str, given: object, options: Mapping[str, object]) -> None:
    """Refuse the first option that was given without its partner, because it would do nothing.

    Raises:
        UsageError: There is such an option.
    """
    for option, value in options.items():
        if value and given is None:
            raise UsageError(f"{option} does nothing without {partner}", f"say {partner} too, or leave it out")


def refuse_with(given: object, why: str, options: Mapping[str, object]) -> None:
    """Refuse the first of these options if another one was given beside which it would do nothing; ``why`` names that.

    Raises:
        UsageError: Both were given.
    """
    for option, value in options.items():
        if value and given:
            raise UsageError(f"{why}, so it goes without {option}")


def choose_places(places: Places, formats: Chosen | None, ci: Ci) -> tuple[Places, Chosen]:
    """Return the places, and the formats that a run writes.

    These are those asked for, or the default ones with those of the CI service, and in any case what a place needs.
    """
    chosen = (formats or Chosen().including(ci.formats)).including(places.formats())
    return replace(places, files=chosen.files(), later=ci.files), chosen


def parse_scale(text: str) -> float:
    """Return a factor above 0.

    Raises:
        UsageError: The text is not such a number.
    """
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 0 < scale <= 1e6:
        raise UsageError(f"{text!r} is not a factor", "write a number above 0: 0.1 for a tenth")
    return scale


def parse_processes(text: str) -> int | None:
    """Return a number of processes; None for ``auto``.

    Raises:
        UsageError: The text is neither a number of processes nor ``auto``.
    """
    if text == "auto":
        return None
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST_PROCESSES:
        raise UsageError(f"{text!r} is no number of processes", f"write one from 1 to {MOST_PROCESSES}, or auto")
    return int(text)


def make_overrides(
    *,
    target: str | None,
    settings: list[str] | None,
    users: int | None = None,
    rate: float | None = None,
    duration: int | None = None,
    scale: float | None = None,
    time_scale: float | None = None,
    seed: int | None = None,
    rules: list[str] | None = None,
    too_close: TooCloseVerdict | None = None,
    untrusted: bool = False,
) -> Overrides:
    """Return what the command line changes of the file, as the scenario room's record.

    ``rate`` is in arrivals per second, ``duration`` in nanoseconds.

    Raises:
        UsageError: A setting is not ``NAME=VALUE``.
    """
    from loadws.scenario.overrides import Overrides
    from loadws.terms.comparisons import is_comparison

    variables = parse_settings(settings or ())
    thresholds = tuple(rule for rule in rules or () if not is_comparison(rule))
    comparisons = tuple(rule for rule in rules or () if is_comparison(rule))
    return Overrides(
        target=target,
        variables=variables,
        users=users,
        rate=rate,
        duration_ns=duration,
        scale=scale,
        time_scale=time_scale,
        seed=seed,
        too_close=too_close,
        rules=thresholds,
        comparisons=comparisons,
        untrusted=untrusted,
    )


Scenario = Annotated[Path, typer.Argument(metavar="SCENARIO", help="The scenario, a YAML file.", show_default=False)]
Target = Annotated[
    str | None,
    typer.Option(
        "--target", metavar="URL", help="Where to connect, whatever the file says: ws://, wss://, builtin:echo."
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A variable's value: exactly this text where the file has text, else as YAML reads it. Repeat for several.",
    ),
]
Users = Annotated[
    int | None,
    typer.Option(
        "--users", parser=told(parse_number), metavar="N", help="The number of held users in the judged phase."
    ),
]
Rate = Annotated[
    float | None,
    typer.Option("--rate", metavar="RATE", parser=told(parse_rate), help="The rate at which users arrive, as 200/s."),
]
Duration = Annotated[
    int | None,
    typer.Option(
        "--duration", metavar="TIME", parser=told(parse_duration), help="How long the judged phase lasts, as 30s."
    ),
]
Scale = Annotated[
    float | None,
    typer.Option(
        "--scale",
        metavar="FACTOR",
        parser=told(parse_scale),
        help="Multiply users and arrival rates by this factor; 0.1 is a tenth.",
    ),
]
TimeScale = Annotated[
    float | None,
    typer.Option(
        "--time-scale",
        metavar="FACTOR",
        parser=told(parse_scale),
        help="Multiply how long phases and loops last by this factor; pauses and deadlines stay.",
    ),
]
Rules = Annotated[
    list[str] | None,
    typer.Option(
        "--rule",
        metavar="RULE",
        help="Another threshold, as 'response_time.p95 < 200ms', or with --baseline a change, as "
        "'response_time.p95 <= +10%'. Repeat for several.",
    ),
]
JunitAt = Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Copy junit.xml to this file.")]
SummaryAt = Annotated[
    Path | None,
    typer.Option("--summary", metavar="FILE", help="Copy the summary to this file, by its ending: .md or .json."),
]
ReportAt = Annotated[Path | None, typer.Option("--report", metavar="FILE", help="Copy report.html to this file.")]
OutputTo = Annotated[
    list[str] | None,
    typer.Option(
        "--output",
        metavar="KIND=WHERE",
        help="Write or send figures every second of the load, to one of ndjson, csv, prometheus, statsd, dogstatsd, "
        "influxdb, otlp. Repeat for several; see loadws docs outputs.",
    ),
]
PrometheusAt = Annotated[
    str | None,
    typer.Option(
        "--prometheus",
        metavar="[HOST:PORT]",
        help="Serve figures for Prometheus there; without an address at 127.0.0.1:9464. Short for --output prometheus=...",
    ),
]
Formats = Annotated[
    Chosen | None,
    typer.Option(
        "--formats",
        metavar="NAME,...",
        parser=told(parse_formats),
        help=f"Which files are made of the run: {', '.join(FORMATS)}.",
        show_default=",".join(DEFAULT),
    ),
]
FormatsTo = Annotated[
    Path | None,
    typer.Option(
        "--formats-to",
        metavar="DIR",
        help="Copy the files of --formats into this folder too, where a pipeline finds them.",
    ),
]
CiOption = Annotated[
    CiAsked,
    typer.Option(
        "--ci",
        help="The CI service that gets the result. auto: the one of the environment. See loadws docs ci.",
    ),
]
DashboardAt = Annotated[
    At | None,
    typer.Option(
        "--dashboard",
        metavar="[HOST:PORT]",
        parser=told(parse_dashboard),
        help="Show the run live in the browser; without an address, on a free port of 127.0.0.1.",
    ),
]
Transport = Annotated[
    TransportName,
    typer.Option(
        "--transport", help="The WebSocket client: loadws' own, or a well-known library for a second opinion."
    ),
]
Stamps = Annotated[
    StampsAsked,
    typer.Option(
        help="What stamps the receipt of answers: loadws as it reads, or the kernel. auto: the kernel if it can."
    ),
]
TooClose = Annotated[
    TooCloseVerdict | None,
    typer.Option(
        "--too-close",
        help="The verdict where samples are too few to tell on which side of its limit a percentile is.",
        show_default="as the scenario says, else inconclusive",
    ),
]
Untrusted = Annotated[
    bool,
    typer.Option(
        "--untrusted",
        help="Refuse what could harm this machine: call, files outside of the scenario's folder, the environment.",
    ),
]
KeepTrying = Annotated[
    bool,
    typer.Option("--keep-trying", help="Continue while no connection can be opened: the server starts later."),
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", parser=told(parse_number), metavar="N", help="The same seed, the same load."),
]
Processes = Annotated[
    int | None,
    typer.Option(
        "--processes",
        parser=told(parse_processes),
        metavar="N|auto",
        help="The number of processes that make the load. auto: as many as it needs and there are cores for.",
        show_default="auto",
    ),
]
