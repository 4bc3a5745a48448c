"""The screen at the end of a run: the verdict first, then its evidence; and the place of the report, once that exists.

Everything is printed as ``rich`` texts, never as markup, so that ``[bold]`` in a step's name stays those six
characters. Where the terminal cannot show one of our signs, a plain one replaces it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from loadws.metrics.runinfo import RunInfo
from loadws.metrics.summary import Generator, Summary
from loadws.report import deliveries, timings
from loadws.report import facts as rows
from loadws.report import ledger_table as balance
from loadws.report.plain import in_ascii, plain
from loadws.report.tables.fitting import latency_table, narrowed
from loadws.report.tables.machines import MachineRow, machine_rows
from loadws.terms.errors import ExitCode

FIELDS = ("p50", "p90", "p99", "max")
_STYLES: dict[str, str] = {"good": "green", "plain": "", "warn": "yellow", "bad": "red"}
_MARKS: dict[str, str] = {"good": "✔", "plain": "·", "warn": "!", "bad": "✘"}
_MOST_ERRORS = 8
#: ``SIMPLE_HEAD`` for a terminal that has no lines.
_ASCII_BOX = box.Box("    \n    \n -- \n" + "    \n" * 5, ascii=True)


def render(summary: Summary, console: Console, info: RunInfo | None = None) -> None:
    """Print a run's verdict and its evidence. ``info`` names the machines, where several made the load."""
    _Screen(console).show(summary, machine_rows(info))


def render_place(place: Path, console: Console) -> None:
    """Print where the report is; of a run without one, where its folder is."""
    _Screen(console).place(place)


def render_all(word: str, code: ExitCode, sentences: Iterable[str], console: Console) -> None:
    """Print the result of several runs: a closing line with its word, and below it how each ended that did not pass."""
    tone = {ExitCode.PASSED: "good", ExitCode.INCONCLUSIVE: "warn"}.get(code, "bad")
    _Screen(console).all_runs(word, tone, sentences)


def _state_of(generator: Generator) -> tuple[str, str]:
    """Return the style and the word for the generator's health; with a warning it is never called healthy."""
    if not generator.healthy:
        return ("bold red", "not healthy")
    return ("yellow", "see its warnings") if generator.warnings else ("green", "healthy")


