"""``loadws run`` from end to end: real processes, a real server, exit codes, and what is left on the disk."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from loadws.fleet.machine.calibration import Calibration, Found, Level, keep_calibration, this_machine
from loadws.metrics.summary import from_json
from loadws.scenario.yaml.explain import Problems
from loadws.scenario.yaml.source import read_tree
from loadws.scenario.yaml.tree import Node
from tests.cli.commands import run
from tests.kit.judged import RAN_WHOLE

HELD = """
target: builtin:echo
load: [{users: 3, for: 600ms}]
flow: [{request: hello}, {think: 20ms}]
"""
LONG = """
name: long
target: builtin:echo
graceful_stop: 20s
load: [{users: 3, for: 10m}]
flow: [{request: hello}, {think: 20ms}]
"""
#: A latency is judged, loosely: a busy machine's send lag then does not make these runs invalid.
LOOSE = "response_time.p50 < 10h"
WITHIN_S = 60


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "scenario.yaml"
    path.write_text(text)
    return str(path)


def out(tmp_path: Path) -> tuple[str, str]:
    return "--out", str(tmp_path / "reports")


def summary_of(tmp_path: Path, scenario: str = "scenario") -> dict[str, Any]:
    path = tmp_path / "reports" / scenario / "latest" / "summary.json"
    summary: dict[str, Any] = json.loads(path.read_text())
    return summary


@pytest.mark.slow
def test_a_run_that_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = "thresholds: ['response_time{step=hello}.p50 < 10h', error_rate == 0%]\n"
    result = run(capsys, "run", written(tmp_path, HELD + rules), *out(tmp_path))

    assert result.code == 0, result.out + result.err
    summary = summary_of(tmp_path)
    assert summary["verdict"]["outcome"] == "passed"
    assert summary["ledger"]["messages"]["sent"] == summary["ledger"]["messages"]["answered"] > 0
    files = {path.name for path in (tmp_path / "reports/scenario/latest").iterdir()}
    assert files == {
        "errors.ndjson", "intervals.hlog", "junit.xml", "report.html", "run.json", "scenario.yaml", "summary.json",
        "summary.md", "windows.ndjson",
    }  # fmt: skip


@pytest.mark.slow
def test_what_judges_a_run_stands_in_run_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = HELD.replace("for: 600ms", "for: 300ms, max_dropped: 5%, max_skipped: 10%") + "generator: {send_lag: 50ms}\n"
    run(capsys, "run", written(tmp_path, text), "--too-close", "pass", "--keep-trying", *out(tmp_path))

    info = json.loads((tmp_path / "reports/scenario/latest/run.json").read_text())
    assert (info["too_close"], info["send_lag_limit_ns"], info["keep_trying"]) == ("pass", 50_000_000, True)
    assert (info["phases"][0]["max_dropped"], info["phases"][0]["max_skipped"]) == (0.05, 0.1)


@pytest.mark.slow
def test_a_threshold_that_fails_fails_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(
        capsys, "run", written(tmp_path, HELD + f"thresholds: [{LOOSE}, iterations > 1000000]\n"), *out(tmp_path)
    )

    assert result.code == 1
    assert "iterations > 1000000" in result.out


@pytest.mark.slow
def test_no_data_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flow = "flow: [{if: '{{ false }}', then: [{request: never}]}, {request: hello}, {think: 20ms}]\n"
    rules = f"thresholds: ['response_time{{step=never}}.max < 1s', {LOOSE}]\n"
    result = run(capsys, "run", written(tmp_path, HELD.split("flow:")[0] + flow + rules), *out(tmp_path))

    assert result.code == 1
    assert summary_of(tmp_path)["verdict"]["checks"][0]["outcome"] == "no_data"


@pytest.mark.slow
def test_a_target_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, "run", written(tmp_path, HELD), "--target", "ws://127.0.0.1:9", *out(tmp_path))

    assert result.code == 5
    assert "tcp.refused" in result.out


@pytest.mark.slow
def test_a_rule_that_aborts_ends_the_run_and_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rule = f"thresholds: [{LOOSE}, {{rule: iterations < 1, abort: true}}]\n"
    result = run(capsys, "run", written(tmp_path, LONG + rule), *out(tmp_path))

    assert result.code == 1
    assert "iterations < 1" in result.out
    summary = summary_of(tmp_path, "long")
    assert summary["verdict"]["outcome"] == "aborted"
    assert summary["run"]["duration_s"] < 60


@pytest.mark.slow
def test_what_cannot_be_written_is_said_before_the_load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "reports").write_text("a file in the way")
    result = run(capsys, "run", written(tmp_path, HELD), *out(tmp_path))

    assert result.code == 2
    assert "in the way" in result.err


def test_more_users_than_this_machine_can_hold_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, "run", written(tmp_path, HELD), "--users", "100000000", *out(tmp_path))

    assert result.code == 2
    assert "100,000,000 users" in result.err
    assert not (tmp_path / "reports").exists()


@pytest.mark.slow
def test_trace_prints_frames_and_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, "run", written(tmp_path, HELD), "--trace", *out(tmp_path))

    assert result.code == 0
    for expected in ("-> request  GET / HTTP/1.1", "<- response HTTP/1.1 101", "-> text     5 B  hello", "think took"):
        assert expected in result.out
    assert not (tmp_path / "reports").exists()


@pytest.mark.slow
def test_once_is_one_flow_of_one_user_judged_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, "run", written(tmp_path, HELD), "--once", *out(tmp_path))
    assert result.code == 0, result.out + result.err
    [path] = tmp_path.rglob("summary.json")
    ledger = from_json(path.read_bytes()).ledger
    assert (ledger.sessions.started, ledger.connections.opened) == (1, 1)


TWO_TYPES = """
target: builtin:broadcast
load: [{users: 3, for: 1s}]
users:
  - {name: buyer, weight: 99, flow: [connect, {barrier: {users: 2}, name: ready}, {request: hello, name: buy}]}
  - {name: watcher, flow: [connect, {barrier: {users: 2}, name: ready}, {wait_for: {where: {text: hello}}, name: seen}]}
