"""A scenario's runs over time, as a table for the terminal and as a page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from loadws.metrics.history import History, HistoryRun, Track
from loadws.report.comparing.bare_page import page, table
from loadws.report.comparing.line_chart import line_chart
from loadws.report.plain import in_ascii, plain
from loadws.terms.thresholds import format_value

_NO_CHANGE = "No change point. At least three runs on one machine are needed on either side of one."
#: How many runs the terminal shows; the page and the JSON have all.
_MOST_ROWS = 30


def render_history(history: History, console: Console) -> None:
    """Print the newest runs and every change point."""
    ascii_only = console.options.ascii_only

    def shown(text: str) -> Text:
        return Text(plain(in_ascii(text) if ascii_only else text, 4096))

    console.print(shown(f"{history.scenario}: {len(history.runs)} runs"), style="bold")
    grid = Table(box=box.SIMPLE_HEAD if not ascii_only else box.ASCII)
    for name in _head(history):
        grid.add_column(shown(name), overflow="fold")
    for row in _rows(history)[-_MOST_ROWS:]:
        grid.add_row(*map(shown, row))
    console.print(grid)
    for sentence in _sentences(history) or [_NO_CHANGE]:
        console.print(shown(f"  {sentence}"))


def render_page(histories: Sequence[History]) -> bytes:
    """Return one page with a chart for each value of each scenario."""
    return page("History of runs", sections(histories))


def sections(histories: Sequence[History]) -> str:
    """Return the inside of that page, as HTML."""
    return "\n".join(_section(history) for history in histories)


def _section(history: History) -> str:
    sentences = _sentences(history) or [_NO_CHANGE]
    listed = "".join(f"<li>{escape(plain(sentence, 4096))}</li>" for sentence in sentences)
    drawn = "".join(_chart(track, history.runs) for track in history.tracks)
    charts = f'<div class="tracks">{drawn}</div>' if drawn else ""
    runs = f"{len(history.runs)} run{'' if len(history.runs) == 1 else 's'}"
    machines = sorted({run.machine_name or "unknown" for run in history.runs})
    return (
        f"<h2>{escape(plain(history.scenario))}</h2><ul>{listed}</ul>{charts}"
        f'<p class="note">{runs} on: {escape("; ".join(machines))}.{" A red line is a change point." if charts else ""}</p>'
        f"{table(_head(history), [tuple(map(plain, row)) for row in _rows(history)], plain(history.scenario))}"
    )


def _chart(track: Track, runs: Sequence[HistoryRun]) -> str:
    labels = [_started(run) for run in runs]
    texts = [format_value(value, track.unit) for value in track.values]
    marks = [change.at for change in track.changes]
    drawing = line_chart(track.values, labels, texts, marks, track.selection, track.unit)
    return f'<div class="card"><h3>{escape(track.selection)}</h3>{drawing}</div>' if drawing else ""


def _started(run: HistoryRun) -> str:
    return run.started_at[:19].replace("T", " ")


def _head(history: History) -> tuple[str, ...]:
    return ("started", "verdict", *(track.selection for track in history.tracks))


def _rows(history: History) -> list[tuple[str, ...]]:
    """Return a row for each run; a value at which a change begins has a mark."""
    rows = []
    for at, run in enumerate(history.runs):
        cells = (_cell(track, at) for track in history.tracks)
        rows.append((_started(run), run.outcome, *cells))
    return rows


def _cell(track: Track, at: int) -> str:
    value = track.values[at]
    text = "—" if value is None else format_value(value, track.unit)
    return f"✘ {text}" if any(change.at == at for change in track.changes) else text


def _sentences(history: History) -> list[str]:
    changes = [change for track in history.tracks for change in track.changes]
    return [change.sentence for change in sorted(changes, key=lambda change: change.at)]