class _Screen:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._ascii = console.options.ascii_only

    def show(self, summary: Summary, machines: list[MachineRow]) -> None:
        self._verdict(summary)
        self._latency(summary)
        self._deliveries(summary)
        self._own(summary)
        self._ledger(summary)
        self._errors(summary)
        self._machines(machines)
        self._generator(summary)
        self._warnings(summary)
        self._line()

    def place(self, place: Path) -> None:
        """Print the path on one line, so that it can be clicked."""
        what = "Report  " if place.suffix == ".html" else "Run  "
        self._console.print(self._text(what, ("bold", plain(str(place), 4096))), soft_wrap=True)

    def all_runs(self, word: str, tone: str, sentences: Iterable[str]) -> None:
        """Print the closing line of several runs."""
        self._line()
        self._line((f"bold {_STYLES[tone]}", f"{_MARKS[tone]} {word}"), "  ", ("bold", "all runs"))
        for sentence in sentences:
            self._line(f"  {sentence}", indent=2)

    def _verdict(self, summary: Summary) -> None:
        word, tone, sentences = rows.headline(summary)
        facts = " · ".join(rows.facts(summary))
        mark = f"{_MARKS[tone]} {word}"
        self._line()
        self._line((f"bold {_STYLES[tone]}", mark), "  ", ("bold", plain(summary.run.scenario, 60)))
        self._line(("dim", f"  {facts}"))
        for sentence in sentences:
            self._line(f"  {sentence}", indent=2)
        if applied := rows.applied_facts(summary):
            self._line(("dim", f"  {' · '.join(applied)}"), indent=2)
        checks: list[tuple[_Cell, ...]] = []
        for row in rows.check_rows(summary):
            checks.append(((_STYLES[row.tone], f"{_MARKS[row.tone]} {row.rule}"), row.observed))
            if aside := "; ".join(part for part in (row.interval, row.note) if part):
                checks.append((("dim", f"    {aside}"), ""))
        if checks:
            self._table("Checks", ("rule", "observed"), checks, numbers=(1,))

    def _latency(self, summary: Summary) -> None:
        latency = timings.latency_rows(summary, FIELDS)
        if not latency:
            return
        head, body = latency_table(latency, FIELDS, self._console.width)
        self._table("Latency", head, body, numbers=[at for at, name in enumerate(head) if name not in ("step", "time")])
        fields = tuple(name for name in head if name in FIELDS)
        for note in (timings.too_few_note(latency, fields), timings.missing_note(latency), timings.stray_note(summary)):
            if note:
                self._line(("dim", f"  {note}"), indent=2)

    def _deliveries(self, summary: Summary) -> None:
        found = deliveries.delivery_rows(summary)
        if not found:
            return
        head = tuple(deliveries.HEAD[at] for at in deliveries.NARROW)
        body = [tuple(row.cells[at] for at in deliveries.NARROW) for row in found]
        self._table("Delivery", head, body, numbers=range(1, len(head)))
        spreads = [(row.probe, what, *values) for row in found for what, values in row.spreads]
        if spreads:
            table = ("probe", "receiver", *deliveries.FIELDS), spreads
            head, kept = narrowed(table, self._console.width)
            self._table("Delivery time", head, kept, numbers=range(2, len(head)))
        for row in found:
            if row.aside:
                self._line(("dim", f"  {row.probe}: {row.aside}"), indent=2)

    def _own(self, summary: Summary) -> None:
        """Print the metrics that the scenario itself defines."""
        trends = timings.own_rows(summary, FIELDS)
        if trends:
            rows_of_own = [(row.step, row.count, *row.cells) for row in trends]
            head, body = narrowed((("metric", "count", *FIELDS), rows_of_own), self._console.width)
            self._table("Also measured", head, body, numbers=range(1, len(head)))
            if note := timings.never_note(trends):
                self._line(("dim", f"  {note}"), indent=2)
        counters = timings.counter_rows(summary)
        if counters:
            self._table("Counted", ("counter", "count", "per second"), counters, numbers=(1, 2))

    def _ledger(self, summary: Summary) -> None:
        self._title("Ledger")
        for equation in balance.equations(summary.ledger):
            aside = equation.aside_text()
            text = f"  {equation.subject:<12} {equation.text()}" + (f" ({aside})" if aside else "")
            self._line(("" if equation.holds else "red", text), indent=15)
        self._line(f"  {'bytes':<12} {balance.bytes_text(summary.ledger)}", indent=15)

    def _errors(self, summary: Summary) -> None:
        found = rows.error_rows(summary)
        if not found:
            return
        self._title("Errors")
        for row in found[:_MOST_ERRORS]:
            step = (f" in {row.step}" if row.step else "") + (f" ({row.aside})" if row.aside else "")
            self._line("  ", ("red", f"{row.count:,} × {row.kind}"), f"{step}: {row.example}", indent=6)
            if advice := rows.what_to_do(row):
                self._line(("dim", f"      {advice}"), indent=6)
        if len(found) > _MOST_ERRORS:
            self._line(("dim", f"  … and {len(found) - _MOST_ERRORS} more kinds: see errors.ndjson"))

    def _machines(self, machines: list[MachineRow]) -> None:
        """Print each machine's part of the load, and below it the facts about it in words."""
        if not machines:
            return
        head = tuple(what for what, _ in machines[0].narrow)
        body = [(row.name, *(value for _, value in row.narrow)) for row in machines]
        self._table("Machines", ("machine", *head), body, numbers=range(1, len(head) + 1))
        for row in machines:
            if row.lost:
                self._line(("red", f"  {row.name} was lost: {row.lost}"), indent=4)
            if row.aside:
                self._line(("dim", f"  {row.name}: {row.aside}"), indent=4)

    def _generator(self, summary: Summary) -> None:
        health = rows.health_rows(summary)
        state = _state_of(summary.generator)
        self._title("Generator", ": ", state)
        for row in health:
            name = "" if len(health) == 1 else f"process {row.process}{row.machine and f' of {row.machine}'}: "
            incomplete = "" if row.complete else " (incomplete)"
            cells = " · ".join(f"{what} {value}" for what, value in row.cells)
            self._line(("dim", f"  {name}{cells}{incomplete}"), indent=2)

    def _warnings(self, summary: Summary) -> None:
        found = rows.warnings(summary)
        if found:
            self._title("Warnings")
        for warning in found:
            self._line("  ", ("yellow", "! "), warning, indent=4)

    def _title(self, title: str, *more: _Cell) -> None:
        self._line()
        self._line(("bold", title), *more)

    def _table(
        self, title: str, head: tuple[str, ...], body: Sequence[tuple[_Cell, ...]], numbers: Iterable[int]
    ) -> None:
        self._title(title)
        table = Table(
            box=_ASCII_BOX if self._ascii else box.SIMPLE_HEAD,
            show_edge=False,
            pad_edge=False,
            padding=(0, 1, 0, 0),
            header_style="dim",
        )
        for at, name in enumerate(head):
            number = at in numbers
            justify: Literal["left", "right"] = "right" if number else "left"
            table.add_column(self._text(name), justify=justify, no_wrap=number, overflow="fold")
        for row in body:
            table.add_row(*map(self._indented, row))
        self._console.print(Padding(table, (0, 0, 0, 2)))

    def _indented(self, cell: _Cell) -> Text | Padding:
        """Return a cell of a table; where it begins with spaces, its further lines begin with as many."""
        text = self._text(cell)
        indent = len(text.plain) - len(text.plain.lstrip())
        return Padding(text[indent:], (0, 0, 0, indent)) if indent else text

    def _line(self, *cells: _Cell, indent: int = 0) -> None:
        """Print one line, wrapped at words; further lines begin after ``indent`` columns."""
        left = self._text(*cells)
        first, *more = left.wrap(self._console, self._console.width) or [Text()]
        if more:
            rest = left[len(first.plain.rstrip()) :]
            rest = rest[len(rest.plain) - len(rest.plain.lstrip()) :]
            more = list(rest.wrap(self._console, max(self._console.width - indent, 20)))
        for line in (first, *(Text(" " * indent) + line for line in more)):
            line.rstrip()
            self._console.print(line, soft_wrap=True)

    def _text(self, *cells: _Cell) -> Text:
        styled = [("", cell) if isinstance(cell, str) else cell for cell in cells]
        return Text.assemble(*((self._shown(text), style) for style, text in styled))

    def _shown(self, text: str) -> str:
        return in_ascii(text) if self._ascii else text


#: A text, or (style, text).
_Cell = str | tuple[str, str]
