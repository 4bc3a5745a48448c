from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from loadws.cli import reading
from loadws.cli.progress import Progress, show_progress
from loadws.cli.reading import load_shown
from loadws.scenario.data import rows


class _Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def _console(terminal: bool) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, force_terminal=terminal, width=90, height=20, color_system=None, _environ={}), file


def _shown(total: int | None, is_long: bool, *advances: tuple[float, int]) -> str:
    """Return what a terminal got when pieces were done after so many seconds each."""
    clock, (console, file) = _Clock(), _console(True)
    with Progress("slices", total, console, is_long, clock) as progress:
        for seconds, pieces in advances:
            clock.now_s += seconds
            progress.advance(pieces, f"after {clock.now_s:g}")
    return file.getvalue()


def test_work_of_less_than_a_second_shows_nothing() -> None:
    assert _shown(10, False, (0.3, 3), (0.3, 3), (0.3, 4)) == ""


def test_longer_work_has_a_bar_that_is_gone_at_the_end() -> None:
    shown = _shown(10, False, (1.5, 5), (0.1, 1), (0.5, 1))
    assert shown.count("slices ") == 2  # 0.1 s later is too soon
    assert "5 of 10, 1 s  after 101.5" in shown
    assert "7 of 10, 2 s  after 102.1" in shown
    assert shown.endswith("\x1b[?25h")


def test_long_work_shows_its_bar_at_once() -> None:
    assert "0 of 24, 0 s  after 100" in _shown(24, True, (0.0, 0))


def test_work_without_a_known_end_counts() -> None:
    assert "slices  3, 2 s" in _shown(None, False, (2.0, 3))


def test_a_line_is_printed_above_the_bar() -> None:
    console, file = _console(True)
    with Progress("levels", None, console, is_long=True) as progress:
        progress.advance(1)
        progress.say("100 users: held")
    assert file.getvalue().index("100 users: held") < file.getvalue().rindex("levels  1")


def test_without_a_terminal_there_are_only_lines() -> None:
    console, file = _console(False)
    with Progress("levels", None, console, is_long=True) as progress:
        progress.advance(1, "trying 100 users")
        progress.say("100 users: held")
    assert file.getvalue() == "100 users: held\n"


def test_pieces_pass_through(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(show_progress(range(4), "reading", 4)) == [0, 1, 2, 3]
    assert capsys.readouterr().err == ""


def test_reading_a_large_data_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "people.csv").write_text("name\n" + "someone\n" * 2_500)
    (tmp_path / "a.yaml").write_text(
        "target: builtin:echo\ndata: {people: {file: people.csv}}\nload: [{users: 1, for: 1s}]\n"
        'flow: [{request: {send: "{{ people.name }}"}}]\n'
    )
    told: list[tuple[str, int]] = []
    monkeypatch.setattr(rows, "_ROWS_BETWEEN", 1_000)
    monkeypatch.setattr(reading._Bars, "tell", lambda _self, file, read, whole: told.append((file.name, whole - read)))
    load_shown(tmp_path / "a.yaml")
    assert told == [("people.csv", 1_500 * 8), ("people.csv", 500 * 8)]
    assert rows.READING.get() is rows._tell_nothing
