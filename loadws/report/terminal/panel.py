"""The live view as lines of styled text: pure functions of the run's state, for a width and a height.

What matters most stands first (the thresholds, then the errors). A terminal that is too low for all of it loses what matters
least; one that is too narrow has its texts cut, and loses columns before that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from rich.cells import cell_len, set_cell_size

from loadws.metrics.live import GeneratorNow, LiveView
from loadws.metrics.runinfo import PhaseInfo, RunInfo
from loadws.metrics.summary import Check
from loadws.metrics.wording import observed_of
from loadws.report.plain import plain
from loadws.report.terminal.marks import bar, sparkline
from loadws.report.terminal.past import Past
from loadws.report.timings import NO_NUMBER
from loadws.terms.units import format_count, format_duration, format_rate, format_share

#: A line is parts of (text, style); the styles are those of ``screen.STYLES``.
Line = list[tuple[str, str]]

MOST_RULES, MOST_KINDS = 8, 5
NARROWEST, WIDEST = 20, 200
#: From so many columns on, a rule has a bar of its value against its limit.
_WIDE = 100
_LABEL = 13
#: From so many columns on, the rates and the percentiles have room for longer words.
_HALF_WIDE = 72
_QUIT = " q ends the load as Ctrl-C does: what is under way is finished"
_OF_LIMIT = " of the limit"
_QUIT_SHORT = " q ends the load as Ctrl-C does"
_SPREAD_CELL = 8
_MARKS = {"passed": ("✔", "good"), "failed": ("✘", "bad"), "too_close": ("?", "doubt"), "no_data": ("·", "dim")}
#: The generator is named busy from these on; the verdict asks whether that changed a rule, which is known at the end.
BUSY_CPU, BUSY_WAIT, BUSY_LOOP_LAG_NS = 0.9, 0.1, 100_000_000
#: Waiting for a core counts where the loop was late by this at least: else it cost nothing that could be measured.
LATE_NS = 20_000_000


class Scene(msgspec.Struct, frozen=True):
    """All that the view shows: the run at this moment, its thresholds, its past, and what was planned."""

    view: LiveView
    checks: Sequence[Check]
    past: Past
    info: RunInfo
    has_keys: bool = False


def panel(scene: Scene, width: int, height: int) -> list[Line]:
    """Return at most ``height`` lines of at most ``width`` columns."""
    width = max(min(width, WIDEST), NARROWEST)
    sections = _sections(scene, width)
    kept: set[int] = set()
    room = height
    for number in sorted(range(len(sections)), key=lambda each: sections[each][0]):
        if len(sections[number][1]) <= room:
            kept.add(number)
            room -= len(sections[number][1])
    return [cut(line, width) for number, (_, lines) in enumerate(sections) if number in kept for line in lines]


def _sections(scene: Scene, width: int) -> list[tuple[int, list[Line]]]:
    """Return (rank, lines), in the order in which they stand. The lowest ranks stay on a low terminal."""
    return [
        (5, [_title(scene, width)]),
        (0, [_progress(scene, width)]),
        (1, list(_rules(scene.checks, width))),
        (2, list(_errors(scene.view))),
        (3, list(_load(scene.view))),
        (4, [_rate(scene, width), _latency(scene, width)]),
        (8, _spread(scene.view, width)),
        (6, [_generator(scene.view, width)]),
        (9, [[(_QUIT if len(_QUIT) <= width else _QUIT_SHORT, "dim")]] if scene.has_keys else []),
    ]


def _title(scene: Scene, width: int) -> Line:
    name = plain(scene.info.scenario, 40)
    return [(f" {name}", "strong"), (f"  {plain(scene.info.target, max(width - len(name) - 4, 8))}", "dim")]


def _progress(scene: Scene, width: int) -> Line:
    """Return the phases, each with a bar of how much of it is done, and the time that is left."""
    view, total_s = scene.view, scene.info.planned_s
    left = f"{clock(max(total_s - view.at_s, 0))} left" if total_s else "until its iterations are done"
    text = f"  {clock(view.at_s)}, {left}"
    room = max(width - len(text) - 2, 10)
    return [*_phases(scene, room), (text, "")]


def _phases(scene: Scene, room: int) -> Iterator[tuple[str, str]]:
    phases, begun = scene.info.phases, dict(scene.view.begun)
    each = room // max(len(phases), 1)
    if each < _LABEL:  # no room for all: the present one
        phases = tuple(phase for phase in phases if phase.name == scene.view.phase) or phases[:1]
        each = room
    for phase in phases:
        name = phase_name(phase, 16)
        name = name if len(name) <= each - 4 else plain(name, max(each - 4, 3))
        full, empty = bar(
            share_done(phase.planned_s, begun.get(phase.name), scene.view), max(min(each - len(name) - 3, 24), 1)
        )
        yield f" {name} ", "strong" if phase.name == scene.view.phase else "dim"
        yield full, "bar"
        yield f"{empty} ", "dim"


def phase_name(phase: PhaseInfo, most: int) -> str:
    """Return a phase's name, cut to ``most`` characters, and that it is a warm-up where its name does not say so."""
    return plain(phase.name, most) + (" (warm-up)" if phase.warmup and "warm" not in phase.name.lower() else "")


