"""``loadws plan``: show the planned load, and whether this machine can make it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from loadws.cli.masked import masked_errors
from loadws.cli.planning.chart import MARGIN, chart, ruler
from loadws.cli.planning.samples import short_of_samples
from loadws.cli.reading import load_shown
from loadws.fleet.machine.calibration import doubt
from loadws.fleet.machine.ports import pairs_of
from loadws.fleet.machine.preflight import UNKNOWN, Need, check_fit, look_at_machine, needs_of_run
from loadws.fleet.machine.process_count import choose_processes
from loadws.plan.demand import is_paced, most_messages_per_s
from loadws.plan.figures import CurvePoint, PhaseFigures, PlanFigures, figures_of
from loadws.plan.plan import make_plan
from loadws.report.plain import in_ascii, plain
from loadws.report.terminal.own_console import OwnConsole
from loadws.scenario.build import Loaded
from loadws.scenario.overrides import Overrides
from loadws.scenario.yaml.explain import explain
from loadws.terms.errors import ExitCode
from loadws.terms.transports import DEFAULT_TRANSPORT
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
    """Print the plan and its needs. Raises ``UsageError``, after that, if this machine surely cannot make the load."""
    loaded = load_shown(path, overrides)
    with masked_errors(loaded.masker):
        return _plan(loaded)


def _plan(loaded: Loaded) -> int:
    plan = make_plan(loaded.scenario, loaded.scenario.seed or 0)
    for warning in (*loaded.warnings, *short_of_samples(loaded, plan)):
        print(explain(warning), file=sys.stderr)
    figures = figures_of(plan)
    machine = look_at_machine()
    paced = is_paced(loaded.scenario)
    processes = choose_processes(figures, machine, loaded.scenario.target, paced=paced)
    pairs = pairs_of(loaded.scenario)
    needs = needs_of_run(figures, machine, pairs, processes, loaded.scenario.target)
    _Page(OwnConsole(highlight=False)).show(loaded, figures, needs, processes)
    for notice in check_fit(figures, machine, pairs, processes, loaded.scenario.target):
        print(f"warning: {notice}", file=sys.stderr)
    if beyond := doubt(most_messages_per_s(loaded.scenario, figures), DEFAULT_TRANSPORT, processes):
        print(f"warning: {beyond}", file=sys.stderr)
    return ExitCode.PASSED


class _Page:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._ascii = console.options.ascii_only
        self._width = min(max(console.width, NARROWEST), WIDEST)

    def show(self, loaded: Loaded, figures: PlanFigures, needs: list[Need], processes: int) -> None:
        self._head(loaded, figures)
        self._phases(figures.phases)
        self._charts(figures)
        self._needs(figures.needs.connections, needs, processes)

    def _head(self, loaded: Loaded, figures: PlanFigures) -> None:
        scenario, model = loaded.scenario, figures.model
        seed = "a new seed each run" if scenario.seed is None else f"seed {scenario.seed}"
        self._line(f"{plain(scenario.name or '')} against {plain(loaded.shown_target)}, {seed}", style="bold")
        self._line(f"{model} model: {MODELS[model]}")
        self._line()

    def _phases(self, phases: Sequence[PhaseFigures]) -> None:
        """Print a row for each phase, without the columns that are empty for all phases."""
        titles = ("phase", "from", "for", "users", "arrivals", "expected", "")
        columns = [column for column in zip(titles, *map(_row, phases), strict=True) if any(column[1:])]
        table = Table(*(column[0] for column in columns), box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for row in zip(*(column[1:] for column in columns), strict=True):
            table.add_row(*map(self._text, row))
        self._console.print(table)
        self._line()

    def _charts(self, figures: PlanFigures) -> None:
        curve = figures.curve
        if len(curve) > 1:
            if figures.held_most:
                self._chart("users held", curve, lambda point: point.users, format_count)
            if figures.expected_arrivals:
                self._chart("arrivals per second", curve, lambda point: point.arrivals_per_s, format_rate)
            self._time_axis(figures.phases, curve[-1].at_s)
        if figures.duration_s is None:
            self._line("How long the load lasts, its iterations decide.")
        self._line()

    def _chart(
        self,
        title: str,
        curve: Sequence[CurvePoint],
        value_of: Callable[[CurvePoint], float],
        label: Callable[[float], str],
    ) -> None:
        self._line(f"{'':>{MARGIN}}{title}", style="dim")
        points = [(point.at_s, value_of(point)) for point in curve]
        for line in chart(points, self._width, CHART_HEIGHT, label, self._ascii):
            self._line(line)

    def _time_axis(self, phases: Sequence[PhaseFigures], end_s: float) -> None:
        starts = [(phase.start_s, phase) for phase in phases if phase.start_s is not None]
        times = [(at_s, _seconds(at_s)) for at_s, _ in starts]
        names = [(at_s, plain(phase.name, 40)) for at_s, phase in starts]
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


def _row(phase: PhaseFigures) -> tuple[str, ...]:
    """Return the cells of a phase's row; those of arrivals are empty where no user arrives."""
    users = _span(phase.users_from, phase.users_to, format_count)
    expected = phase.expected_arrivals
    arrivals = _span(phase.arrivals_from_per_s, phase.arrivals_to_per_s, format_rate)
    return (
        plain(phase.name, 40),
        _seconds(phase.start_s),
        _seconds(phase.duration_s),
        users if phase.users_from or phase.users_to else "",
        f"{arrivals} {phase.spacing}" if expected else "",
        f"{format_count(expected)} users" if expected else "",
        ", ".join(_notes(phase)),
    )


def _notes(phase: PhaseFigures) -> Iterator[str]:
    if phase.warmup:
        yield "warm-up, not judged"
    if phase.iterations is not None:
        yield f"ends after {format_count(phase.iterations)} iterations"
    if phase.max_users is not None:
        yield f"at most {format_count(phase.max_users)} arrived users at once"


def _span(start: float, end: float, show: Callable[[float], str]) -> str:
    return show(end) if start == end else f"{show(start)} → {show(end)}"


def _seconds(seconds: float | None) -> str:
    return "?" if seconds is None else format_duration(round(seconds, 3) * NS_PER_S)