thresholds: ['wait_time{step=seen}.count >= 1', 'response_time{step=buy}.count >= 1']
"""


@pytest.mark.slow
def test_once_judges_a_user_of_each_type(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, "run", written(tmp_path, TWO_TYPES), "--once", *out(tmp_path))

    assert result.code == 0, result.out + result.err
    [path] = tmp_path.rglob("summary.json")
    assert from_json(path.read_bytes()).ledger.sessions.started == 2


AROUND = """
setup: [{log: before}]
teardown: [{log: after}]
target: builtin:echo
load: [{users: 2, iterations: 2}]
flow: [connect, {request: {send: {text: hello}}}]
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["--quiet", "--once", "--trace"])
def test_a_run_in_one_process_parses_its_scenario_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Also with a setup, a teardown and a target of its own, whose address is not known when the file is read."""
    parsed = []

    def counted(problems: Problems) -> Node:
        parsed.append(problems.source.path)
        return read_tree(problems)

    monkeypatch.setattr("loadws.scenario.build.read_tree", counted)
    result = run(capsys, "run", written(tmp_path, AROUND), "--processes", "1", how, *out(tmp_path))

    assert result.code == 0
    assert parsed == [tmp_path / "scenario.yaml"]


@pytest.mark.slow
def test_trace_of_a_flow_that_fails_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failing = HELD.replace("{request: hello}", "{request: {send: hello, reply: {check: {text: bye}}}}")
    result = run(capsys, "run", written(tmp_path, failing), "--trace")

    assert result.code == 1
    assert "error check" in result.out


@pytest.mark.slow
def test_trace_of_a_flow_without_end_ends_when_the_load_would(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    endless = "graceful_stop: 10ms\n" + HELD.replace(
        "[{request: hello}, {think: 20ms}]", "[{every: 100ms, do: [{request: hello}]}]"
    )
    result = run(capsys, "run", written(tmp_path, endless), "--trace")

    assert result.code == 0
    assert re.search(r"every took [56]\d\d ms", result.out)


@pytest.mark.slow
def test_secrets_are_in_no_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = HELD.replace("flow:", "variables: {token: none}\nsecrets: [token]\non: {error: [{log: 'e {{ token }}'}]}\n"
                                 "connection: {headers: {Authorization: 'Bearer {{ token }}', Cookie: 'a={{ token }}'}}\n"
                                 f"thresholds: [{LOOSE}]\nflow:")  # fmt: skip
    arguments = ("run", written(tmp_path, text), "--set", "token=hunter2hunter2")
    ran = run(capsys, *arguments, *out(tmp_path))
    traced = run(capsys, *arguments, "--trace")

    assert (ran.code, traced.code) == (0, 0), ran.out + ran.err
    kept = "".join(path.read_text() for path in (tmp_path / "reports/scenario/latest").iterdir())
    assert "hunter2" not in kept + ran.out + ran.err + traced.out + traced.err


# -- signals: a process of its own --------------------------------------------------------------------------------------


def start(tmp_path: Path, text: str = LONG) -> subprocess.Popen[str]:
    """A run that has said its first live line: its load is under way."""
    command = [sys.executable, "-m", "loadws", "run", written(tmp_path, text), *out(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    assert process.stderr is not None
    while "users" not in (line := process.stderr.readline()):
        assert line, "it ended before its load began"
    return process


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--trace",)])
def test_a_run_goes_on_where_nobody_reads_what_it_prints(tmp_path: Path, options: tuple[str, ...]) -> None:
    text = HELD.replace("{request: hello}", "{repeat: 300, do: [{request: hello}]}")
    command = [sys.executable, "-u", "-m", "loadws", "run", written(tmp_path, text), *out(tmp_path), *options]
    # Without a calibration: where this machine has one, the run warns that this is more than it can make.
    env = os.environ | dict.fromkeys(("XDG_CACHE_HOME", "LOCALAPPDATA"), str(tmp_path / "cache"))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        complaints = process.stderr.read()
        code = process.wait(WITHIN_S)

    assert code in RAN_WHOLE, complaints
    assert [line for line in complaints.splitlines() if not line.startswith("[")] == []  # but for what goes on
    assert (tmp_path / "reports/scenario/latest/summary.json").exists() == (options == ())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "name", "code"),
    [(signal.SIGINT, "Ctrl-C", 130), (signal.SIGTERM, "SIGTERM", 143), (signal.SIGHUP, "SIGHUP", 143)],
)
def test_a_signal_ends_the_run_gracefully(tmp_path: Path, number: signal.Signals, name: str, code: int) -> None:
    process = start(tmp_path)
    process.send_signal(number)
    _, printed = process.communicate(timeout=WITHIN_S)

    assert process.returncode == code, printed
    assert f"{name}: what is under way is finished, for 20 s at most. Once more ends it at once." in printed
    summary = summary_of(tmp_path, "long")
    assert summary["run"]["interrupted"] == name
    assert summary["ledger"]["sessions"] == {"started": 3, "completed": 3, "failed": 0, "cut_off": 0}
    assert (tmp_path / "reports/long/latest/report.html").exists()


@pytest.mark.slow
def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    """Each request waits for an answer that never comes: gracefully, that would take 20 s."""
    silent = LONG.replace("{request: hello}", "{request: {send: hello, reply: {where: {text: never}, within: 10m}}}")
    process = start(tmp_path, silent)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    _, printed = process.communicate(timeout=WITHIN_S)

    assert process.returncode == 130, printed
    summary = summary_of(tmp_path, "long")
    assert summary["ledger"]["sessions"]["cut_off"] == 3
    assert summary["ledger"]["messages"]["unanswered"] == 3
    assert summary["run"]["duration_s"] < 20


@pytest.mark.slow
def test_a_run_that_was_killed_is_rebuilt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    process = start(tmp_path)
    process.kill()
    process.communicate(timeout=WITHIN_S)
    folder = next(path for path in (tmp_path / "reports/long").iterdir() if path.is_dir())
    assert not (folder / "summary.json").exists()
    result = run(capsys, "report", str(folder))

    assert result.code == 0
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["verdict"]["outcome"] == "interrupted"
    assert summary["ledger"]["messages"]["answered"] > 0
    assert (folder / "report.html").exists()


@pytest.mark.slow
def test_ctrl_c_while_the_report_is_written_does_not_cost_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import loadws.report.folder as folder

    store = folder.store

    def interrupted(path: Path, summary: Any, *more: Any) -> list[str]:
        os.kill(os.getpid(), signal.SIGINT)
        return store(path, summary, *more)

    monkeypatch.setattr(folder, "store", interrupted)
    result = run(capsys, "run", written(tmp_path, HELD + f"thresholds: [{LOOSE}]\n"), *out(tmp_path))

    assert result.code == 0, result.out + result.err
    assert (tmp_path / "reports/scenario/latest/report.html").exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.slow
def test_a_disk_that_is_full_at_the_end_is_said_and_the_verdict_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import loadws.report.folder as folder

    monkeypatch.setattr(folder, "store", lambda path, *_: [f"{path}: No space left on device."])
    result = run(capsys, "run", written(tmp_path, HELD + f"thresholds: [{LOOSE}]\n"), *out(tmp_path))

    assert result.code == 0
    assert "No space left on device" in result.err


@pytest.mark.slow
def test_a_plan_beyond_what_was_calibrated_is_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    where = "loadws.fleet.machine.calibration.calibration_file"
    monkeypatch.setattr(where, lambda transport: tmp_path / f"{transport}.json")
    levels = (Level(1, {"100": 200.0}, 100.0, 1.0),)
    keep_calibration(Calibration(this_machine(), "native", False, Found(1.0, 1, 1, levels)))
    result = run(capsys, "run", written(tmp_path, HELD), "--transport", "native", *out(tmp_path))

    assert (
        "warning: this plan sends about 150 messages per second, and this machine was calibrated at 100 for 1 process: "
        "expect an invalid run; use more machines, or a lower rate\n"
    ) in result.err
    assert summary_of(tmp_path)["ledger"]["messages"]["sent"] > 0
