"""``loadws run --processes``: signals, the parent's death, and the same load whatever the number."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import run
from tests.kit.judged import RAN_WHOLE

LONG = """
name: long
target: builtin:echo
graceful_stop: 20s
load: [{users: 4, for: 10m}]
flow: [{request: hello}, {think: 20ms}]
"""
ARRIVALS = """
name: arrivals
target: builtin:echo
seed: 7
load: [{arrivals: 40/s, for: 1s}]
flow: [{request: hello}, {log: "{{ user.index }} {{ random_int(1, 1000000) }}"}]
thresholds: ["response_time.p50 < 10h"]
"""
WITHIN_S = 60


def start(tmp_path: Path, *options: str) -> subprocess.Popen[str]:
    """A run of two processes that has said its first live line: its load is under way."""
    path = tmp_path / "scenario.yaml"
    path.write_text(LONG)
    command = [sys.executable, "-m", "loadws", "run", str(path), "--out", str(tmp_path), "--processes", "2", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    assert process.stderr is not None
    while "users" not in (line := process.stderr.readline()):
        assert line, "it ended before its load began"
    return process


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def is_there(pid: int) -> bool:
    """Whether it runs; whoever ended and was not yet waited for does not."""
    with suppress(OSError):
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    return False


def summary_of(tmp_path: Path, scenario: str) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((tmp_path / scenario / "latest/summary.json").read_text())
    return summary


@pytest.mark.slow
def test_ctrl_c_ends_all_gracefully(tmp_path: Path) -> None:
    process = start(tmp_path)
    process.send_signal(signal.SIGINT)
    _, printed = process.communicate(timeout=WITHIN_S)

    assert process.returncode == 130, printed
    assert [line for line in printed.splitlines() if not line.startswith(("[", "Ctrl-C: "))] == []
    summary = summary_of(tmp_path, "long")
    assert summary["ledger"]["sessions"] == {"started": 4, "completed": 4, "failed": 0, "cut_off": 0}
    assert [each["complete"] for each in summary["generator"]["processes"]] == [True, True]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc")
def test_a_run_that_is_killed_leaves_no_process_and_a_folder_to_rebuild(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process = start(tmp_path)
    started = children(process.pid)
    assert len(started) == 3  # two that make the load, and the target
    process.kill()
    process.communicate(timeout=WITHIN_S)
    give_up = time.monotonic() + WITHIN_S
    while any(map(is_there, started)) and time.monotonic() < give_up:
        os.sched_yield()
    assert not any(map(is_there, started))
    result = run(capsys, "report", str(tmp_path / "long/latest"))

    assert result.code == 0, result.err
    summary = summary_of(tmp_path, "long")
    assert summary["verdict"]["outcome"] == "interrupted"
    sessions = summary["ledger"]["sessions"]
    assert sessions["started"] == sessions["cut_off"] > 0


@pytest.mark.slow
def test_the_same_load_whatever_the_number_of_processes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same users arrive and draw the same numbers; they say so in logs."""
    path = tmp_path / "arrivals.yaml"
    path.write_text(ARRIVALS)
    said = []
    for processes in ("1", "3"):
        result = run(capsys, "run", str(path), "--out", str(tmp_path / processes), "--processes", processes)
        assert result.code in RAN_WHOLE, result.out + result.err
        folder = tmp_path / processes / "arrivals/latest"
        windows = [json.loads(line) for line in (folder / "windows.ndjson").read_text().splitlines()]
        said.append(sorted(log["text"] for window in windows for log in window.get("logs", ())))
        assert summary_of(tmp_path / processes, "arrivals")["run"]["processes"] == int(processes)
    assert said[0] == said[1]
    assert len(said[0]) > 20
