"""``--ci``: a run in the environment of a CI service tells it what came of the run, and nothing else tells it anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from loadws.report.pipelines.services import MARKS
from tests.cli.commands import run

HELD = """
name: my gate
target: builtin:echo
load: [{users: 2, for: 300ms}]
flow: [{request: hello}, {think: 20ms}]
thresholds: [iterations > 1000000]
"""
ATTACK = "##vso[task.setvariable variable=PATH]owned"
WITHIN_S = 120


def scenario(folder: Path, text: str = HELD) -> str:
    path = folder / "s.yaml"
    path.write_text(text)
    return str(path)


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the service's files are."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        (tmp_path / name).write_text(f"of the step before: {name}\n")
        monkeypatch.setenv(name, str(tmp_path / name))
    return tmp_path


@pytest.mark.slow
def test_github_is_told_without_an_option(github: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = github / "for ci"
    found = run(capsys, "run", scenario(github), "--out", str(github / "reports"), "--formats-to", str(there))
    assert found.code == 1, found.err
    assert "::error title=loadws%3A my gate::iterations was " in found.out
    summary = (github / "GITHUB_STEP_SUMMARY").read_text()
    assert summary.startswith("of the step before: GITHUB_STEP_SUMMARY\n## ❌ Failed: my gate\n")
    _, *lines = (github / "GITHUB_OUTPUT").read_text().splitlines()
    outputs = dict(line.split("=", 1) for line in lines)
    assert (outputs["verdict"], outputs["exit-code"]) == ("failed", "1")
    assert outputs["report"] == str(there / "report.html")
    assert (there / "comment.md").read_bytes() == Path(outputs["comment"]).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ("run", "s.yaml", "--output", "otlp=foo"),
            "::error title=loadws%3A s.yaml::--output otlp=foo: an address begins",
        ),
        (("ab", "s.yaml", "--b", "users"), "::error title=loadws%3A s.yaml::--b 'users' changes nothing"),
        (("search", "s.yaml"), "::error title=loadws%3A s.yaml::Missing option '--vary'"),
        (("run", "--scale", "0", "s.yaml"), "::error title=loadws%3A s.yaml::Invalid value for '--scale'"),
        (("compare",), "::error title=loadws%3A compare::Missing argument"),
        (("ab", "s.yaml", "--ci", "gitlub"), "::error title=loadws%3A s.yaml::Invalid value for '--ci'"),
    ],
)
def test_a_wrong_command_line_is_told_too(
    arguments: tuple[str, ...], line: str, github: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run(capsys, *arguments)
    assert (found.code, found.out) == (2, "")
    assert [each for each in found.err.splitlines() if each.startswith(line)]
    assert "loadws: " in found.err
    assert "Nothing was run" in (github / "GITHUB_STEP_SUMMARY").read_text()
    asked_for_none = run(capsys, *arguments, "--ci=none")
    assert "::error" not in asked_for_none.err


def test_a_problem_of_the_scenario_is_told_once(github: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, "run", scenario(github, "nonsense: 1\n"))
    assert found.code == 2
    lines = [line for line in found.err.splitlines() if line.startswith("::error")]
    assert len(lines) == len(set(lines)) > 0


@pytest.mark.slow
def test_none_tells_no_service(github: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, "run", scenario(github), "--out", str(github / "reports"), "--ci", "none")
    assert found.code == 1, found.err
    assert "::error" not in found.out
    assert (github / "GITHUB_OUTPUT").read_text() == "of the step before: GITHUB_OUTPUT\n"
    assert not list(github.glob("reports/*/*/comment.md"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("service", "files"),
    [
        ("gitlab", {"load-performance.json", "metrics.txt", "annotations.json"}),
        ("jenkins", {"final-stats.xml", "stats.csv"}),
    ],
)
def test_a_service_has_the_files_that_it_reads(
    service: str, files: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI_PROJECT_DIR", str(tmp_path))
    monkeypatch.setenv("CI_JOB_URL", "https://gitlab.example/-/jobs/7")
    found = run(capsys, "run", scenario(tmp_path), "--out", str(tmp_path / "reports"), "--ci", service)
    assert found.code == 1, found.err
    assert files <= {path.name for path in (tmp_path / "reports" / "my-gate" / "latest").iterdir()}


@pytest.mark.slow
def test_a_file_that_cannot_be_written_is_said_and_changes_no_verdict(
    github: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(github / "no" / "such"))
    found = run(capsys, "run", scenario(github), "--out", str(github / "reports"))
    assert found.code == 1
    assert f"{github / 'no' / 'such'} could not be written: No such file or directory." in found.err


@pytest.mark.slow
def test_what_a_scenario_says_is_no_command_to_the_service(tmp_path: Path) -> None:
    """Here it is a log line, which loadws prints while the load goes. A server's text would come the same way."""
    text = HELD.replace("{request: hello}", f"{{log: '{ATTACK}'}}, {{request: hello}}")
    bare = {name: value for name, value in os.environ.items() if name not in MARKS.values()}
    command = [sys.executable, "-m", "loadws", "run", scenario(tmp_path, text), "--trace"]
    told = {
        mark: subprocess.run(
            command, env={**bare, **environment}, capture_output=True, text=True, timeout=WITHIN_S, check=False
        )
        for mark, environment in (("", {}), ("TF_BUILD", {"TF_BUILD": "True"}))
    }
    assert ATTACK in told[""].stdout
    assert ATTACK not in told["TF_BUILD"].stdout + told["TF_BUILD"].stderr
    assert f"# {ATTACK[1:]}" in told["TF_BUILD"].stdout


