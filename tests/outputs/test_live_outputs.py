"""The process of live outputs: what hangs, dies or lacks a receiver costs the run nothing, ends in time, and is said."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from loadws.metrics.runinfo import RunInfo
from loadws.outputs import pipe
from loadws.outputs.destinations import Destination
from loadws.outputs.exporter import Line, Refused
from loadws.outputs.live_outputs import LiveOutputs
from loadws.outputs.process import serve
from loadws.outputs.second import Second
from loadws.terms.errors import OutputError, UsageError
from tests.metrics.driven import driven
from tests.metrics.made_up import counted, frame, info

LONG_S = 30.0
FRAMES = 3


def second(number: int) -> Second:
    return Second(float(number), number + 1.0, "steady", False)


class Sent:
    """An exporter that fails, or waits, at some of its seconds."""

    name = "The collector at h:1"

    def __init__(self, at: Callable[[float], None] = lambda start_s: None) -> None:
        self._at = at
        self.took: list[float] = []

    def begin(self, info: RunInfo) -> None:
        pass

    def take(self, second: Second) -> None:
        self._at(second.start_s)
        self.took.append(second.start_s)

    def close(self) -> None:
        self._at(-1.0)


def through(exporter: Sent, patience_s: float = LONG_S) -> list[str]:
    line = Line(exporter, patience_s=patience_s)
    line.begin(info())
    for number in range(5):
        line.offer(second(number))
    line.ask_to_end()
    return line.end()


def test_what_a_receiver_does_not_take_is_tried_anew_with_the_next_second() -> None:
    def fail(start_s: float) -> None:
        if start_s in (1, 2):
            raise ConnectionRefusedError(111, "Connection refused")

    exporter = Sent(fail)
    assert through(exporter) == [
        "The collector at h:1 lost 2 of 5 seconds: Connection refused. The results of the run are complete without it."
    ]
    assert exporter.took == [0, 3, 4]


def test_a_receiver_that_refuses_the_end_is_named() -> None:
    def fail(start_s: float) -> None:
        if start_s < 0:
            raise Refused("it answered 503.")

    assert through(Sent(fail)) == ["The collector at h:1 failed at its end: it answered 503."]


WITHOUT = "The results of the run are complete without it."


def hang(*at: float, refuse: float | None = None) -> Callable[[float], None]:
    def act(start_s: float) -> None:
        if start_s == refuse:
            raise TimeoutError("timed out")
        if start_s in at:
            threading.Event().wait()

    return act


@pytest.mark.parametrize(
    ("act", "problem"),
    [
        (hang(2), f"lost 3 of 5 seconds: it had not finished 0.2 s after the load and was given up. {WITHOUT}"),
        # one second was refused, and then it hung: both are in one number
        (
            hang(3, refuse=1),
            "lost 3 of 5 seconds: it did not answer within 2 s; it had not finished 0.2 s after the load and was given up. "
            + WITHOUT,
        ),
        (hang(-1), "took every second, had not ended 0.2 s after the load, and was given up."),
    ],
)
def test_a_receiver_that_hangs_is_given_up_and_named_once(act: Callable[[float], None], problem: str) -> None:
    assert through(Sent(act), patience_s=0.2) == [f"The collector at h:1 {problem}"]


def test_seconds_that_come_too_fast_are_counted_with_the_others() -> None:
    """The queue holds two; the first second waits until all have been offered."""
    offered = threading.Event()

    def wait(start_s: float) -> None:
        if start_s == 0:
            offered.wait(LONG_S)
            raise ConnectionRefusedError(111, "Connection refused")

    line = Line(Sent(wait), most=2, patience_s=LONG_S)
    line.begin(info())
    for number in range(9):
        line.offer(second(number))
    offered.set()
    line.ask_to_end()
    [problem] = line.end()
    assert problem.startswith("The collector at h:1 lost ")
    assert problem.endswith(f" of 9 seconds: Connection refused; they came faster than it took them. {WITHOUT}")


def test_a_defect_of_an_output_is_called_one() -> None:
    def fail(start_s: float) -> None:
        if start_s == 2:
            raise ValueError("no such thing")

    assert through(Sent(fail)) == [
        f"The collector at h:1 lost 3 of 5 seconds: a defect of loadws (ValueError: no such thing). {WITHOUT}"
    ]


# -- the process ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("last", [[pipe.End()], []])
def test_the_process_takes_a_run_and_says_what_was_lost(last: list[pipe.Down], tmp_path: Path) -> None:
    """In this process: the messages as they go over the pipe. A run that is killed sends no end."""
    down = io.BytesIO()
    file = tmp_path / "live.ndjson"
    messages: list[pipe.Down] = [
        pipe.Open((Destination("ndjson", str(file)),)),
        pipe.Begin(info()),
        *(pipe.Seen(frame(n, counters=(counted("messages_sent", n),)), 0) for n in range(FRAMES)),
        *last,
    ]
    for message in messages:
        pipe.send(down, message)
    down.seek(0)
    said: list[pipe.Up] = []
    serve(lambda: pipe.receive(down), said.append)
    assert said == [pipe.Ready(), pipe.Done(())]
    assert counts_in(file) == [0, 1, 2]


def counts_in(file: Path) -> list[int]:
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    return [row["count"] for row in rows if row["metric"] == "messages_sent"]


@pytest.mark.parametrize("cut", [0, 2, 4, 9, -1])
def test_a_pipe_that_ends_anywhere_is_the_end(cut: int) -> None:
    down = io.BytesIO()
    pipe.send(down, pipe.Begin(info()))
    content = down.getvalue()
    assert pipe.receive(io.BytesIO(content)) == pipe.Begin(info())
    assert pipe.receive(io.BytesIO(content[:cut])) is None


def run(live: LiveOutputs) -> list[str]:
    with live.opened():
        live.begin(info())
        for number in range(FRAMES):
            assert driven(live.adding(frame(number, counters=(counted("messages_sent", number),)))) == (None, 1)
        problems = live.end()
        assert live.end() == []
    return problems


@pytest.mark.slow
def test_a_run_has_its_figures_written_by_another_process(tmp_path: Path) -> None:
    file = tmp_path / "live.ndjson"
    assert run(LiveOutputs((Destination("ndjson", str(file)),), patience_s=LONG_S)) == []
    assert counts_in(file) == [0, 1, 2]


@pytest.mark.slow
def test_what_cannot_be_opened_is_told_before_the_load(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match="cannot be written: Is a directory"),
        LiveOutputs((Destination("csv", str(tmp_path)),)).opened(),
    ):
        pytest.fail("the load would begin")


_READY = 'import os, sys, time; os.write(2, b\'{"type":"Ready"}\\n\')'


@pytest.mark.slow
@pytest.mark.parametrize(
    ("then", "patience_s", "problem"),
    [
        # it dies, and has said why
        ("sys.exit('out of luck: token=abcd')", LONG_S, "ended too early, after it said: out of luck: token=***."),
        # it takes nothing and never answers
        ("time.sleep(600)", 0.2, "did not answer in time and was given up."),
        # it takes everything and never answers
        ("sys.stdin.buffer.read(); time.sleep(600)", 0.2, "did not answer in time and was given up."),
    ],
)
def test_a_process_that_dies_or_hangs_costs_nothing_and_is_named(then: str, patience_s: float, problem: str) -> None:
    command = (sys.executable, "-c", f"{_READY}; {then}")
    live = LiveOutputs((Destination("csv", "-"),), lambda text: text.replace("abcd", "***"), command, patience_s)
    assert run(live) == [f"The process of the live outputs {problem} The results of the run are complete without it."]


@pytest.mark.slow
def test_a_process_that_does_not_start_ends_the_command_before_the_load(tmp_path: Path) -> None:
    for command in ((str(tmp_path / "none"),), (sys.executable, "-c", "raise SystemExit('no library')")):
        with (
            pytest.raises(OutputError, match=r"could not be started: No such file|after it said: no library"),
            LiveOutputs((Destination("csv", "-"),), command=command).opened(),
        ):
            pytest.fail("the load would begin")


@pytest.mark.slow
def test_the_process_of_the_load_imports_no_library_of_an_output() -> None:
    """A run without outputs is not slower for them, and neither is one with."""
    script = (
        "import sys, loadws.cli.running.run, loadws.outputs.process; print([name for name in sys.modules if "
        "name.startswith(('prometheus_client', 'opentelemetry', 'requests', 'loadws.outputs.kinds'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=LONG_S * 4
    )
    assert done.stdout == "[]\n"


def test_without_an_output_there_is_no_process() -> None:
    live = LiveOutputs((), command=("/none",))
    assert run(live) == []
