from __future__ import annotations

import io

import pytest
from rich.console import Console

from loadws.report.terminal.panel import Line
from loadws.report.terminal.screen import Screen

WIDE: Line = [("x" * 90, "bad")]
SHORT: Line = [("y", "")]


def _console(**environment: str) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    environment = {"TERM": "xterm-256color", **environment}
    return Console(
        file=file, force_terminal=True, width=100, height=20, legacy_windows=False, _environ=environment
    ), file


def _painted(console: Console, file: io.StringIO, screen: Screen, *lines: Line) -> str:
    """Return what a painting writes."""
    before = len(file.getvalue())
    screen.paint(lines)
    return file.getvalue()[before:]


def test_each_painting_overwrites_the_one_before_and_erases_only_what_is_left() -> None:
    console, file = _console()
    screen = Screen(console)
    first = _painted(console, file, screen, WIDE, SHORT)
    assert "\x1b[2J" not in first
    second = _painted(console, file, screen, SHORT)
    assert "\r\x1b[2A" in second  # up by the two lines of before
    assert second.index("y\x1b[K") < second.index("\x1b[J")  # what is left of before goes last


def test_a_terminal_that_became_narrower_has_wrapped_the_lines() -> None:
    console, file = _console()
    screen = Screen(console)
    screen.paint([WIDE, SHORT])
    console.width = 50
    assert "\x1b[3A" in _painted(console, file, screen, SHORT)
    assert screen.size == (49, 19)


def test_what_scrolled_out_of_sight_is_not_reached_for() -> None:
    console, file = _console()
    screen = Screen(console)
    screen.paint([WIDE] * 15)
    console.width, console.height = 20, 10
    assert "\x1b[9A" in _painted(console, file, screen, SHORT)


@pytest.mark.parametrize(
    ("environment", "codes"),
    [({}, {"1;31", "1"}), ({"NO_COLOR": "1"}, {"1"}), ({"TERM": "vt100", "NO_COLOR": "1"}, {"1"})],
)
def test_colours_go_where_they_are_not_wanted(environment: dict[str, str], codes: set[str]) -> None:
    console, file = _console(**environment)
    shown = _painted(console, file, Screen(console), [("bad", "bad"), ("title", "strong")])
    assert {code for code in ("1;31", "1", "36") if f"\x1b[{code}m" in shown} == codes


def test_what_is_printed_between_stands_above() -> None:
    console, file = _console()
    screen = Screen(console)
    screen.paint([SHORT])
    screen.erase()
    file.write("a message\n")
    assert "A" not in _painted(console, file, screen, SHORT).split("y")[0].replace("\x1b[?", "")


def test_lines_that_stay_are_not_overwritten() -> None:
    console, file = _console()
    screen = Screen(console)
    screen.paint([SHORT, SHORT])
    screen.leave([SHORT])
    assert file.getvalue().endswith("\x1b[?25h")
    assert "A" not in _painted(console, file, screen, SHORT).split("y")[0].replace("\x1b[?", "")


def test_stand_ins_that_are_longer_make_no_line_too_long() -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    console = Console(file=file, force_terminal=True, width=20, height=20, legacy_windows=False, _environ={})
    Screen(console).paint([[("a rule that is cut…", "")]])
    file.seek(0)
    assert "a rule that is...\x1b[K" in file.read()
