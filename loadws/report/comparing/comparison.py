"""A comparison as text: the verdict, each rule's sentence, and other values that changed."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from loadws.metrics.comparison import ComparisonRecord, Side
from loadws.report.plain import in_ascii, plain

_MARKS = {"passed": "✔", "failed": "✘", "no_data": "✘", "inconclusive": "?", "too_close": "?"}
_STYLES = {"passed": "green", "failed": "red", "no_data": "red", "inconclusive": "yellow", "too_close": "yellow"}
_METHODS = {
    "pairs": "pairs of slices that took turns on one machine",
    "runs": "runs that are no pairs (`loadws ab` is surer)",
    "windows": "one run on each side, by its seconds: weaker than several runs, because the noise between runs is not seen",
    "none": "no values",
}
#: How many values without a rule are shown; the record has all that changed.
_MOST_WATCHED = 12


def render_comparison(record: ComparisonRecord, console: Console) -> None:
    """Print the comparison."""
    ascii_only = console.options.ascii_only
    for style, indent, line in _lines(record):
        shown = in_ascii(line) if ascii_only else line
        text = Text(plain(shown, 4096), style=style)
        console.print(Padding(text, (0, 0, 0, indent)))


def _lines(record: ComparisonRecord) -> Iterator[tuple[str, int, str]]:
    """Yield style, indent and text of each line."""
    outcome = record.outcome.upper().replace("_", " ")
    yield "", 0, ""
    yield (
        f"bold {_STYLES.get(record.outcome, 'yellow')}",
        0,
        f"{outcome}  {record.scenario}: comparison with a baseline",
    )
    yield "dim", 2, f"compared by {compared_by(record)}"
    yield "dim", 2, f"baseline: {side_text(record, record.baseline)}"
    yield "dim", 2, f"candidate: {side_text(record, record.candidate)}"
    for reason in record.reasons:
        yield "", 2, reason
    yield from _rules(record)
    yield from _watched(record)
    yield "", 0, ""


def _rules(record: ComparisonRecord) -> Iterator[tuple[str, int, str]]:
    for rule in record.rules:
        if record.gates:
            yield _STYLES[rule.outcome], 2, f"{_MARKS[rule.outcome]} {rule.sentence}"
        else:
            yield "", 2, f"· watched: {rule.sentence}"
    for check in record.checks:
        yield _STYLES[check.outcome], 2, f"{_MARKS[check.outcome]} {check.sentence} (candidate alone)"


def _watched(record: ComparisonRecord) -> Iterator[tuple[str, int, str]]:
    if not record.looked_at:
        return
    by_chance = record.looked_at * record.alpha
    yield "", 0, ""
    yield "bold", 0, "Watched, without a rule; gates nothing"
    if not record.watched:
        yield "dim", 2, f"none of {record.looked_at} other values moved"
        return
    yield (
        "dim",
        2,
        f"{len(record.watched)} of {record.looked_at} other values moved; about {by_chance:.2g} would by chance",
    )
    for each in record.watched[:_MOST_WATCHED]:
        yield "", 2, f"· {each.sentence}"
    if (more := len(record.watched) - _MOST_WATCHED) > 0:
        yield "dim", 2, f"… and {more} more: see the JSON"


def compared_by(record: ComparisonRecord) -> str:
    """Return what was compared, and how sure such a comparison is."""
    return _METHODS[record.method]


def side_text(record: ComparisonRecord, side: Side) -> str:
    """Return the runs of a side, their machine, and the time of the oldest."""
    unit = "slice" if record.method == "pairs" else "run"
    what = "" if side.name in ("baseline", "candidate") else f"{side.name}, "
    runs = f"{len(side.runs)} {unit}{'' if len(side.runs) == 1 else 's'}"
    first = f" ({side.runs[0]}{' …' if len(side.runs) > 1 else ''})" if side.runs and side.runs[0] else ""
    on = f" on {side.machine_name}" if side.machine_name else ""
    since = f", from {side.started_at}" if side.started_at else ""
    return f"{what}{runs}{first}{on}{since}"