def share_done(planned_s: float | None, began_s: float | None, view: LiveView) -> float:
    """Return the share of a phase that is over. One that ends by iterations is half done while it lasts."""
    if began_s is None:
        return 0.0
    over = any(at_s > began_s for _, at_s in view.begun)
    if over or not planned_s:
        return 1.0 if over else 0.5
    return (view.at_s - began_s) / planned_s


def _rules(checks: Sequence[Check], width: int) -> Iterator[Line]:
    shown = worst_first(checks)[:MOST_RULES]
    longest = min(max((len(check.rule) for check in shown), default=0), max(width - 20, 8))
    for check in shown:
        yield _rule(check, longest, width)
    if len(checks) > len(shown):
        yield [(f"   and {len(checks) - len(shown)} more thresholds", "dim")]


def worst_first(checks: Sequence[Check]) -> list[Check]:
    """Return the checks, those that fail now first; within an outcome in the scenario's order."""
    order = {"failed": 0, "too_close": 1, "no_data": 2, "passed": 3}
    return sorted(checks, key=lambda check: order[check.outcome])


def _rule(check: Check, longest: int, width: int) -> Line:
    mark, style = _MARKS[check.outcome]
    now = "no data yet" if check.outcome == "no_data" else f"now {observed_of(check)}"
    line = [(f" {mark} ", style), (f"{plain(check.rule, max(longest, 8)):<{longest}}  ", ""), (f"{now:<16}", style)]
    note = f"  {plain(check.note, 40)}" if check.note else ""
    if note and sum(len(text) for text, _ in line) + len(note) <= width:
        return [*line, (note, "dim")]
    if width < _WIDE or check.observed is None or not check.limit or check.note:
        return line
    full, empty = bar(check.observed / check.limit, 24)
    line += [("  ", ""), (full, style), (empty, "dim")]
    fits = sum(len(text) for text, _ in line) + len(_OF_LIMIT) <= width
    return [*line, (_OF_LIMIT, "dim")] if fits else line


def _errors(view: LiveView) -> Iterator[Line]:
    if not view.errors:
        yield [(" errors ", ""), ("none", "dim")]
        return
    lately = sum(second.errors for second in view.seconds)
    span = view.seconds[-1].second - view.seconds[0].second + 1 if view.seconds else 0
    yield [(f" errors {format_count(view.errors)}", "bad"), (f"  {format_count(lately)} in the last {span} s", "dim")]
    for kind in view.kinds[:MOST_KINDS]:
        where = f" in {plain(kind.step, 20)}" if kind.step else ""
        yield [
            (f"   {format_count(kind.count):>7}  ", "bad"),
            (f"{plain(kind.kind, 28)}{where}", ""),
            (f"  {plain(kind.example, 120)}" if kind.example else "", "dim"),
        ]
    if len(view.kinds) > MOST_KINDS:
        yield [(f"            and {len(view.kinds) - MOST_KINDS} more kinds", "dim")]


def _load(view: LiveView) -> Iterator[Line]:
    arrivals = view.ledger.arrivals
    line: Line = [(f" users {format_count(view.users)}   open {format_count(view.open_connections)}", "")]
    if arrivals.planned:
        share = arrivals.dropped / arrivals.planned
        dropped = f"{format_count(arrivals.dropped)} dropped" + (
            f" ({format_share(share)})" if arrivals.dropped else ""
        )
        line += [
            (f"   arrivals {format_count(arrivals.planned)}, ", ""),
            (dropped, "bad" if arrivals.dropped else "dim"),
        ]
    yield line


def _rate(scene: Scene, width: int) -> Line:
    view = scene.view
    text = f" sent {format_rate(round(view.sent_per_s))}, received {format_rate(round(view.received_per_s))}"
    room = width - _text_width(width) - 14
    curve = [moment.received_per_s if moment else None for moment in scene.past.columns(max(room, 1))]
    return _with_curve(text, "received/s", sparkline(curve), width)


