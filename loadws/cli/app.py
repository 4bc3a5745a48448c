"""Every command and its options, as typer reads them. What a command does is imported when it runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from loadws.cli.comparing.commands import (
    AcrossMachines,
    Against,
    AllowNoBaseline,
    BaselineOf,
    Repeat,
    SaveBaseline,
    add_comparing,
)
from loadws.cli.importing.commands import imports
from loadws.cli.init import Template
from loadws.cli.machines.commands import MERGE_EXAMPLES, SHARD_EXAMPLES, merge, shard
from loadws.cli.machines.options import ClusterAt, ClusterOptionsAt, InsecureCluster, SharesOf, TolerateLoss
from loadws.cli.options import (
    AssetsAre,
    CiOption,
    DashboardAt,
    Duration,
    Formats,
    FormatsTo,
    JunitAt,
    KeepTrying,
    OutputTo,
    Processes,
    PrometheusAt,
    Rate,
    ReportAt,
    Rules,
    RunOptions,
    Scale,
    Scenario,
    SchemaOf,
    Seed,
    Settings,
    Stamps,
    SummaryAt,
    Target,
    TimeScale,
    TooClose,
    Transport,
    Untrusted,
    Users,
    choose_places,
    live_outputs,
    make_overrides,
    refuse_alone,
    refuse_with,
    told,
)
from loadws.cli.places import Places
from loadws.cli.quick.stored_help import version_line
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
from loadws.cli.usage import Commands
from loadws.cli.usage import examples as _examples
from loadws.cli.usage import exit_codes as _exit_codes
from loadws.cli.viewing.commands import VIEW_EXAMPLES, view
from loadws.outputs.destinations import to_stdout
from loadws.report.formats.formats import DEFAULT, FORMATS, Chosen, parse_formats
from loadws.report.pipelines.services import find_service
from loadws.target.options import TargetOptions
from loadws.terms.transports import DEFAULT_TRANSPORT

app = typer.Typer(
    name="loadws",
    cls=Commands,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        print(version_line())
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
    time_scale: TimeScale = None,
    rules: Rules = None,
    seed: Seed = None,
    transport: Transport = DEFAULT_TRANSPORT,
    stamps: Stamps = "auto",
    processes: Processes = None,
    too_close: TooClose = None,
    keep_trying: KeepTrying = False,
    untrusted: Untrusted = False,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the run's folder goes.")] = Path("reports"),
    junit: JunitAt = None,
    summary: SummaryAt = None,
    report: ReportAt = None,
    output: OutputTo = None,
    prometheus: PrometheusAt = None,
    formats: Formats = None,
    formats_to: FormatsTo = None,
    ci: CiOption = "auto",
    dashboard: DashboardAt = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No live view; the result at the end.")] = False,
    once: Annotated[
        bool, typer.Option("--once", help="One user of each type runs its flow once; judged and written as ever.")
    ] = False,
    repeat: Repeat = 1,
    baseline: BaselineOf = None,
    save_baseline: SaveBaseline = None,
    allow_no_baseline: AllowNoBaseline = False,
    canary: Annotated[
        bool, typer.Option("--canary", help="Measure loadws' own echo target for a second first, for loadws history.")
    ] = False,
    across_machines: AcrossMachines = False,
    cluster: ClusterAt = None,
    cluster_file: ClusterOptionsAt = None,
    insecure_cluster: InsecureCluster = False,
    tolerate_loss: TolerateLoss = 0,
    shares: SharesOf = (),
    trace: Annotated[
        bool,
        typer.Option(
            "--trace",
            help="One user of each type, once: print every frame, handshake and step, and why a message matched or not.",
        ),
    ] = False,
) -> int:
    """Run a scenario, judge it, and write its report."""
    service = find_service(ci, os.environ)
    places, chosen = choose_places(Places(junit, summary, report, formats_to), formats, service)
    refuse_with(
        trace, "--trace writes nothing", {"--junit, --summary, --report and --formats": places or formats is not None}
    )
    measures = {"--canary": canary, "--output": output or prometheus, "--dashboard": dashboard}
    refuse_with(trace, "--trace measures nothing", measures)
    outputs = live_outputs(output, prometheus)
    refuse_alone(
        "--baseline", baseline, {"--allow-no-baseline": allow_no_baseline, "--across-machines": across_machines}
    )
    refuse_alone(
        "--cluster",
        cluster,
        {
            "--cluster-options": cluster_file,
            "--insecure-cluster": insecure_cluster,
            "--tolerate-loss": tolerate_loss,
            "--shares": shares,
        },
    )
    if sys.stderr.isatty():
        print(f"starting {scenario} ...", file=sys.stderr, flush=True)
    overrides = make_overrides(
        target=target,
        settings=settings,
        users=users,
        rate=rate,
        duration=duration,
        scale=scale,
        time_scale=time_scale,
        seed=seed,
        rules=rules,
        too_close=too_close,
        untrusted=untrusted,
    )
    from loadws.cli.running.run import run_command  # slow to import, and of no use to a wrong command line

    against = Against(repeat, baseline, save_baseline, allow_no_baseline, across_machines)
    refuse_with(
        against or overrides.comparisons, "stdout is for the comparison", {"--output KIND=-": to_stdout(outputs)}
    )
    refuse_with(repeat > 1, "a dashboard shows one run", {"--dashboard": dashboard})
    machines = None
    if cluster is not None:
        from loadws.cli.machines.cluster import cluster_options

        machines = cluster_options(
            cluster, cluster_file, insecure_cluster, tolerate_loss, shares, once=once, trace=trace
        )
    options = RunOptions(
        scenario=scenario,
        overrides=overrides,
        transport=transport,
        stamps=stamps,
        processes=processes,
        out=out,
        command=tuple(sys.argv),
        quiet=quiet,
        once=once,
        trace=trace,
        keep_trying=keep_trying,
        places=places,
        cluster=machines,
        canary=canary,
        outputs=outputs,
        formats=chosen,
        ci=service,
        dashboard=dashboard,
    )
    from loadws.cli.running.ci import told_errors

    with told_errors(service, scenario.name), places.tidy():
        if not against and not overrides.comparisons:
            return run_command(options)
        from loadws.cli.comparing.repeat import repeat_command

        return repeat_command(options, against)


@app.command(epilog=_examples("loadws validate scenarios/*.yaml", "loadws validate --untrusted pull-request/*.yaml"))
def validate(
    scenarios: Annotated[list[Path], typer.Argument(metavar="SCENARIO...", help="Scenario files.", show_default=False)],
    transport: Transport = DEFAULT_TRANSPORT,
    untrusted: Untrusted = False,
) -> int:
    """Find every mistake in scenario files.

    This includes options that the transport does not have. No load is made and no network is needed. Modules that a call
    names are imported, so their code is run, unless --untrusted refuses them.
    """
    from loadws.cli.validate import validate_command

    return validate_command(scenarios, transport, untrusted)


@app.command(epilog=_examples("loadws plan scenarios/spike.yaml", "loadws plan scenarios/arrivals.yaml --scale 10"))
def plan(
    scenario: Scenario,
    target: Target = None,
    settings: Settings = None,
    users: Users = None,
    rate: Rate = None,
    duration: Duration = None,
    scale: Scale = None,
    time_scale: TimeScale = None,
    rules: Rules = None,
    seed: Seed = None,
    untrusted: Untrusted = False,
) -> int:
    """Show the planned load, and what this machine needs for it.

    No load is made.
    """
    from loadws.cli.planning.plan import plan_command

    overrides = make_overrides(
        target=target,
        settings=settings,
        users=users,
        rate=rate,
        duration=duration,
        scale=scale,
        time_scale=time_scale,
        seed=seed,
        rules=rules,
        untrusted=untrusted,
    )
    return plan_command(scenario, overrides)


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
    """Serve WebSocket, with faults on purpose.

    It answers as an echo, a broadcast, JSON or a feed. When it ends, it prints its counts.
    """
    from loadws.target.process import Serving, run_target

    options = TargetOptions(
        mode, delay, jitter, stall, reject, close_after, drop, seed, close_all, tick, login, duplicate, reorder
    )
    run_target(Serving(options, listen, tls or tls_ca is not None, tls_ca, announce, until_stdin_closes))


@app.command(epilog=_examples("loadws calibrate", "loadws calibrate --json > calibration.json"))
def calibrate(
    target: Annotated[
        str, typer.Option(metavar="URL", help="The server to measure with: an echo, your own or built in.")
    ] = "builtin:echo",
    transport: Transport = DEFAULT_TRANSPORT,
    json_: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> int:
    """Measure the highest load that this machine can generate.

    This needs under a minute. Later runs that ask for a higher load print a warning.
    """
    from loadws.cli.calibrate import calibrate_command
    from loadws.fleet.machine.calibrate import Effort

    return calibrate_command(target, transport, json_, Effort())


@app.command(
    epilog=_examples(
        "loadws report reports/quickstart/latest --open",
        "loadws report reports/quickstart/latest --assets beside",
        "loadws report reports/quickstart/latest --svg charts --csv charts",
    )
)
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.", show_default=False)],
    open_: Annotated[bool, typer.Option("--open", help="Show the report in the browser.")] = False,
    assets: Annotated[
        AssetsAre,
        typer.Option(help="beside: write report.css and report.js next to it, for servers that block inline styles."),
    ] = "inline",
    slim: Annotated[bool, typer.Option("--slim", help="Leave out the script: the charts are pictures.")] = False,
    svg: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write each chart as SVG there.", show_default=False)
    ] = None,
    png: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write each chart as PNG there.", show_default=False)
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write each chart's numbers as CSV there.", show_default=False)
    ] = None,
    formats: Annotated[
        Chosen | None,
        typer.Option(
            "--formats",
            metavar="NAME,...",
            parser=told(parse_formats),
            help=f"Which files are made: {', '.join(FORMATS)}.",
            show_default=f"{','.join(DEFAULT)}, and those that are there",
        ),
    ] = None,
) -> None:
    """Make a run's reports again from its data.

    This also works for a run that was killed.
    """
    from loadws.cli.report import Wanted, report_command

    folders = {kind: folder for kind, folder in (("svg", svg), ("png", png), ("csv", csv)) if folder is not None}
    report_command(run, Wanted(open_, assets == "beside", slim, folders, formats))


@app.command(epilog=_examples("loadws schema > loadws.schema.json", "loadws schema summary"))
def schema(
    of: Annotated[SchemaOf, typer.Argument(metavar="[scenario|summary]", help="Of which file.")] = "scenario",
) -> None:
    """Print the JSON Schema of scenarios, or of summaries.

    The schema of scenarios is for editors, that of summary.json for programs.
    """
    from loadws.cli.schema import schema_command

    schema_command(of)


@app.command(
    epilog=_examples(
        "loadws docs",
        "loadws docs start",
        "loadws docs wait_for",
        "loadws docs language > language.md",
        "loadws docs ci gitlab > .gitlab-ci.yml",
    )
)
def docs(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PAGE|WORD]", help="A page, or a word to find; without one, the list of pages."),
    ] = None,
) -> None:
    """Show the documentation, or what it says about a word.

    It has the reference of the scenario language, recipes, and the meaning of every number and every error.
    """
    from loadws.cli.docs import docs_command

    docs_command(words or ())


@app.command(epilog=_examples("loadws init", "loadws init chat.yaml --template chat", "loadws docs start"))
def init(
    file: Annotated[Path, typer.Argument(metavar="[FILE]", help="The file to write.")] = Path("scenario.yaml"),
    template: Annotated[
        Template,
        typer.Option(
            help="What the scenario does. echo: a first request. chat: a room, every message followed to its receivers. "
            "json-rpc: many requests in flight. login: HTTP first. feed: subscribe and receive. "
            "spike: a rush of newcomers. ci: a gate for a pipeline."
        ),
    ] = "echo",
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Write a commented starter scenario that runs as it is."""
    from loadws.cli.init import init_command

    init_command(file, template, force)


add_comparing(app)
app.add_typer(imports)
app.command(epilog=_examples(*SHARD_EXAMPLES) + "\n\n" + _exit_codes())(shard)
app.command(epilog=_examples(*MERGE_EXAMPLES) + "\n\n" + _exit_codes())(merge)
app.command(epilog=_examples(*VIEW_EXAMPLES))(view)
