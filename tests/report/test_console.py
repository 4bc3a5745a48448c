from __future__ import annotations

import io
import unicodedata
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from loadws.metrics.runinfo import MachineInfo
from loadws.metrics.summary import Summary
from loadws.report import console
from tests.report import example

GOLDEN = Path(__file__).parent / "golden"
FOLDER = Path("reports/chat-rooms/20261123T081500Z")


def screen(summary: Summary, folder: Path = FOLDER, encoding: str = "utf-8", width: int = 80) -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    terminal = Console(file=file, width=width, color_system=None, legacy_windows=False)
    console.render(summary, terminal)
    console.render_place(folder / "report.html", terminal)
    file.flush()
    return raw.getvalue().decode(encoding)


@pytest.mark.parametrize(
    ("summary", "golden"),
    [
        (example.summary(), "console.txt"),  # failed checks, errors, a warning
        (example.brief(), "console-brief.txt"),  # a newcomer's five seconds
    ],
)
def test_the_whole_screen_at_80_columns(summary: Summary, golden: str) -> None:
    assert without_padding(screen(summary)) == (GOLDEN / golden).read_text("utf-8")


def test_no_line_is_wider_than_the_terminal() -> None:
    for summary in (example.summary(), example.hostile().summary):
        for width in (80, 100, 140):
            assert max(map(len, screen(summary, width=width).splitlines())) <= width


def test_nothing_is_cut_off_at_80_columns() -> None:
    wide, narrow = screen(example.summary(), width=300), screen(example.summary(), width=80)
    assert _letters(narrow) == _letters(wide)


def _letters(shown: str) -> str:
    """Without the rules of tables, and without what wrapping changes."""
    return "".join(shown.replace("─", "").split())


def test_a_terminal_that_knows_only_ascii() -> None:
    shown = screen(example.summary(), encoding="ascii")
    assert "x Failed  chat rooms" in shown
    assert "41 x timeout" in shown


def test_nothing_that_a_server_sends_reaches_the_terminal_as_a_control() -> None:
    shown = screen(example.hostile().summary)
    odd = {character for character in shown if unicodedata.category(character) in ("Cc", "Cf", "Cs")}
    assert odd == {"\n"}
    assert "[bold red]markup[/]" in shown


def test_the_path_of_the_report_is_never_broken() -> None:
    folder = Path("/a/very/long/path") / ("x" * 90)
    assert f"Report  {folder}/report.html" in screen(example.brief(), folder)


def without_padding(screen: str) -> str:
    return "\n".join(line.rstrip() for line in screen.split("\n"))


def test_the_machines_of_a_run_are_a_table_with_what_is_known_of_each() -> None:
    machines = (
        MachineInfo(
            0, "load1", (0, 2), opened=5, sent=1200, clock="its clock is 1 ms ± 2 µs ahead of the coordinator's"
        ),
        MachineInfo(1, "load2.example", (1, 3), lost="was not heard of for 4 s", checked="not calibrated", errors=7),
    )
    text = io.StringIO()
    terminal = Console(file=text, width=80, color_system=None, legacy_windows=False)
    console.render(example.brief(), terminal, msgspec.structs.replace(example.info(), machines=machines))
    shown = text.getvalue()
    table = shown[shown.index("Machines") : shown.index("Generator")]
    assert [line.split() for line in table.splitlines() if "─" not in line and line] == [
        ["Machines"],
        ["machine", "connections", "messages", "sent", "errors", "response", "p99"],
        ["share", "0", "(load1)", "5", "1,200", "0", "—"],
        ["share", "1", "(load2.example)", "0", "0", "7", "—"],
        *(
            [
                "share",
                "0",
                "(load1):",
                "its",
                "clock",
                "is",
                "1",
                "ms",
                "±",
                "2",
                "µs",
                "ahead",
                "of",
                "the",
                "coordinator's",
            ],
        ),
        ["share", "1", "(load2.example)", "was", "lost:", "was", "not", "heard", "of", "for", "4", "s"],
        ["share", "1", "(load2.example):", "not", "calibrated"],
    ]
    assert max(map(len, shown.splitlines())) <= 80
