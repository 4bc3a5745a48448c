"""The commands that compare runs, and their options, as typer reads them. What a command does is imported when it runs."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from loadws.cli.options import (
    CiOption,
    Duration,
    Load,
    Processes,
    Rate,
    RunOptions,
    Scale,
    Scenario,
    Seed,
    Settings,
    Stamps,
    Target,
    TimeScale,
    Transport,
    Untrusted,
    Users,
    make_overrides,
    parse_load,
    told,
    whole_number,
)
from loadws.cli.usage import BETWEEN, TwoSides, examples, exit_codes
from loadws.report.pipelines.services import find_service
from loadws.terms.errors import UsageError
from loadws.terms.transports import DEFAULT_TRANSPORT
from loadws.terms.units import parse_duration

ComparisonRules = Annotated[
    list[str] | None,
    typer.Option(
        "--rule",
        metavar="RULE",
        help="What must hold: a change ('response_time.p99 <= +10%') or a value ('error_rate < 1%'). Repeat for several.",
    ),
]
SideA = Annotated[
    list[str] | None,
    typer.Option("--a", metavar="NAME=VALUE", help="How side A, the baseline, differs. Repeat for several."),
]
SideB = Annotated[
    list[str] | None,
    typer.Option("--b", metavar="NAME=VALUE", help="How side B, the candidate, differs. Repeat for several."),
]
AcrossMachines = Annotated[
    bool,
    typer.Option(
        "--across-machines", help="Let the comparison decide although the machines, or the versions of loadws, differ."
    ),
]
JsonAt = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write the comparison to this file, as JSON.")
]
HtmlAt = Annotated[
    Path | None,
    typer.Option(
        "--html", metavar="FILE", help="Write the comparison to this file, as a page: both sides on the same axes."
    ),
]

Repeat = Annotated[
    int,
    typer.Option(
        "--repeat", metavar="N", parser=told(whole_number(1, 100)), help="Make so many runs, one after the other."
    ),
]
BaselineOf = Annotated[
    str | None,
    typer.Option(
        "--baseline",
        metavar="RUN|GLOB|NAME",
        help="Compare with these runs, or with a saved baseline. If there is none, the exit code is 3.",
    ),
]
SaveBaseline = Annotated[
    str | None,
    typer.Option(
        "--save-baseline",
        metavar="NAME",
        help="Save the runs as baselines/SCENARIO/NAME.json, or as a path, if all passed.",
    ),
]
AllowNoBaseline = Annotated[
    bool, typer.Option("--allow-no-baseline", help="Let a run pass that has no baseline to be compared with.")
]


@dataclass(frozen=True, slots=True)
class Against:
    """The options of ``loadws run`` besides the run itself: how often, what to compare with, and where to save the
    result.
    """

    repeat: int = 1
    baseline: str | None = None
    save: str | None = None
    allow_no_baseline: bool = False
    across_machines: bool = False

    def __bool__(self) -> bool:
        return self.repeat > 1 or self.baseline is not None or self.save is not None


def add_comparing(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command(
        "compare",
        cls=TwoSides,
        epilog=examples(
            "loadws compare reports/chat/20261101T080000Z -- reports/chat/latest",
            "loadws compare 'main/*' -- 'branch/*' --rule 'response_time.p99 <= +10%'",
        )
        + "\n\n"
        + exit_codes(),
    )(compare)

    app.command(
        "ab",
        epilog=examples(
            "loadws ab chat.yaml --a 'target=ws://127.0.0.1:8001' --b 'target=ws://127.0.0.1:8002'",
            "loadws ab chat.yaml --b transport=trio-websocket --rule 'response_time.p99 <= +10%' --budget 5m",
            "loadws ab before.yaml after.yaml",
        )
        + "\n\n"
        + exit_codes(),
    )(ab)
    app.command(
        "history", epilog=examples("loadws history reports/chat", "loadws history reports --html history.html")
    )(history)
    app.command(
        "search",
        epilog=examples(
            "loadws search chat.yaml --vary users --from 10 --to 2000 --until 'response_time.p99 < 200ms'",
        ),
    )(search)


def ab(
    scenario: Scenario,
    other: Annotated[
        Path | None,
        typer.Argument(metavar="[SCENARIO_B]", help="Another scenario for side B.", show_default=False),
    ] = None,
    a: SideA = None,
    b: SideB = None,
    rules: ComparisonRules = None,
    slices: Annotated[
        int,
        typer.Option(
            "--slices",
            metavar="N",
            parser=told(whole_number(2, 200)),
            help="Slices of each side, before a failure is confirmed.",
        ),
    ] = 12,
    longest: Annotated[
        int,
        typer.Option(
            "--slice",
            metavar="TIME",
            parser=told(parse_duration),
            help="The longest that a slice may last.",
            show_default="10s",
        ),
    ] = 10_000_000_000,
    settle: Annotated[
        int,
        typer.Option(
            "--settle",
            metavar="TIME",
            parser=told(parse_duration),
            help="How long each slice warms up, where the scenario has no warm-up.",
            show_default="1s",
        ),
    ] = 1_000_000_000,
    budget: Annotated[
        int | None,
        typer.Option(
            "--budget",
            metavar="TIME",
            parser=told(parse_duration),
            help="The longest that all of it may last, as 5m; what is undecided then is inconclusive.",
        ),
    ] = None,
    target: Target = None,
    settings: Settings = None,
    users: Users = None,
    rate: Rate = None,
    scale: Scale = None,
    time_scale: TimeScale = None,
    seed: Seed = None,
    transport: Transport = DEFAULT_TRANSPORT,
    stamps: Stamps = "auto",
    processes: Processes = None,
    untrusted: Untrusted = False,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the comparison's folder goes.")] = Path("reports"),
    json_: JsonAt = None,
    html: HtmlAt = None,
    ci: CiOption = "auto",
) -> int:
    """Compare two sides by short slices that take turns.

    This is the most reliable comparison on a noisy machine. The sides differ by --a and --b: target=URL, users=N, rate=R,
    duration=T, scale=F, transport=NAME, scenario=FILE, or a variable of the scenario. A failure is confirmed by a second set
    of slices; clearly equal sides end early.
    """
    import secrets

    from loadws.cli.comparing.ab import AbOptions, ab_command
    from loadws.cli.comparing.sides import side_options
    from loadws.cli.running.ci import told_errors

    overrides = make_overrides(
        target=target,
        settings=settings,
        users=users,
        rate=rate,
        scale=scale,
        time_scale=time_scale,
        untrusted=untrusted,
    )
    common = RunOptions(
        scenario=scenario,
        overrides=overrides,
        transport=transport,
        stamps=stamps,
        processes=processes,
        out=out,
        command=tuple(sys.argv),
        keep_trying=True,
    )
    changes = _changes(a, b, other)
    sides = side_options(common, "a", changes[0]), side_options(common, "b", changes[1])
    names = ", ".join(changes[0]) or str(scenario), ", ".join(changes[1]) or str(scenario)
    asked = AbOptions(
        rules=tuple(rules or ()),
        slices=slices,
        longest_ns=longest,
        settle_ns=settle,
        budget_ns=budget,
        seed=secrets.randbits(31) if seed is None else seed,
        json=json_,
        html=html,
        ci=find_service(ci, os.environ),
    )
    with told_errors(asked.ci, scenario.name):
        return ab_command(*sides, names, asked)


def _changes(a: list[str] | None, b: list[str] | None, other: Path | None) -> tuple[list[str], list[str]]:
    """Return what each side changes; ``other`` is B's own scenario.

    Raises:
        UsageError: Neither side changes anything.
    """
    changes = list(a or ()), [*((f"scenario={other}",) if other is not None else ()), *(b or ())]
    if not any(changes):
        raise UsageError("both sides are the same", "say how B differs: --b 'target=ws://…', or name a second scenario")
    return changes


def history(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder with runs, at any depth.", show_default=False)
    ],
    values: Annotated[
        list[str] | None,
        typer.Option("--value", metavar="VALUE", help="A value to follow, as response_time.p99. Repeat for several."),
    ] = None,
    json_: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the history to this file, as JSON.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the history to this file, as a page.")
    ] = None,
) -> None:
    """Show the runs of a scenario over time, with change points.

    A change needs at least three runs on either side, on one machine. Runs with --canary tell a changed machine from a
    changed product.
    """
    from loadws.cli.comparing.history import history_command

    history_command(folder, values or (), json_, html)


def search(
    scenario: Scenario,
    vary: Annotated[
        Literal["users", "rate"], typer.Option("--vary", help="What the search increases in the judged phase.")
    ],
    least: Annotated[
        Load,
        typer.Option(
            "--from", metavar="A", parser=told(parse_load), help="The load to begin with: users, or a rate as 20/s."
        ),
    ],
    most: Annotated[Load, typer.Option("--to", metavar="B", parser=told(parse_load), help="The largest load to try.")],
    until: Annotated[
        list[str] | None,
        typer.Option(
            "--until", "--rule", metavar="RULE", help="A rule that must hold. Without it: the scenario's thresholds."
        ),
    ] = None,
    settle: Annotated[
        int,
        typer.Option(
            "--settle",
            metavar="TIME",
            parser=told(parse_duration),
            help="How long each level warms up, where the scenario has no warm-up.",
            show_default="1s",
        ),
    ] = 1_000_000_000,
    target: Target = None,
    settings: Settings = None,
    duration: Duration = None,
    seed: Seed = None,
    transport: Transport = DEFAULT_TRANSPORT,
    stamps: Stamps = "auto",
    processes: Processes = None,
    untrusted: Untrusted = False,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the search's folder goes.")] = Path("reports"),
    json_: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the levels to this file.")] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the levels and their curve as a page.")
    ] = None,
    ci: CiOption = "auto",
) -> int:
    """Search for the largest load that meets the rules.

    The load doubles until a rule is broken, then the gap is halved, and the result must hold once more. The search stops
    with a message where loadws itself is the limit.
    """
    import secrets

    from loadws.cli.comparing.search import SearchOptions, search_command
    from loadws.cli.running.ci import told_errors

    overrides = make_overrides(target=target, settings=settings, duration=duration, untrusted=untrusted)
    run = RunOptions(
        scenario=scenario,
        overrides=overrides,
        transport=transport,
        stamps=stamps,
        processes=processes,
        out=out,
        command=tuple(sys.argv),
        keep_trying=True,
    )
    asked = SearchOptions(
        vary,
        _amount("--from", least, vary),
        _amount("--to", most, vary),
        tuple(until or ()),
        settle,
        secrets.randbits(31) if seed is None else seed,
        json_,
        html,
        find_service(ci, os.environ),
    )
    with told_errors(asked.ci, scenario.name):
        return search_command(run, asked)


def _amount(option: str, load: Load, vary: str) -> float:
    """Return the number of a load.

    Raises:
        UsageError: It is no whole number of users, where users vary.
    """
    if vary == "users" and (load.has_unit or load.amount != int(load.amount)):
        shown = f"{load.amount:g}/s" if load.has_unit else f"{load.amount:g}"
        raise UsageError(f"{option} {shown} is no number of users", "write a whole number, or say --vary rate")
    return load.amount


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="BASELINE... -- CANDIDATE...",
            help="Run folders, summary files, saved baselines, or globs of these.",
            show_default=False,
        ),
    ],
    rules: ComparisonRules = None,
    across_machines: AcrossMachines = False,
    json_: JsonAt = None,
    html: HtmlAt = None,
    ci: CiOption = "auto",
) -> int:
    """Compare runs with a baseline, and report broken rules.

    The runs are not paired, so each side needs several: with one run on each side the comparison is weaker, and says so.
    loadws ab is more reliable. Rules are those of --rule, else of the scenario's compare section, else response times and
    errors.
    """
    baseline, candidate = _sides(runs)
    from loadws.cli.comparing.compare import CompareOptions, compare_command
    from loadws.cli.running.ci import told_errors

    service = find_service(ci, os.environ)
    with told_errors(service, "comparison"):
        asked = CompareOptions(baseline, candidate, tuple(rules or ()), across_machines, json_, html, service)
        return compare_command(asked)


def _sides(words: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the baseline's words and the candidate's. Two words need no ``--``.

    Raises:
        UsageError: The words do not tell the sides apart, or a side is empty.
    """
    if BETWEEN not in words and len(words) == 2:
        return (words[0],), (words[1],)
    if words.count(BETWEEN) != 1:
        raise UsageError(
            "say which runs are the baseline and which the candidate",
            "write -- between them: loadws compare BASELINE… -- CANDIDATE…",
        )
    at = words.index(BETWEEN)
    if not words[:at] or not words[at + 1 :]:
        raise UsageError("a side of the comparison is empty", "write: loadws compare BASELINE… -- CANDIDATE…")
    return tuple(words[:at]), tuple(words[at + 1 :])
