from __future__ import annotations

import io
import threading
from typing import Any

import msgspec
import pytest
from rich.console import Console

from loadws.metrics.ledger import Ledger
from loadws.metrics.live import LiveView
from loadws.metrics.runinfo import PhaseInfo, RunInfo
from loadws.metrics.summarising.summariser import Summariser
from loadws.report.terminal.live import LiveConsole
from loadws.report.terminal.log_lines import line
from loadws.report.terminal.panel import Scene
from loadws.report.terminal.past import Past
from tests.metrics import made_up
from tests.metrics.driven import driven
from tests.report import example

VIEW = LiveView(
    at_s=6.0, phase="steady", warmup=False, users=1_200, open_connections=1_198, sent_per_s=9_811.6, received_per_s=9_790.2,
    response_p50_ns=1.2e6, response_p99_ns=None, response_max_ns=2e6, errors=2, ledger=Ledger(), recent_s=5.0,
)  # fmt: skip


def _view(**changes: Any) -> LiveView:
    return msgspec.structs.replace(VIEW, **changes)


def _show(console: Console, views: list[LiveView], total_s: float | None = 10.0) -> None:
    """Show a run that looks like each of the views in turn, to its end."""
    looks = iter(views)
    with LiveConsole(console, lambda: next(looks), most=len(views)) as live:
        live.begin(_info(total_s))
        for view in views:
            _add(live, view)


def _add(live: LiveConsole, view: LiveView) -> None:
    driven(live.adding(made_up.frame(0, start_s=0.0, duration_s=view.at_s)))


def _line(view: LiveView, total_s: float | None) -> str:
    return line(Scene(view, (), Past(), _info(total_s)))


def _info(total_s: float | None) -> RunInfo:
    return msgspec.structs.replace(made_up.info(), phases=(PhaseInfo("steady", False, total_s),))


def _console(encoding: str = "utf-8", terminal: bool = False) -> tuple[Console, io.BytesIO]:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, newline="\n", write_through=True)
    return Console(
        file=file, width=80, force_terminal=terminal, color_system=None, legacy_windows=False, _environ={}
    ), raw


def test_one_line_says_it_all() -> None:
    expected = (
        "[6 s/10 s] steady: 1,200 users, 1,198 open, sent 9,812/s, received 9,790/s, "
        "p50 1.2 ms, p99 — (last 5 s), 2 errors"
    )
    assert _line(VIEW, 10.0) == expected


def test_a_phase_without_an_end_in_sight_has_no_total() -> None:
    assert _line(_view(warmup=True), None).startswith("[6 s] steady (warm-up): ")


def test_what_the_summariser_says_can_be_shown() -> None:
    summariser = Summariser(example.info())
    for frame in example.frames():
        summariser.add(frame)
    assert _line(summariser.live(), 200.0).startswith("[3 s/3 m 20 s] steady: 10 users, 10 open, sent 50/s, ")


def test_without_a_terminal_there_is_a_line_every_five_seconds() -> None:
    console, raw = _console()
    _show(console, [_view(at_s=half_second / 2) for half_second in (0, 10, 20)], 12.0)
    starts = [text.split("]")[0] for text in raw.getvalue().decode().splitlines()]
    assert starts == ["[0 s/12 s", "[5 s/12 s", "[10 s/12 s"]


def test_between_two_lines_the_run_is_not_looked_at() -> None:
    looked: list[float] = []

    def look() -> LiveView:
        looked.append(now_s)
        return _view(at_s=now_s)

    with LiveConsole(_console()[0], look) as live:
        live.begin(_info(12.0))
        for half_second in range(25):
            now_s = half_second / 2
            _add(live, _view(at_s=now_s))
    assert looked == [0.0, 5.0, 10.0]


def test_on_a_terminal_it_is_drawn_every_second_and_gone_at_the_end() -> None:
    console, raw = _console(terminal=True)
    _show(console, [_view(at_s=0.0), _view(at_s=0.5), _view(at_s=1.0)])
    drawn = raw.getvalue().decode()
    assert drawn.count("users 1,200") == 2
    assert "0 s, 10 s left" in drawn
    assert drawn.endswith("A\x1b[J\x1b[?2026l\x1b[?25h")  # up to its first line, erased from there, the cursor shown


def test_a_quiet_run_prints_its_messages_only() -> None:
    console, raw = _console(terminal=True)
    with LiveConsole(console, lambda: VIEW, quiet=True) as live:
        live.begin(_info(10.0))
        _add(live, VIEW)
        live.say("Process 3 was ended by SIGKILL.")
    assert raw.getvalue() == b"Process 3 was ended by SIGKILL.\n"


def test_messages_before_and_after_the_load_are_printed_at_once() -> None:
    console, raw = _console()
    with LiveConsole(console, lambda: VIEW) as live:
        live.say("before")
        live.begin(_info(10.0))
    live.say("after")
    assert raw.getvalue() == b"before\nafter\n"


def test_a_terminal_that_knows_only_ascii() -> None:
    console, raw = _console("ascii", terminal=True)
    _show(console, [_view(response_p50_ns=850_000.0)])
    drawn = raw.getvalue().decode("ascii")
    assert "p50 850 us, p99 - of the last 5 s" in drawn
    assert " steady ....." in drawn


class _StoppedTerminal(io.StringIO):
    """A terminal on which Ctrl-S was pressed: from then on, a write blocks until ``go_on`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.is_stopped = False
        self.blocks = threading.Event()
        self.go_on = threading.Event()

    def write(self, text: str) -> int:
        if self.is_stopped:
            self.blocks.set()
            self.go_on.wait()
        return super().write(text)


@pytest.mark.parametrize("in_place", [True, False])
def test_a_terminal_that_takes_nothing_holds_up_nothing(in_place: bool) -> None:
    terminal = _StoppedTerminal()
    console = Console(file=terminal, width=80, force_terminal=in_place, legacy_windows=False, _environ={})
    with LiveConsole(console, lambda: VIEW, most=2, patience_s=0) as live:
        live.begin(_info(None))
        terminal.is_stopped = True
        for second in range(0, 50, 5):
            _add(live, _view(at_s=float(second)))
            assert terminal.blocks.wait(10)  # the first view is being drawn, for ever
        live.say("Process 3 was ended by SIGKILL.")
        problems = live.finish(example.summary())
    terminal.go_on.set()
    assert problems == ["The live view had not finished 0 s after the load, was given up, and missed 10 of 10 updates."]


def test_a_view_that_cannot_be_drawn_is_said_at_the_end() -> None:
    console, _ = _console()
    with LiveConsole(console, lambda: _view(users=None)) as live:
        live.begin(_info(None))
        _add(live, VIEW)
        [problem] = live.finish(example.summary())
    assert problem == (
        "The live view failed and missed 1 of 1 updates: TypeError: unsupported format string passed to "
        "NoneType.__format__. The results of the run are complete without it."
    )


def test_a_phases_name_cannot_take_over_the_terminal() -> None:
    for attack in example.ATTACKS:
        assert "\x1b" not in _line(_view(phase=attack), 10.0)
