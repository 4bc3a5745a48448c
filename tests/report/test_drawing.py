"""Whatever becomes of the process that draws, there is a report, and it says what it lacks and why."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from loadws.metrics.summary import Summary
from loadws.report.charts.charts import charts
from loadws.report.drawing import draw
from loadws.report.drawing.draw import Artist
from loadws.report.drawing.drawing import NOT_YET, Drawn
from loadws.report.html.page import render
from tests.report import example
from tests.report.html.test_page import Elements

ONE = (
    '{"type": "Drawn", "name": "latency", "title": "Latency", "caption": "", "axis": "<svg></svg>", "view": "<svg></svg>", '
    '"height": 10, "is_over_time": true}'
)
AGAIN = "`loadws report` of the run's folder draws them again."
NEEDS = "Drawing needs up to 250 MB of memory"


@pytest.fixture(scope="module")
def wanted() -> Summary:
    return example.summary()


def child(program: str) -> tuple[str, ...]:
    """A child that does as the program says, where one that draws should be."""
    return (sys.executable, "-c", f"import os, sys, time\n{program}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "drawn", "problem"),
    [
        (
            "os.kill(os.getpid(), 9)",  # as the kernel does where there is no memory
            0,
            f"There are no charts: the process that draws them was ended by SIGKILL. {NEEDS}. {AGAIN}",
        ),
        (
            f"print({ONE!r}, flush=True); os.kill(os.getpid(), 5)",  # in the middle
            1,
            f"Some charts are missing: the process that draws them was ended by SIGTRAP. {NEEDS}. {AGAIN}",
        ),
        (
            f"sys.stdout.write({ONE!r} + chr(10) + {ONE[:20]!r}); sys.exit(3)",  # the second line is not whole
            1,
            f"Some charts are missing: the process that draws them ended with exit code 3. {NEEDS}. {AGAIN}",
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
def test_a_child_that_fails_costs_only_its_charts(wanted: Summary, program: str, drawn: int, problem: str) -> None:
    drawing = Artist(child(program), within_s=1 if "sleep" in program else 60).draw(wanted)
    assert (len(drawing.charts), drawing.problem) == (drawn, problem)
    page = render(example.report(), drawing).decode()
    assert problem.replace("'", "&#39;") in page
    assert page.count("<figure ") == drawn
    assert Elements(page).wrong == []


def test_a_child_that_cannot_be_started(wanted: Summary, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(draw, "_SHELL", tmp_path / "none")
    drawing = Artist(("/nowhere/python",)).draw(wanted)
    assert drawing.problem == (
        "There are no charts: the process that draws them could not be started (No such file or directory). " + AGAIN
    )


def test_drawing_can_be_given_up_before_it_begins(wanted: Summary) -> None:
    artist = Artist(child("time.sleep(60)"))
    artist.give_up("Ctrl-C")
    assert artist.draw(wanted).problem == f"There are no charts: drawing was ended by Ctrl-C. {AGAIN}"


def test_drawing_can_be_given_up_while_it_goes_on(wanted: Summary, tmp_path: Path) -> None:
    """By a signal, as a reader does it who has seen enough: the child says that it draws, and then takes an hour."""
    artist = Artist(child(f"print({ONE!r}, flush=True); os.kill(os.getppid(), {signal.SIGUSR1:d}); time.sleep(3600)"))
    before = signal.signal(signal.SIGUSR1, lambda *_: artist.give_up("Ctrl-C"))
    try:
        drawing = artist.draw(wanted)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert drawing.problem == f"Some charts are missing: drawing was ended by Ctrl-C. {AGAIN}"


def test_a_report_that_waits_for_its_charts_says_so() -> None:
    page = render(example.report()).decode()
    assert NOT_YET.problem in page
    assert "<figure " not in page


@pytest.mark.slow
def test_a_whole_drawing_has_every_chart(wanted: Summary) -> None:
    drawing = Artist().draw(wanted)
    assert ([chart.name for chart in drawing.charts], drawing.problem) == ([c.name for c in charts(wanted)], "")
    page = render(example.report(), drawing).decode()
    assert "charts-missing" not in page


def test_a_chart_alone_needs_no_page(wanted: Summary) -> None:
    for chart in charts(wanted):
        for dark in (False, True):
            picture = Drawn.of(chart).alone(760, dark)
            assert "var(" not in picture
            ElementTree.fromstring(picture)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is one of the kernel's")
def test_a_limit_of_memory_costs_the_charts_and_not_the_process(wanted: Summary) -> None:
    program = (
        "from loadws.report.drawing import child\n"
        "child.charts = lambda *_: [bytearray(2 * child.MOST_MEMORY_BYTES)]  # a run that needs more than there may be\n"
        "child.main()"
    )
    problem = Artist(child(program)).draw(wanted).problem
    assert problem == f"There are no charts: the process that draws them ended with exit code 1. {NEEDS}. {AGAIN}"


@pytest.mark.skipif(sys.platform != "linux", reason="the score is one of the kernel's")
def test_where_memory_ends_the_child_goes_first(wanted: Summary, tmp_path: Path) -> None:
    score = tmp_path / "score"
    Artist(child(f"open({str(score)!r}, 'w').write(open('/proc/self/oom_score_adj').read())")).draw(wanted)
    assert score.read_text() == "1000\n"
