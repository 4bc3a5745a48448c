"""The commands that compare runs, and their options, as typer reads them. What a command does is imported when it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from loadws.cli.usage import BETWEEN, TwoSides, examples, exit_codes
from loadws.terms.errors import UsageError

ComparisonRules = Annotated[
    list[str] | None,
    typer.Option(
        "--rule",
        metavar="RULE",
        help="What must hold: a change ('response_time.p99 <= +10%') or a value ('error_rate < 1%'). Repeat for several.",
    ),
]
AcrossMachines = Annotated[
    bool,
    typer.Option("--across-machines", help="Gate although the machines, or the versions of loadws, differ."),
]
JsonAt = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write the comparison to this file, as JSON.")
]

Repeat = Annotated[int, typer.Option("--repeat", min=1, max=100, metavar="N", help="Make so many runs, one by one.")]
BaselineOf = Annotated[
    str | None,
    typer.Option(
        "--baseline",
        metavar="RUN|GLOB|NAME",
        help="Compare with these runs, or with a saved baseline. Reads only. Without one there, the exit code is 3.",
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
    """What ``loadws run`` was asked beside the run itself: how often, against what, and where the result is saved."""

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
) -> None:
    """Compare runs with a baseline, and say whether a rule is broken.

    The runs are not paired, so several a side are needed: with one a side the comparison is weaker, and says so. loadws ab
    is the surer way. Rules are those of --rule, else of the scenario's compare section, else response times and errors.
    """
    baseline, candidate = _sides(runs)
    from loadws.cli.comparing.compare import CompareOptions, compare_command

    raise typer.Exit(compare_command(CompareOptions(baseline, candidate, tuple(rules or ()), across_machines, json_)))


def _sides(words: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the baseline's words and the candidate's. Two words need no ``--``."""
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