def _latency(scene: Scene, width: int) -> Line:
    view = scene.view
    of = " of the" if width >= _HALF_WIDE else ","
    text = (
        f" p50 {time_text(view.response_p50_ns)}, p99 {time_text(view.response_p99_ns)}{of} last {view.recent_s:.0f} s"
    )
    room = width - _text_width(width) - 14
    curve = [moment.p99_ns if moment else None for moment in scene.past.columns(max(room, 1))]
    return _with_curve(text, "p99", sparkline(curve), width)


def _text_width(width: int) -> int:
    return 46 if width >= _HALF_WIDE else 36


def _with_curve(text: str, name: str, curve: str, width: int) -> Line:
    """Return a text, and the curve of the whole run so far behind it."""
    return [(f"{text:<{_text_width(width)}} ", ""), (f"{name:>10} ", "dim"), (curve, "bar")]


def _spread(view: LiveView, width: int) -> list[Line]:
    """Return the histogram of the response times of the last seconds, in two lines: columns, and their limits."""
    columns = list(view.spread)
    most = max((width - _LABEL) // _SPREAD_CELL, 1)
    if len(columns) > most:  # the rarest lie at the edges: the lowest are put together
        rest = sum(count for _, count in columns[: len(columns) - most + 1])
        columns = [(columns[len(columns) - most][0], rest), *columns[len(columns) - most + 1 :]]
    if not columns:
        return []
    heights = sparkline([count for _, count in columns])
    bars = "".join(f"{height * (_SPREAD_CELL - 2):<{_SPREAD_CELL}}" for height in heights)
    limits = "".join(f"{_limit(limit):<{_SPREAD_CELL}}" for limit, _ in columns)
    return [
        [(f"{' response':<{_LABEL}}", ""), (bars, "bar")],
        [(f"{' times up to':<{_LABEL}}", "dim"), (limits, "dim")],
    ]


def _limit(limit: float) -> str:
    return "more" if limit == float("inf") else format_duration(limit).replace(" ", "")


def _generator(view: LiveView, width: int) -> Line:
    """Return in a word whether loadws itself keeps up, and as many of the figures that say so as there is room for."""
    now = view.generator
    word, style = condition(now)
    line: Line = [(" generator ", ""), (word, style)]
    between = "  "
    for figure in (
        f"CPU {format_share(now.cpu_share)}",
        f"send lag p99 {time_text(now.send_lag_p99_ns)}",
        f"loop lag at most {time_text(now.loop_lag_max_ns)}",
    ):
        if sum(len(text) for text, _ in line) + len(between) + len(figure) <= width:
            line.append((f"{between}{figure}", "dim"))
            between = ", "
    return line


def condition(now: GeneratorNow) -> tuple[str, str]:
    """Return in a word whether loadws itself keeps up, and a style for it."""
    if now.cpu_share >= BUSY_CPU:
        return "too busy", "bad"
    if max(now.waited_share, now.steal_share) >= BUSY_WAIT and now.loop_lag_max_ns >= LATE_NS:
        return "starved: something else has its core", "bad"
    if now.loop_lag_max_ns >= BUSY_LOOP_LAG_NS:
        return "held up", "doubt"
    return "keeps up", "good"


def cut(line: Line, width: int, mark: str = "…") -> Line:
    """Return the line, cut to a width in columns: a wide character has two. ``mark`` stands for words that are left out."""
    kept: Line = []
    for text, style in line:
        room = width - sum(cell_len(part) for part, _ in kept)
        if room <= 0:
            break
        kept.append((_shortened(text, room, mark), style))
    return kept


def _shortened(text: str, room: int, mark: str) -> str:
    """Return a text of at most ``room`` columns, which ends behind a word where one is left out; bars have no words."""
    if cell_len(text) <= room:
        return text
    if room <= len(mark) or not any(map(str.isalpha, text)):
        return set_cell_size(text, room)
    short = set_cell_size(text, room - len(mark)).rstrip()
    whole = short if text[len(short) : len(short) + 1].isspace() else short.rpartition(" ")[0].rstrip()
    return f"{whole if whole.strip() else short}{mark}"


def time_text(ns: float | None) -> str:
    """Return a time for people; a dash where there is none."""
    return NO_NUMBER if ns is None else format_duration(ns)


def clock(seconds: float) -> str:
    """Return whole seconds, so that the view does not jitter."""
    return format_duration(int(seconds) * 1e9) if seconds >= 1 else "0 s"
