"""Whatever becomes of the process that draws, there is a report, and it says what it lacks and why."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from loadws.report import charts, html
from loadws.report.charts import Chart
from loadws.report.drawing import draw
from loadws.report.drawing.draw import COMMAND, Artist
from loadws.report.drawing.drawing import NOT_YET, Drawing
from tests.report import example
from tests.report.test_html import Elements

ONE = '{"type": "Drawn", "chart": "latency", "svg": "<svg ></svg>"}'
AGAIN = "`loadws report` of the run's folder draws them again."
NEEDS = "Drawing needs about 250 MB of memory, and 40 GB of addresses (ulimit -v)"


@pytest.fixture(scope="module")
def wanted() -> list[Chart]:
    return charts.charts(example.summary())


def child(program: str) -> tuple[str, ...]:
    """A child that does as the program says, where one that draws should be."""
    return (sys.executable, "-c", f"import os, sys, time\n{program}")


@pytest.mark.parametrize(
    ("program", "drawn", "problem"),
    [
        (
            "os.kill(os.getpid(), 9)",  # as the kernel does where there is no memory
            0,
            f"There are no charts: the process that draws them was ended by SIGKILL. {NEEDS}. {AGAIN}",
        ),
        (
            f"print({ONE!r}, flush=True); os.kill(os.getpid(), 5)",  # as V8 does, in the middle
            1,
            f"Of 9 charts 8 are missing: the process that draws them was ended by SIGTRAP. {NEEDS}. {AGAIN}",
        ),
        (
            f"sys.stdout.write({ONE!r} + chr(10) + {ONE[:20]!r}); sys.exit(3)",  # the second line is not whole
            1,
            f"Of 9 charts 8 are missing: the process that draws them ended with exit code 3. {NEEDS}. {AGAIN}",
        ),
        (
            "pass",
            0,
            f"There are no charts: the process that draws them ended. {AGAIN}",
        ),  # it says nothing, and all is well
        ("print('hello')", 0, f"There are no charts: the process that draws them said what is no chart. {AGAIN}"),
        ("sys.stdin.close(); time.sleep(60)", 0, f"There are no charts: drawing did not end within 1 s. {AGAIN}"),
    ],
)
def test_a_child_that_fails_costs_only_its_charts(wanted: list[Chart], program: str, drawn: int, problem: str) -> None:
    drawing = Artist(child(program), within_s=1 if "sleep" in program else 60).draw(wanted)
    assert (len(drawing.svgs), drawing.problem) == (drawn, problem)
    page = html.render(example.report(), drawing).decode()
    assert problem.replace("'", "&#39;") in page
    assert page.count("<figure ") == drawn
    assert Elements(page).wrong == []


def test_a_child_that_cannot_be_started(wanted: list[Chart], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(draw, "_SHELL", tmp_path / "none")
    drawing = Artist(("/nowhere/python",)).draw(wanted)
    assert drawing.problem == (
        "There are no charts: the process that draws them could not be started (No such file or directory). " + AGAIN
    )


def test_drawing_can_be_given_up_before_it_begins(wanted: list[Chart]) -> None:
    artist = Artist(child("time.sleep(60)"))
    artist.give_up("Ctrl-C")
    assert artist.draw(wanted).problem == f"There are no charts: drawing was ended by Ctrl-C. {AGAIN}"


def test_drawing_can_be_given_up_while_it_goes_on(wanted: list[Chart], tmp_path: Path) -> None:
    """By a signal, as a reader does it who has seen enough: the child says that it draws, and then takes an hour."""
    artist = Artist(child(f"print({ONE!r}, flush=True); os.kill(os.getppid(), {signal.SIGUSR1:d}); time.sleep(3600)"))
    before = signal.signal(signal.SIGUSR1, lambda *_: artist.give_up("Ctrl-C"))
    try:
        drawing = artist.draw(wanted)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert drawing.problem == f"Of 9 charts 8 are missing: drawing was ended by Ctrl-C. {AGAIN}"


def test_a_report_that_waits_for_its_charts_says_so() -> None:
    page = html.render(example.report()).decode()
    assert NOT_YET.problem in page
    assert "<figure " not in page


def test_a_whole_drawing_has_every_chart_and_the_scripts(wanted: list[Chart]) -> None:
    drawing = Artist().draw(wanted)
    assert (list(drawing.svgs), drawing.problem) == ([chart.name for chart in wanted], "")
    assert drawing.bundle is not None
    page = html.render(example.report(), drawing).decode()
    assert "charts-missing" not in page


def test_pictures_without_scripts_are_no_less(wanted: list[Chart]) -> None:
    drawing = Drawing({chart.name: "<svg ></svg>" for chart in wanted})
    page = html.render(example.report(), drawing).decode()
    assert page.count("<figure ") == len(wanted)
    assert '<script type="application/json" id="charts">{}</script>' in page


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is one of the kernel's")
@pytest.mark.parametrize("limit", ["-v 2000000", "-d 200000"])
def test_a_limit_of_memory_costs_the_charts_and_not_the_process(limit: str) -> None:
    program = (
        "from tests.report import example; from loadws.report import charts; from loadws.report.drawing.draw import Artist\n"
        "print(Artist().draw(charts.charts(example.brief())).problem)"
    )
    command = [f'ulimit {limit}; exec "$@"', "sh", sys.executable, "-c", program]
    ended = subprocess.run(["/bin/bash", "-c", *command], capture_output=True, text=True, check=True)
    assert ended.stdout.startswith("There are no charts: the process that draws them")


def test_the_library_that_draws_is_only_in_the_child() -> None:
    program = (
        "import sys; from tests.report import example; from loadws.report import charts, html\n"
        "import loadws.cli.running.run, loadws.cli.report, loadws.report.drawing.draw\n"
        "html.render(example.report(example.brief()))\n"
        "print('vl_convert' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"
    assert COMMAND[-1] == "loadws.report.drawing.child"


@pytest.mark.skipif(sys.platform != "linux", reason="the score is one of the kernel's")
def test_where_memory_ends_the_child_goes_first(wanted: list[Chart], tmp_path: Path) -> None:
    score = tmp_path / "score"
    Artist(child(f"open({str(score)!r}, 'w').write(open('/proc/self/oom_score_adj').read())")).draw(wanted)
    assert score.read_text() == "1000\n"
