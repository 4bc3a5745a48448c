"""Every command and its options, as typer reads them. What a command does is imported when it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from loadws import __version__
from loadws.cli.options import (
    DEFAULT_TRANSPORT,
    Duration,
    KeepTrying,
    Page,
    Processes,
    Rate,
    RunOptions,
    Scale,
    Scenario,
    SchemaOf,
    Seed,
    Settings,
    Stamps,
    Target,
    TooClose,
    Transport,
    Untrusted,
    Users,
    make_overrides,
)
from loadws.cli.target_options import (
    LISTEN,
    AnnounceAs,
    CloseAfter,
    CloseAll,
    Delay,
    Drop,
    Duplicate,
    FaultSeed,
    Jitter,
    Listen,
    Login,
    ModeOf,
    Reject,
    Reorder,
    StallOf,
    Tick,
    Tls,
    TlsCa,
    UntilStdinCloses,
)
from loadws.target.options import TargetOptions
from loadws.terms.errors import ExitCode

app = typer.Typer(
    name="loadws",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _examples(*lines: str) -> str:
    """An epilog: typer keeps only lines apart that an empty one parts."""
    return "\n\n".join(("Examples:", *lines))


def _exit_codes() -> str:
    return "Exit codes: " + "; ".join(f"{code.value} {code.meaning}" for code in sorted(ExitCode)) + "."


def _print_version(asked: bool) -> None:
    if asked:
        print(f"loadws {__version__}")
        raise typer.Exit


@app.callback(epilog=_examples("loadws run scenarios/quickstart.yaml", "loadws init my.yaml && loadws run my.yaml"))
def loadws(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Load tests for WebSocket servers: YAML scenarios, honest latencies, a verdict for CI, a report to look at."""


@app.command(
    epilog=_examples(
        "loadws run scenarios/quickstart.yaml",
        "loadws run chat.yaml --target ws://127.0.0.1:8765/chat --users 50 --duration 30s",
        "loadws run chat.yaml --trace",
    )
    + "\n\n"
    + _exit_codes()
)
def run(
    scenario: Scenario,
    target: Target = None,
    settings: Settings = None,
    users: Users = None,
    rate: Rate = None,
    duration: Duration = None,
    scale: Scale = None,
    seed: Seed = None,
    transport: Transport = DEFAULT_TRANSPORT,
    stamps: Stamps = "auto",
    processes: Processes = None,
    too_close: TooClose = None,
    keep_trying: KeepTrying = False,
    untrusted: Untrusted = False,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the run's folder goes.")] = Path("reports"),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No live view; the result at the end.")] = False,
    once: Annotated[
        bool, typer.Option("--once", help="One user runs its flow once; judged and written as ever.")
    ] = False,
    trace: Annotated[
        bool,
        typer.Option(
            "--trace",
            help="One user, once: print every frame, handshake and step, whom each message was held against, and why not.",
        ),
    ] = False,
) -> None:
    """Run a scenario, judge it, and write its report."""
    overrides = make_overrides(target, settings, users, rate, duration, scale, seed, too_close, untrusted)
    from loadws.cli.run import run_command  # takes a while, which a wrong command line need not wait for

    options = RunOptions(
        scenario, overrides, transport, stamps, processes, out, quiet, once, trace, keep_trying, tuple(sys.argv)
    )
    raise typer.Exit(run_command(options))


@app.command(epilog=_examples("loadws validate scenarios/*.yaml", "loadws validate --untrusted pull-request/*.yaml"))
def validate(
    scenarios: Annotated[list[Path], typer.Argument(metavar="SCENARIO...", help="Scenario files.", show_default=False)],
    transport: Transport = DEFAULT_TRANSPORT,
    untrusted: Untrusted = False,
) -> None:
    """Find everything that is wrong with scenario files, or that the transport cannot do, without a network.

    Modules that a call names are imported, so their code is run, unless --untrusted refuses them.
    """
    from loadws.cli.validate import validate_command

    raise typer.Exit(validate_command(scenarios, transport, untrusted))


