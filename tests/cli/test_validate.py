"""``loadws validate``: what is printed for files with and without problems. The messages are tested beside scenario."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.commands import Result, run

SCENARIOS = sorted((Path(__file__).parents[2] / "scenarios").glob("*.yaml"))
VALID = "target: ws://127.0.0.1:1\nload: [{users: 1, for: 1s}]\nflow: [{request: hi}]\n"
INVALID = "target: ws://127.0.0.1:1\nload: [{user: 1, for: 1s}]\nflow: [{request: hi}]\n"


def _write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_valid_file_is_summed_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _write(tmp_path, "good.yaml", VALID)
    expected = f"{path}: valid (1 phase, 1 user type, 1 step, 0 thresholds)\n"
    assert run(capsys, "validate", str(path)) == Result(0, expected, "")


def test_a_problem_is_shown_with_its_place_and_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _write(tmp_path, "bad.yaml", INVALID)
    found = run(capsys, "validate", str(path))
    assert found.code == 2
    assert found.out.splitlines()[0] == f"{path}:2:9: load[0]: unknown key 'user'; did you mean 'users'?"
    assert found.out.splitlines()[1:3] == ["    2 | load: [{user: 1, for: 1s}]", "      |         ^"]
    assert found.out.splitlines()[-1].startswith(f"{path}: ")
    assert found.err == ""


def test_every_file_is_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad, good = _write(tmp_path, "bad.yaml", INVALID), _write(tmp_path, "good.yaml", VALID)
    missing = tmp_path / "missing.yaml"
    found = run(capsys, "validate", str(bad), str(missing), str(good))
    assert found.code == 2
    for path, word in ((bad, "problem"), (missing, "problem"), (good, "valid")):
        assert any(line.startswith(f"{path}: ") and word in line for line in found.out.splitlines())


def test_a_warning_alone_does_no_harm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overlapping = VALID.replace("[{request: hi}]", "[{every: 1s, overlap: true, do: [{request: hi}]}]")
    found = run(capsys, "validate", str(_write(tmp_path, "warned.yaml", overlapping)))
    assert found.code == 0
    assert ": warning: " in found.out
    assert found.out.endswith("0 thresholds, 1 warning)\n")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_every_scenario_that_ships_is_valid(scenario: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, "validate", str(scenario))
    assert (found.code, found.err) == (0, "")
    assert found.out.startswith(f"{scenario}: valid (")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_every_scenario_that_ships_names_its_schema(scenario: Path) -> None:
    assert scenario.read_text().splitlines()[0] == "# yaml-language-server: $schema=loadws.schema.json"


def test_files_are_found_beside_the_scenario(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("data.yaml", "accounts.csv"):
        shutil.copy(SCENARIOS[0].parent / name, tmp_path / name)
    monkeypatch.chdir(tmp_path.parent)
    assert run(capsys, "validate", str(tmp_path / "data.yaml")).code == 0


def test_what_the_transport_lacks_is_a_problem_as_it_is_for_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _write(tmp_path, "deflated.yaml", VALID + "connection: {compression: true}\n")
    for command in ("validate", "run"):
        found = run(capsys, command, "--transport", "trio-websocket", str(path))
        assert found.code == 2
        problem = "connection.compression: --transport trio-websocket has no 'compression'; use --transport native"
        assert f"{path}:4:14: {problem}" in (found.out or found.err.removeprefix("loadws: ")).splitlines()
    assert run(capsys, "validate", "--transport", "native", str(path)).code == 0
