"""``loadws plan``: the load as it will be, and whether this machine can make it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from loadws.cli.masked import masked_errors
from loadws.cli.options import DEFAULT_TRANSPORT
from loadws.cli.planning.chart import MARGIN, chart, ruler
from loadws.cli.planning.samples import short_of_samples
from loadws.fleet.machine.calibration import doubt
from loadws.fleet.machine.ports import pairs_of
from loadws.fleet.machine.preflight import UNKNOWN, Need, check_fit, look_at_machine, needs_of_run
from loadws.fleet.machine.process_count import choose_processes
from loadws.plan.demand import is_paced, most_messages_per_s
from loadws.plan.plan import make_plan
from loadws.report.plain import in_ascii, plain
from loadws.scenario.build import Loaded, load_scenario
from loadws.scenario.overrides import Overrides
from loadws.scenario.yaml.explain import explain
from loadws.terms.errors import ExitCode
from loadws.terms.units import NS_PER_S, format_count, format_duration, format_rate, format_size

NARROWEST, WIDEST = 40, 100
CHART_HEIGHT = 6
MODELS = {
    "closed": "users are held, and each goes on as soon as it is answered",
    "open": "users arrive by the clock, whether or not the server keeps up",
    "partly open": "users arrive by the clock, and each stays for a while",
    "mixed": "some users are held, others arrive by the clock",
}


def plan_command(path: Path, overrides: Overrides) -> int:
    """Raises ``UsageError`` (after the plan was shown) where this machine surely cannot make the load."""
    loaded = load_scenario(path, overrides)
    with masked_errors(loaded.masker):
        return _plan(loaded)


def _plan(loaded: Loaded) -> int:
    plan = make_plan(loaded.scenario, loaded.scenario.seed or 0)
    for warning in (*loaded.warnings, *short_of_samples(loaded, plan)):
        print(explain(warning), file=sys.stderr)
    description = plan.describe()
    machine = look_at_machine()
    paced = is_paced(loaded.scenario)
    processes = choose_processes(description, machine, loaded.scenario.target, paced=paced)
    pairs = pairs_of(loaded.scenario)
    needs = needs_of_run(description, machine, pairs, processes, loaded.scenario.target)
    _Page(Console(highlight=False)).show(loaded, description, needs, processes)
    for notice in check_fit(description, machine, pairs, processes, loaded.scenario.target):
        print(f"warning: {notice}", file=sys.stderr)
    if beyond := doubt(most_messages_per_s(loaded.scenario, description), DEFAULT_TRANSPORT, processes):
        print(f"warning: {beyond}", file=sys.stderr)
    return ExitCode.PASSED


class _Page:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._ascii = console.options.ascii_only
        self._width = min(max(console.width, NARROWEST), WIDEST)

    def show(self, loaded: Loaded, description: dict[str, Any], needs: list[Need], processes: int) -> None:
        self._head(loaded, description)
        self._phases(description["phases"])
        self._charts(description)
        self._needs(description["needs"]["connections"], needs, processes)

    def _head(self, loaded: Loaded, description: dict[str, Any]) -> None:
        scenario, model = loaded.scenario, description["model"]
        seed = "a new seed each run" if scenario.seed is None else f"seed {scenario.seed}"
        self._line(f"{plain(scenario.name or '')} against {plain(loaded.shown_target)}, {seed}", style="bold")
        self._line(f"{model} model: {MODELS[model]}")
        self._line()

    def _phases(self, phases: list[dict[str, Any]]) -> None:
        """A row a phase; columns that no phase has anything in are left out."""
        titles = ("phase", "from", "for", "users", "arrivals", "expected", "")
        columns = [column for column in zip(titles, *map(_row, phases), strict=True) if any(column[1:])]
        table = Table(*(column[0] for column in columns), box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for row in zip(*(column[1:] for column in columns), strict=True):
            table.add_row(*map(self._text, row))
        self._console.print(table)
        self._line()

    def _charts(self, description: dict[str, Any]) -> None:
        curve = description["curve"]
        if len(curve) > 1:
            if description["held_most"]:
                self._chart("users held", "users", curve, format_count)
            if description["expected_arrivals"]:
                self._chart("arrivals a second", "arrivals_per_s", curve, format_rate)
            self._time_axis(description["phases"], curve[-1]["at_s"])
        if description["duration_s"] is None:
            self._line("How long the load lasts, its iterations decide.")
        self._line()

    def _chart(self, title: str, key: str, curve: list[dict[str, float]], label: Callable[[float], str]) -> None:
        self._line(f"{'':>{MARGIN}}{title}", style="dim")
        points = [(point["at_s"], point[key]) for point in curve]
        for line in chart(points, self._width, CHART_HEIGHT, label, self._ascii):
            self._line(line)

    def _time_axis(self, phases: list[dict[str, Any]], end_s: float) -> None:
        starts = [(phase["start_s"], phase) for phase in phases if phase["start_s"] is not None]
        times = [(at_s, _seconds(at_s)) for at_s, _ in starts]
        names = [(at_s, plain(phase["name"], 40)) for at_s, phase in starts]
        for marks, end in ((times, _seconds(end_s)), (names, "")):
            self._line(f"{'':>{MARGIN}}{ruler(marks, end, end_s, self._width - MARGIN)}", style="dim")

    def _needs(self, connections: int, needs: list[Need], processes: int) -> None:
        made_by = "" if processes == 1 else f", made by {processes} processes"
        self._line(f"for at most {format_count(connections)} connections at once{made_by}, this machine needs")
        for need in needs:
            show = format_size if need.what == "memory" else format_count
            of = f"of {show(need.there)}" if need.there < UNKNOWN else "of an unknown number"
            self._line(
                f"  {need.what:<12} {show(need.needed):>10} {of}{'' if need.needed <= need.there else ': too few'}"
            )

    def _text(self, text: str, style: str = "") -> Text:
        return Text(in_ascii(text) if self._ascii else text, style)

    def _line(self, text: str = "", style: str = "") -> None:
        self._console.print(self._text(text, style), soft_wrap=True)


def _row(phase: dict[str, Any]) -> tuple[str, ...]:
    """The cells of a phase. ``arrivals`` and what is expected of them only where there are any."""
    users = _span(phase["users_from"], phase["users_to"], format_count)
    expected = phase["expected_arrivals"]
    arrivals = _span(phase["arrivals_from_per_s"], phase["arrivals_to_per_s"], format_rate)
    return (
        plain(phase["name"], 40),
        _seconds(phase["start_s"]),
        _seconds(phase["duration_s"]),
        users if phase["users_from"] or phase["users_to"] else "",
        f"{arrivals} {phase['spacing']}" if expected else "",
        f"{format_count(expected)} users" if expected else "",
        ", ".join(_notes(phase)),
    )


def _notes(phase: dict[str, Any]) -> Iterator[str]:
    if phase["warmup"]:
        yield "warm-up, not judged"
    if phase["iterations"] is not None:
        yield f"ends after {format_count(phase['iterations'])} iterations"
    if phase["max_users"] is not None:
        yield f"at most {format_count(phase['max_users'])} arrived users at once"


def _span(start: float, end: float, show: Callable[[float], str]) -> str:
    return show(end) if start == end else f"{show(start)} → {show(end)}"


def _seconds(seconds: float | None) -> str:
    return "?" if seconds is None else format_duration(round(seconds, 3) * NS_PER_S)