@app.command(epilog=_examples("loadws plan scenarios/spike.yaml", "loadws plan scenarios/arrivals.yaml --scale 10"))
def plan(
    scenario: Scenario,
    target: Target = None,
    settings: Settings = None,
    users: Users = None,
    rate: Rate = None,
    duration: Duration = None,
    scale: Scale = None,
    seed: Seed = None,
    untrusted: Untrusted = False,
) -> None:
    """Show what the load will look like, and what this machine needs for it, without running it."""
    from loadws.cli.plan import plan_command

    overrides = make_overrides(target, settings, users, rate, duration, scale, seed, untrusted=untrusted)
    raise typer.Exit(plan_command(scenario, overrides))


@app.command(
    epilog=_examples(
        "loadws target --mode json --delay 20ms --jitter 5ms",
        "loadws target --listen 127.0.0.1:0 --reject 503:0.1 --drop 1% --seed 7",
        "loadws target --stall 2s@10s",
        "loadws target --tls --tls-ca ca.pem",
    )
)
def target(
    listen: Listen = LISTEN,
    mode: ModeOf = "echo",
    delay: Delay = 0,
    jitter: Jitter = 0,
    stall: StallOf = None,
    reject: Reject = None,
    close_after: CloseAfter = None,
    close_all: CloseAll = None,
    drop: Drop = 0,
    tick: Tick = 20_000_000,
    login: Login = None,
    duplicate: Duplicate = 0,
    reorder: Reorder = 0,
    tls: Tls = False,
    tls_ca: TlsCa = None,
    seed: FaultSeed = 0,
    announce: AnnounceAs = "text",
    until_stdin_closes: UntilStdinCloses = False,
) -> None:
    """Serve WebSocket: echo, broadcast, JSON or a feed, with faults on purpose. Prints what it saw when it ends."""
    from loadws.target.process import Serving, run_target

    options = TargetOptions(
        mode, delay, jitter, stall, reject, close_after, drop, seed, close_all, tick, login, duplicate, reorder
    )
    run_target(Serving(options, listen, tls or tls_ca is not None, tls_ca, announce, until_stdin_closes))


@app.command(epilog=_examples("loadws calibrate", "loadws calibrate --json > calibration.json"))
def calibrate(
    target: Annotated[
        str, typer.Option(metavar="URL", help="What answers: an echo, of your own or built in.")
    ] = "builtin:echo",
    transport: Transport = DEFAULT_TRANSPORT,
    json_: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Find out, in under a minute, what this machine can generate. Later runs that ask for more are warned of it."""
    from loadws.cli.calibrate import calibrate_command
    from loadws.fleet.machine.calibrate import Effort

    raise typer.Exit(calibrate_command(target, transport, json_, Effort()))


@app.command(
    epilog=_examples("loadws report reports/quickstart/latest", "loadws report reports/quickstart/latest --open")
)
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.", show_default=False)],
    open_: Annotated[bool, typer.Option("--open", help="Show the report in the browser.")] = False,
) -> None:
    """Make every derived file of a run again from its data, also of a run that was killed."""
    from loadws.cli.report import report_command

    report_command(run, open_)


@app.command(epilog=_examples("loadws schema > loadws.schema.json", "loadws schema summary"))
def schema(
    of: Annotated[SchemaOf, typer.Argument(metavar="[scenario|summary]", help="Of which file.")] = "scenario",
) -> None:
    """Print the JSON Schema of a scenario file (for editors), or of summary.json."""
    from loadws.cli.schema import schema_command

    schema_command(of)


@app.command(epilog=_examples("loadws docs", "loadws docs language > language.md"))
def docs(
    page: Annotated[Page, typer.Argument(metavar="[language]", help="Which page.")] = "language",
) -> None:
    """Show the reference of the scenario language: every verb and key, with examples."""
    from loadws.cli.docs import docs_command

    docs_command(page)


@app.command(epilog=_examples("loadws init", "loadws init chat.yaml"))
def init(
    file: Annotated[Path, typer.Argument(metavar="[FILE]", help="The file to write.")] = Path("scenario.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write a commented starter scenario that runs as it is."""
    from loadws.cli.init import init_command

    init_command(file, force)
