"""What CI services are told where nothing was run: the problems of a scenario, at their places."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadws.report.pipelines import azure, github
from loadws.report.pipelines.refused import result_of_error
from loadws.report.pipelines.result import Problem
from loadws.scenario.build import load_text
from loadws.scenario.yaml.explain import ScenarioError
from tests.report.pipelines.test_services import ATTACKS, azure_command

TEXT = "target: builtin:echo\nload: [{users: 2, fro: 1s}]\nflow: [{think: 1x}]\n"


def test_each_problem_of_a_scenario_is_one_at_its_line(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as error:
        load_text(TEXT, Path("load/gate.yaml"), env={})
    found = result_of_error("gate.yaml", 2, str(error.value))
    assert {(each.path, each.line) for each in found.problems} == {("load/gate.yaml", 2), ("load/gate.yaml", 3)}
    assert len(found.problems) == len(error.value.problems)
    assert (found.outcome, found.word, found.exit_code, found.severity) == ("not_run", "Nothing was run", 2, "error")
    line = next(iter(github.annotations_of(found)))
    assert line.startswith("::error file=load/gate.yaml,line=2,title=loadws%3A gate.yaml::load[0]: ")
    name, properties, _ = azure_command(azure.tell(found, {}).lines[0])
    assert (name, properties["sourcepath"], properties["linenumber"]) == ("task.logissue", "load/gate.yaml", "2")


@pytest.mark.parametrize("name", ["a,b.yaml", "a:b.yaml", "a%b.yaml", "a b.yaml", " a.yaml", "a:1:2: b.yaml", "ä.yaml"])
def test_a_file_of_any_name_keeps_its_place(name: str) -> None:
    """GitHub undoes its own escapes of a property: %25, %0D, %0A, %3A and %2C."""
    with pytest.raises(ScenarioError) as error:
        load_text(TEXT, Path(name), env={})
    found = result_of_error("gate", 2, str(error.value), error.value.files)
    assert [(each.path, each.line) for each in found.problems] == [(name, 2), (name, 3)]
    properties, _, _ = next(iter(github.annotations_of(found))).removeprefix("::error ").partition("::")
    shown = dict(each.split("=") for each in properties.split(","))["file"]
    for escape, meant in (("%3A", ":"), ("%2C", ","), ("%25", "%")):
        shown = shown.replace(escape, meant)
    assert shown == name


@pytest.mark.parametrize("files", [(), ("--rule",)])
def test_an_option_is_no_file(files: tuple[str, ...]) -> None:
    [problem] = result_of_error("gate", 2, "--rule:1:3: unknown metric", files).problems
    assert problem.path == ""
    assert problem.text.startswith("--rule:") and problem.text.endswith(": unknown metric")


def test_an_error_without_a_place_is_its_message_and_its_advice() -> None:
    found = result_of_error("gate.yaml", 5, "ws://x could not be reached\nis it started?")
    assert found.problems == (
        Problem("error", "gate.yaml", "ws://x could not be reached"),
        Problem("error", "gate.yaml", "is it started?"),
    )


@pytest.mark.parametrize("text", ATTACKS)
def test_no_text_of_an_error_is_a_command(text: str) -> None:
    found = result_of_error(text, 2, f"{text}:3:4: {text}\n{text}")
    lines = list(github.annotations_of(found))
    assert all(line.startswith(("::error title=loadws%3A ", "::error file=")) for line in lines)
    assert all(len(line.splitlines()) == 1 for line in lines)
    for line in azure.tell(found, {}).lines:
        azure_command(line)
