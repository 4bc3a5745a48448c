"""``loadws import artillery``: that what it writes is valid and runs, and the files beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import run
from tests.kit.judged import run_undisturbed

SCRIPT = """\
config:
  target: ws://127.0.0.1:1
  phases: [{duration: 1, arrivalCount: 3}]
  environments: {other: {phases: [{duration: 2, arrivalCount: 2}]}}
scenarios:
  - engine: ws
    flow: [{send: {payload: {id: 7}, match: {json: $.ok, value: true}}}, {send: bye}]
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "load.yml"
    file.write_text(SCRIPT)
    return file


@pytest.mark.slow
def test_what_it_writes_runs(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "import", "artillery", "load.yml").code == 0
    done = run_undisturbed(Path("scenario.yaml"), Path("out"), "--target", "builtin:json")
    assert done.exit_code == 0, done.stdout + done.stderr


def test_the_stub_of_a_function_is_beside_the_scenario(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script.write_text(SCRIPT.replace("flow: [", "flow: [{function: setUp}, "))
    Path("there").mkdir()
    done = run(capsys, "import", "artillery", "load.yml", "-o", "there/load.yaml", "--strict")
    assert done.code == 1
    assert "there/load.yaml is written.\nthere/functions.py is written.\n" in done.out
    assert run(capsys, "validate", "there/load.yaml").code == 0
    again = run(capsys, "import", "artillery", "load.yml", "-o", "there/other.yaml")
    assert (again.code, again.err.partition("\n")[0]) == (2, "loadws: there/functions.py is there already")
    assert not Path("there/other.yaml").exists()


def test_an_environment_is_chosen(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "import", "artillery", "load.yml", "--environment", "other").code == 0
    assert "arrivals: 1/s, for: 2s" in Path("scenario.yaml").read_text()
    assert run(capsys, "import", "artillery", "load.yml", "-e", "none", "--force").code == 2