@pytest.mark.slow
def test_a_service_that_the_command_line_names_gets_no_other_commands_either(tmp_path: Path) -> None:
    text = HELD.replace("{request: hello}", f"{{request: {{name: '{ATTACK}', send: {{text: hello}}}}}}")
    bare = {name: value for name, value in os.environ.items() if name not in MARKS.values()}
    command = [sys.executable, "-m", "loadws", "run", scenario(tmp_path, text), "-q", "--ci", "azure"]
    told = subprocess.run(
        command, cwd=tmp_path, env=bare, capture_output=True, text=True, timeout=WITHIN_S, check=False
    )
    assert f"# {ATTACK[1:]}" in told.stdout
    assert ATTACK not in told.stdout + told.stderr


@pytest.mark.slow
def test_of_a_run_and_its_comparison_the_verdict_is_that_of_the_worse(
    github: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run failed, and there is no baseline: as the exit code, the outputs say that it failed."""
    found = run(
        capsys, "run", scenario(github), "--out", str(github / "reports"), "--baseline", str(github / "nothing")
    )  # fmt: skip
    assert found.code == 1, found.err
    assert f"::warning title=loadws%3A my gate::{github / 'nothing'}: nothing was compared." in found.out
    _, *lines = (github / "GITHUB_OUTPUT").read_text().splitlines()
    assert [line for line in lines if line.startswith("verdict=")] == ["verdict=failed"]
    summary = (github / "GITHUB_STEP_SUMMARY").read_text()
    assert summary.count("## ❌ Failed: my gate") == 2  # the whole, and the run
    assert summary.count("\n## ") == 3  # and the comparison


@pytest.mark.slow
def test_comparing_runs_tells_the_service(github: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = ("--seed", "7", "--out", str(github / "reports"), "--ci", "none")
    for _ in range(2):
        run(capsys, "run", scenario(github), *again)
    one, other = sorted(path for path in (github / "reports" / "my-gate").iterdir() if not path.is_symlink())
    found = run(capsys, "compare", str(one), str(other), "--rule", "iterations >= -1%")
    _, first, *_ = (github / "GITHUB_OUTPUT").read_text().splitlines()
    assert first in ("verdict=passed", "verdict=failed", "verdict=inconclusive"), found.err
    assert ": my gate: comparison with a baseline\n" in (github / "GITHUB_STEP_SUMMARY").read_text()


def test_a_scenario_that_is_wrong_is_told_at_its_place(github: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = scenario(github, HELD.replace("users: 2", "users: two"))
    found = run(capsys, "run", path, "--out", str(github / "reports"))
    assert found.code == 2
    assert f"::error file={path},line=4,title=loadws%3A s.yaml::load[0].users: " in found.err
    _, *lines = (github / "GITHUB_OUTPUT").read_text().splitlines()
    assert lines == ["verdict=not_run", "exit-code=2"]


@pytest.mark.parametrize(
    "command",
    [
        ("compare", "nothing", "nothing-else"),
        ("ab", "nothing.yaml", "--b", "users=2"),
        ("search", "nothing.yaml", "--vary", "users", "--from", "1", "--to", "9"),
        ("run", "nothing.yaml", "--repeat", "2"),
    ],
    ids=lambda command: command[0],
)
def test_every_command_that_tells_a_result_tells_an_error_too(
    command: tuple[str, ...], github: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(github)
    found = run(capsys, *command)
    assert found.code == 2
    assert "\n::error title=loadws%3A " in f"\n{found.err}"
    assert "verdict=not_run\nexit-code=2\n" in (github / "GITHUB_OUTPUT").read_text()
