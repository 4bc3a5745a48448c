"""``loadws init``: a scenario to start from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from loadws.cli.init import TEMPLATES
from loadws.scenario.build import load_scenario
from tests.cli.commands import Result, run


def test_what_it_writes_is_valid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.yaml"
    expected = f"{file} is written. Run it as it is with:  loadws run {file}\n"
    assert run(capsys, "init", str(file)) == Result(0, expected, "")
    loaded = load_scenario(file)
    assert (loaded.warnings, loaded.scenario.target) == ((), "builtin:echo")


@pytest.mark.parametrize("template", TEMPLATES)
def test_each_template_is_valid_and_commented(
    template: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TARGET", raising=False)
    file = tmp_path / "mine.yaml"
    assert run(capsys, "init", str(file), "--template", template).code == 0
    loaded = load_scenario(file)
    assert (loaded.warnings, loaded.scenario.target[:8]) == ((), "builtin:")
    assert loaded.scenario.thresholds
    assert file.read_text().count("#") > 5


@pytest.mark.parametrize("template", TEMPLATES)
def test_its_comments_name_the_file_that_was_written(
    template: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "init", str(tmp_path / "mine too.yaml"), "--template", template).code == 0
    text = (tmp_path / "mine too.yaml").read_text()
    named = re.findall(r"loadws (?:run|plan|validate) +('.*?'|\S+)", text)
    assert named
    assert set(named) == {"'mine too.yaml'"}


def test_a_name_of_two_lines_does_not_end_a_comment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "init", str(tmp_path / "mine\nname: x.yaml"), "--template", "ci").code == 0
    assert "name: x" not in (tmp_path / "mine\nname: x.yaml").read_text()


def test_a_rule_of_the_gate_sees_connections_that_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held users connect while their number rises: that phase is judged, and by a rule that few failures break."""
    monkeypatch.delenv("TARGET", raising=False)
    file = tmp_path / "gate.yaml"
    assert run(capsys, "init", str(file), "--template", "ci").code == 0
    scenario = load_scenario(file).scenario
    assert not any(phase.warmup for phase in scenario.load)
    assert any(rule.rule.startswith("error_rate{kind=connect} <") for rule in scenario.thresholds)


def test_an_unknown_template_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.yaml"
    found = run(capsys, "init", str(file), "--template", "chatt")
    assert (found.code, file.exists()) == (2, False)
    assert "json-rpc" in found.err


def test_without_a_name_it_is_scenario_yaml(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(capsys, "init").code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["scenario.yaml"]


def test_what_is_there_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("precious")
    refused = f"loadws: {file} is there already\n  choose another name, or write over it with --force\n"
    assert run(capsys, "init", str(file)) == Result(2, "", refused)
    assert file.read_text() == "precious"


def test_force_writes_over_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("precious")
    assert run(capsys, "init", str(file), "--force").code == 0
    assert file.read_text().startswith("# A scenario for loadws.")


def test_where_it_cannot_be_written_it_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "no" / "mine.yaml"
    message = f"loadws: {file} cannot be written: No such file or directory\n"
    assert run(capsys, "init", str(file)) == Result(2, "", message)
