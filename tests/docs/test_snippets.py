"""The files of ``loadws docs ci``: valid for their service, with commands that exist, and scripts that do what they say."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import check_jsonschema
import jsonschema
import pytest
from ruamel.yaml import YAML

from loadws.cli.manual.snippets import snippet, snippets
from loadws.report.formats.formats import FORMATS
from loadws.report.pipelines.services import FILES_FOR, FORMATS_FOR, SERVICES
from tests.cli.commands import run
from tests.docs.blocks import PAGES, blocks
from tests.docs.test_commands import command_lines, problems

SCHEMAS = Path(check_jsonschema.__file__).parent / "builtin_schemas" / "vendor"
#: The schema of each file that is YAML, as check-jsonschema brings it along from SchemaStore.
SCHEMA_OF = {
    "action": "github-actions",
    "github": "github-workflows",
    "gitlab": "gitlab-ci",
    "azure": "azure-pipelines",
    "buildkite": "buildkite",
}
BASH = shutil.which("bash")
WITHIN_S = 60


def parsed(text: str) -> Any:
    """Return YAML as plain data. Version 1.2, in which ``on`` is a word and not true."""
    return YAML(typ="safe", pure=True).load(text)


def test_there_is_one_for_every_service_and_the_page_names_all() -> None:
    assert set(snippets()) == {*SERVICES, "action"}
    page = (PAGES / "ci.md").read_text("utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == ["github", "action", *(
        name for name in ("gitlab", "jenkins", "azure", "teamcity", "buildkite")
    )]  # fmt: skip


@pytest.mark.parametrize(("name", "schema"), SCHEMA_OF.items())
def test_a_file_keeps_to_the_schema_of_its_service(name: str, schema: str) -> None:
    path = SCHEMAS / f"{schema}.json"
    if not path.is_file():
        pytest.skip(f"check-jsonschema brings no schema {schema} along")
    found = json.loads(path.read_text("utf-8"))
    validator = jsonschema.validators.validator_for(found)
    assert [error.message for error in validator(found).iter_errors(parsed(snippet(name)))] == []


def test_a_wrong_file_would_be_seen() -> None:
    found = json.loads((SCHEMAS / "github-actions.json").read_text("utf-8"))
    wrong = parsed(snippet("action")) | {"runs": {"using": "composite"}}
    assert list(jsonschema.validators.validator_for(found)(found).iter_errors(wrong))


@pytest.mark.parametrize("name", snippets())
def test_commands_and_options_of_loadws_exist(name: str) -> None:
    lines = re.findall(r"^\W*(?:sh '|script: |run: )?(loadws [^'\n|]*)", snippet(name), re.MULTILINE)
    words = [words for line in lines for words in command_lines(f"`{line.strip()}`")]
    assert [problem for each in words for problem in problems(each)] == []
    assert name == "github" or any(each[0] == "run" for each in words)


@pytest.mark.parametrize("block", [
    block for page in sorted(PAGES.glob("*.md")) for block in blocks(page.read_text("utf-8"), "yaml")
])  # fmt: skip
def test_every_yaml_that_a_page_shows_can_be_parsed(block: str) -> None:
    list(YAML(typ="safe", pure=True).load_all(block))


@pytest.mark.parametrize("name", snippets())
def test_a_file_is_printed_as_it_is(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, "docs", "ci", name)
    assert (found.code, found.out, found.err) == (0, snippet(name), "")


def test_a_name_that_is_none_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, "docs", "ci", "gihub")
    assert (found.code, found.out) == (2, "")
    assert found.err == "loadws: there is no file 'gihub' for a CI service\n  did you mean 'github'?\n"


def test_the_files_that_gitlab_collects_are_those_that_a_run_leaves_for_it() -> None:
    reports = parsed(snippet("gitlab"))["load"]["artifacts"]["reports"]
    there = {FORMATS[name].file for name in ("html", "junit", "markdown", *FORMATS_FOR["gitlab"])} | {
        *FILES_FOR["gitlab"]
    }
    assert {Path(path).name for path in reports.values()} <= there
    assert f"load/{FORMATS['taurus'].file}" in snippet("jenkins")


# -- the scripts of the action, run with a loadws and a gh that only note what they are asked ----------------------------


def step(name: str) -> dict[str, Any]:
    [found] = [each for each in parsed(snippet("action"))["runs"]["steps"] if each.get("name") == name]
    return dict(found)


def run_script(
    name: str, folder: Path, programs: dict[str, str], **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the script of a step as the runner does, with these programs before all others."""
    if BASH is None:
        pytest.skip("there is no bash")
    for program, text in programs.items():
        path = folder / program
        path.write_text(f"#!{BASH}\n{text}\n")
        path.chmod(0o755)
    first = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [BASH, "--noprofile", "--norc", "-eo", "pipefail", "-c", step(name)["run"]],
        cwd=folder, env={"PATH": first, "GITHUB_OUTPUT": str(folder / "output"), **environment},
        capture_output=True, text=True, timeout=WITHIN_S, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "passed_on"),
    [
        ("", []),
        ("--seed\n7\n", ["--seed", "7"]),
        ("--rule\nresponse_time.p95 < 200ms\n\n", ["--rule", "response_time.p95 < 200ms"]),  # one a line, and no shell
        ("--set\nx=$(touch owned)", ["--set", "x=$(touch owned)"]),
    ],
)
def test_the_action_runs_the_scenario_with_its_arguments(given: str, passed_on: list[str], tmp_path: Path) -> None:
    done = run_script(
        "Run the load", tmp_path, {"loadws": 'printf "%s\\n" "$@" > asked; exit 3'},
        SCENARIO="a b.yaml", ARGS=given, REPORT="/r.html",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr  # so that the report is kept; the last step ends with the code
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked == ["run", "a b.yaml", "--quiet", "--ci", "github", "--report", "/r.html", *passed_on]
    assert (tmp_path / "output").read_text() == "code=3\n"
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(("code", "ends"), [("0", 0), ("3", 3), ("", 2)])
def test_the_action_ends_with_the_code_of_loadws(code: str, ends: int, tmp_path: Path) -> None:
    assert run_script("End with the code of loadws", tmp_path, {}, CODE=code).returncode == ends


#: Notes what it is asked; ``LIST`` is what it prints for the list of comments, ``REFUSED`` the method that it may not use.
GH = """
echo "$*" >> asked
case "$*" in
  *--paginate*) printf '%s' "$LIST"; [[ "$REFUSED" != LIST ]];;
  *PATCH*) [[ "$REFUSED" != *PATCH* ]];;
  *POST*) [[ "$REFUSED" != *POST* ]];;
esac
"""


@pytest.mark.parametrize(
    ("there", "refused", "methods", "noted"),
    [
        ("", "", ["POST"], False),  # the first comment
        ("11\n12\n", "", ["PATCH"], False),  # the one that is there is replaced
        ("11\n", "PATCH", ["PATCH", "POST"], False),  # another user's
        ("", "LIST", ["POST"], False),
        ("", "POST", ["POST"], True),  # a fork's token may not write: that is no failure
    ],
)
def test_the_action_keeps_one_comment(
    there: str, refused: str, methods: list[str], noted: bool, tmp_path: Path
) -> None:
    (tmp_path / "comment.md").write_text("<!-- loadws: my gate -->\n## Passed\n")
    done = run_script(
        "Update the comment", tmp_path, {"gh": GH},
        COMMENT="comment.md", NUMBER="5", GITHUB_REPOSITORY="a/b", LIST=there, REFUSED=refused,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    _, *asked = (tmp_path / "asked").read_text().splitlines()
    assert [line.split("--method ")[1].split()[0] for line in asked] == methods
    assert all("repos/a/b/issues/" in line and line.endswith("-F body=@comment.md") for line in asked)
    assert ("PATCH" not in methods) or "repos/a/b/issues/comments/11 " in asked[0]
    assert done.stdout.startswith("::notice title=loadws::") is noted


def test_the_report_is_kept_as_one_file_that_the_browser_opens() -> None:
    keep = step("Keep the report")
    assert keep["uses"] == "actions/upload-artifact@v7"
    assert keep["with"]["archive"] is False
    assert keep["with"]["path"] == step("Run the load")["env"]["REPORT"]


def test_no_script_has_a_value_of_the_workflow_in_its_text() -> None:
    """What a pull request's author can choose would be run by the shell: it comes by the environment."""
    for each in parsed(snippet("action"))["runs"]["steps"]:
        assert "${{" not in each.get("run", "")
