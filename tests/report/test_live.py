from __future__ import annotations

import io
import threading

import msgspec
from rich.console import Console

from loadws.metrics.summarising.summariser import Summariser
from loadws.report.live import line, open_live
from tests.report import example


class View(msgspec.Struct, frozen=True):
    at_s: float = 6.0
    phase: str = "steady"
    warmup: bool = False
    users: int = 1_200
    open_connections: int = 1_198
    sent_per_s: float = 9_811.6
    received_per_s: float = 9_790.2
    response_p50_ns: float | None = 1.2e6
    response_p99_ns: float | None = None
    errors: int = 2


def _console(encoding: str = "utf-8", terminal: bool = False) -> tuple[Console, io.BytesIO]:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, newline="\n", write_through=True)
    return Console(
        file=file, width=80, force_terminal=terminal, color_system=None, legacy_windows=False, _environ={}
    ), raw


def test_one_line_says_it_all() -> None:
    expected = "[6 s/10 s] steady: 1,200 users, 1,198 open, sent 9,812/s, received 9,790/s, p50 1.2 ms, p99 —, 2 errors"
    assert line(View(), 10.0) == expected


def test_a_phase_without_an_end_in_sight_has_no_total() -> None:
    assert line(View(warmup=True), None).startswith("[6 s] steady (warm-up): ")


def test_what_the_summariser_says_can_be_shown() -> None:
    summariser = Summariser(example.info())
    for frame in example.frames():
        summariser.add(frame)
    assert line(summariser.live(), 200.0).startswith("[3 s/3 m 20 s] steady: 10 users, 10 open, sent 50/s, ")


def test_without_a_terminal_there_is_a_line_every_five_seconds() -> None:
    console, raw = _console()
    with open_live(console, 12.0) as live:
        for half_second in range(25):
            live.show(View(at_s=half_second / 2))
    starts = [text.split("]")[0] for text in raw.getvalue().decode().splitlines()]
    assert starts == ["[0 s/12 s", "[5 s/12 s", "[10 s/12 s"]


def test_on_a_terminal_it_is_drawn_twice_a_second_and_gone_at_the_end() -> None:
    console, raw = _console(terminal=True)
    with open_live(console, 10.0) as live:
        for tenth in range(10):
            live.show(View(at_s=tenth / 10))
    drawn = raw.getvalue().decode()
    assert drawn.count("users 1,200") == 3  # at 0 s, at 0.5 s, and once more when it is taken away
    assert "0 s, 10 s left" in drawn
    assert drawn.rstrip("\x1b[?25h\n\r").endswith("\x1b[2K")


def test_it_draws_in_no_thread_of_its_own() -> None:
    console, _ = _console(terminal=True)
    before = threading.active_count()
    with open_live(console, 10.0) as live:
        live.show(View())
        assert threading.active_count() == before


def test_a_terminal_that_knows_only_ascii() -> None:
    console, raw = _console("ascii", terminal=True)
    with open_live(console, 10.0) as live:
        live.show(View(response_p50_ns=850_000.0))
    drawn = raw.getvalue().decode("ascii")
    assert "##############.........." in drawn
    assert "p50 850 us, p99 -" in drawn


def test_a_phases_name_cannot_take_over_the_terminal() -> None:
    for attack in example.ATTACKS:
        assert "\x1b" not in line(View(phase=attack), 10.0)
