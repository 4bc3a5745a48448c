"""What each CI service is told, read as the service reads it, with every text that a server can choose as an attack."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from teamcity.messages import escape_value

from loadws.metrics.summary import Check, Summary, Verdict
from loadws.report.pipelines import azure, github, gitlab, teamcity
from loadws.report.pipelines.bounded import NOTE, cut
from loadws.report.pipelines.harmless import harmless, is_at_start
from loadws.report.pipelines.result import Problem, Result, result_of_run
from loadws.report.pipelines.services import FILES_FOR, MARKS, SERVICES, Ci, find_service
from loadws.report.pipelines.tellers import telling_for
from tests.report import example

ATTACKS = (
    "::set-output name=verdict::passed",
    "a\n::error title=owned::owned",
    "a\r\n##vso[task.setvariable variable=PATH]owned",
    "]##vso[task.complete result=Succeeded;]",
    "'] ##teamcity[buildStatus text='owned']",
    "##[set-env name=PATH]owned",
    "100% %0A::error::x %AZP0A ]]> | |n",
    "report<<EOF\npassed\nEOF",
    "-->\n<script>",
)


def attacked() -> Summary:
    """Return a failed run whose every text is an attack."""
    summary = example.hostile().summary
    checks = tuple(Check(text, "failed", 1.0, "1", text, sentence=text) for text in ATTACKS)
    run = msgspec.structs.replace(summary.run, scenario=" ".join(ATTACKS))
    return msgspec.structs.replace(summary, run=run, verdict=Verdict("failed", 1, checks, ATTACKS))


def result(summary: Summary, folder: Path) -> Result:
    return result_of_run(summary, folder, folder / "report.html")


RESULTS = {"long": example.summary(), "brief": example.brief(), "attacked": attacked()}


@pytest.fixture(params=RESULTS)
def any_result(request: pytest.FixtureRequest, tmp_path: Path) -> Result:
    (tmp_path / "summary.md").touch()
    return result(RESULTS[request.param], tmp_path)


# -- all of them ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SERVICES)
def test_each_line_is_one_line_of_bounded_length(name: str, any_result: Result, tmp_path: Path) -> None:
    environment = {"CI_PROJECT_DIR": str(tmp_path), "CI_JOB_URL": "https://gitlab.example/-/jobs/7"}
    telling = telling_for(name, any_result, environment)  # type: ignore[arg-type]
    assert len(telling.lines) <= 30
    for line in telling.lines:
        assert "\n" not in line
        assert "\r" not in line
        assert line.isprintable()
        assert len(line) < 8_000
    assert {path.name for path in telling.written} == set(FILES_FOR.get(name, ()))  # type: ignore[call-overload]


def test_a_result_has_the_checks_that_do_not_hold_and_the_reasons(tmp_path: Path) -> None:
    found = result(example.summary(), tmp_path)
    assert [(each.severity, each.subject) for each in found.problems] == [
        ("error", "response_time{step=join}.p99 < 200ms"),
        ("error", "response_time{step=leave}.max < 1s"),
        ("warning", "response_time{step=join}.p99.9 < 2s"),
    ]
    assert found.severity == "error"
    assert dict(found.figures)["error_rate"] == pytest.approx(24 / 57_000, abs=1e-6)
    passed = result(example.brief(), tmp_path)
    assert (passed.problems, passed.severity, passed.exit_code) == ((), None, 0)


@pytest.mark.parametrize(
    ("asked", "environment", "service"),
    [
        ("auto", {}, None),
        ("auto", {"CI": "true"}, None),  # says that it is a service, and not which
        *(("auto", {mark: "x"}, name) for name, mark in MARKS.items()),
        ("auto", {"JENKINS_URL": "x", "TEAMCITY_VERSION": "1"}, "teamcity"),
        ("auto", {"GITHUB_ACTIONS": ""}, None),
        ("none", {"GITHUB_ACTIONS": "true"}, None),
        ("azure", {"GITHUB_ACTIONS": "true"}, "azure"),
    ],
)
def test_which_service_it_is(asked: str, environment: dict[str, str], service: str | None) -> None:
    assert find_service(asked, environment) == Ci(service)  # type: ignore[arg-type]


# -- GitHub -----------------------------------------------------------------------------------------------------------

_GITHUB = re.compile(r"::(error|warning) title=([^:,]*)::(.*)")


def github_annotation(line: str) -> tuple[str, str, str]:
    """Return severity, title and text of a workflow command, as the runner reads it."""
    match = _GITHUB.fullmatch(line)
    assert match is not None, line
    return match[1], unquote(match[2]), unquote(match[3])


def test_annotations_say_each_failed_check_in_its_sentence(tmp_path: Path) -> None:
    lines = list(github.annotations_of(result(example.summary(), tmp_path)))
    first = github_annotation(lines[0])
    assert first == ("error", "loadws: chat rooms", example.summary().verdict.checks[0].sentence)


def test_there_are_at_most_ten_annotations_and_each_is_one(any_result: Result) -> None:
    lines = list(github.annotations_of(any_result))
    found = [github_annotation(line) for line in lines]
    assert len(lines) == min(len(any_result.problems), 10)
    if len(any_result.problems) > 10:
        assert found[-1][2] == f"{len(any_result.problems) - 9} more problems: see the step summary"


def test_outputs_are_read_as_they_were_meant(any_result: Result) -> None:
    telling = github.tell(any_result, {"GITHUB_OUTPUT": "/o"})
    outputs = dict(line.split("=", 1) for line in telling.appended[0].text.splitlines())
    assert outputs["verdict"] == any_result.outcome
    assert outputs["exit-code"] == str(any_result.exit_code)
    assert outputs["report"] == str(any_result.report)
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*", name) for name in outputs)


def test_the_step_summary_has_the_verdict_first_and_is_bounded(any_result: Result) -> None:
    [summary] = github.tell(any_result, {"GITHUB_STEP_SUMMARY": "/s"}).appended
    assert summary.text.startswith("## ")
    assert any_result.word in summary.text.splitlines()[0]
    assert summary.most == 900 * 1024


def test_a_comment_fits_and_begins_with_its_mark(any_result: Result, tmp_path: Path) -> None:
    environment = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "a/b", "GITHUB_RUN_ID": "7"}
    telling = github.tell(any_result, environment)
    text = telling.written[tmp_path / "comment.md"].decode()
    assert len(text) <= 65_536
    assert re.match(r"<!-- loadws: [\w. -]+ -->\n## ", text)
    assert "https://github.com/a/b/actions/runs/7" in text


def test_a_comment_of_a_run_with_thousands_of_checks_is_cut(tmp_path: Path) -> None:
    check = Check("response_time{step=a}.p95 < 1s", "failed", 2e9, "ns", sentence="é" * 400)
    verdict = Verdict("failed", 1, (check,) * 3_000)
    long = result(msgspec.structs.replace(example.summary(), verdict=verdict), tmp_path)
    text = github.comment_of(long, "")
    assert 50_000 < len(text.encode()) <= 65_536
    assert text.endswith(NOTE)


@given(st.text(alphabet="aé\n<>", max_size=60), st.integers(0, 200))
def test_a_cut_text_fits_and_ends_at_a_line(text: str, most: int) -> None:
    shown = cut(text, most)
    assert len(shown.encode()) <= most or shown == text
    assert shown == text or shown == "" or text.startswith(shown.removesuffix(NOTE).removesuffix("\n\n</details>"))


def test_what_was_open_where_it_is_cut_is_closed() -> None:
    text = "## Failed\n<details><summary>x</summary>\n" + "row\n" * 1_000 + "</details>\n"
    assert cut(text, 500).count("<details>") == cut(text, 500).count("</details>") == 1


# -- Azure ------------------------------------------------------------------------------------------------------------


def azure_command(line: str) -> tuple[str, dict[str, str], str]:
    """Return name, properties and data of a logging command, as the agent reads it."""
    match = re.fullmatch(r"##vso\[([a-z.]+)(?: ([^\]]*))?\](.*)", line)
    assert match is not None, line
    pairs = [pair.split("=", 1) for pair in (match[2] or "").split(";") if pair]
    return match[1], {key: _azure_text(value) for key, value in pairs}, _azure_text(match[3])


def _azure_text(text: str) -> str:
    for escape, sign in (("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%AZP25", "%")):
        text = text.replace(escape, sign)
    return text


def test_azure_is_told_of_problems_of_the_summary_and_of_the_verdict(any_result: Result) -> None:
    found = [azure_command(line) for line in azure.tell(any_result, {}).lines]
    issues = [data for name, _, data in found if name == "task.logissue"]
    assert len(issues) == min(len(any_result.problems), 11)
    for issue, problem in zip(issues[:10], any_result.problems, strict=False):
        assert issue == f"loadws: {any_result.title}: {problem.text}"
    values = {properties["variable"]: data for name, properties, data in found if name == "task.setvariable"}
    assert values["loadws.verdict"] == any_result.outcome
    assert [data for name, _, data in found if name == "task.uploadsummary"] == [
        str((any_result.folder or Path()) / "summary.md")
    ]


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_text_ends_an_azure_command(value: str, data: str) -> None:
    line = azure.command("task.logissue", {"type": value}, data)
    assert azure_command(line) == ("task.logissue", {"type": value}, data)


# -- TeamCity ---------------------------------------------------------------------------------------------------------

_TEAMCITY = re.compile(r"##teamcity\[(\w+)((?: \w+='(?:[^|'\[\]]|\|.)*')+| '(?:[^|'\[\]]|\|.)*')\]")


def teamcity_text(text: str) -> str:
    """Return the text of an escaped value, as the server reads it."""
    units = re.sub(r"\|0x([0-9a-f]{4})", lambda match: chr(int(match[1], 16)), text)
    joined = units.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "surrogatepass")
    return re.sub(r"\|([|'\[\]nr])", lambda match: {"n": "\n", "r": "\r"}.get(match[1], match[1]), joined)


@given(st.text(max_size=40))
def test_no_text_ends_a_teamcity_message(text: str) -> None:
    assert _TEAMCITY.fullmatch(teamcity.message("message", text=text))
    if "|" not in text:  # "|0x" in a text would be read as an escape by the simple reader above
        assert teamcity_text(teamcity.escape(text)) == text


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
def test_teamcity_text_is_escaped_as_its_own_library_does(text: str) -> None:
    assert teamcity.escape(text) == escape_value(text)


def test_teamcity_is_told_of_problems_and_statistics(any_result: Result) -> None:
    lines = teamcity.tell(any_result, {}).lines
    names = [match[1] for line in lines if (match := _TEAMCITY.fullmatch(line))]
    assert len(names) == len(lines)
    errors = [problem for problem in any_result.problems[:10] if problem.severity == "error"]
    assert names.count("buildProblem") == len(errors)
    assert names.count("buildStatisticValue") == len(any_result.figures) > 0
    assert names.count("publishArtifacts") == 1
    assert all(len(found) <= 60 for line in lines for found in re.findall("identity='([^']*)'", line))


def test_two_problems_have_two_identities_that_do_not_change(tmp_path: Path) -> None:
    """TeamCity follows a problem from build to build by its identity, whatever was observed."""
    one, other = Problem("error", "a < 1", "a was 2"), Problem("error", "b < 1", "b was 2")
    base = result(example.brief(), tmp_path)
    ids = [
        re.findall("identity='([^']*)'", "\n".join(teamcity.tell(_with(base, problems), {}).lines))
        for problems in ((one, other), (Problem("error", "a < 1", "a was 3"), other))
    ]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2


def _with(base: Result, problems: tuple[Problem, ...]) -> Result:
    return Result(
        base.title, base.word, base.outcome, base.exit_code, base.sentences, problems, base.figures, base.markdown
    )


# -- GitLab -----------------------------------------------------------------------------------------------------------


def test_gitlab_links_the_report_from_the_job(any_result: Result, tmp_path: Path) -> None:
    environment = {"CI_PROJECT_DIR": str(tmp_path.parent), "CI_JOB_URL": "https://gitlab.example/-/jobs/7"}
    [content] = gitlab.tell(any_result, environment).written.values()
    [link] = json.loads(content)["loadws"]
    assert link["external_link"]["url"] == (
        f"https://gitlab.example/-/jobs/7/artifacts/file/{tmp_path.name}/report.html"
    )


@pytest.mark.parametrize("environment", [{}, {"CI_PROJECT_DIR": "/somewhere", "CI_JOB_URL": "https://x"}])
def test_gitlab_gets_no_link_to_what_is_no_artefact(environment: dict[str, str], tmp_path: Path) -> None:
    assert gitlab.tell(result(example.brief(), tmp_path), environment).written == {}


# -- what else is printed ---------------------------------------------------------------------------------------------


def is_a_command(line: str) -> bool:
    """Return whether a runner of GitHub, an agent of Azure or one of TeamCity would take a line for a command."""
    return line.strip().startswith("::") or re.search(r"##(\[|vso\[|teamcity\[)", line, re.IGNORECASE) is not None


@given(st.lists(st.text(alphabet=":#[vsoteamcity\r\n ]x", max_size=12), max_size=6))
def test_what_is_printed_never_becomes_a_command(texts: list[str]) -> None:
    """Each text is a whole word for a print, so that no command is cut in two."""
    at_start, shown = True, ""
    for text in [f"{text} x" for text in texts]:
        shown += harmless(text, at_start)
        at_start = is_at_start(text, at_start)
    assert [line for line in re.split("[\r\n]", shown) if is_a_command(line)] == []


@pytest.mark.parametrize("text", ["a :: b", "fe80::1", "# heading", "## heading [x]", "a\n:b", "", "\n\n"])
def test_what_is_no_command_stays_as_it_is(text: str) -> None:
    assert harmless(text, at_start=True) == text


def test_an_address_at_the_beginning_of_a_line_is_still_read() -> None:
    assert harmless("::1\n", at_start=True) == ": :1\n"
    assert harmless("::1\n", at_start=False) == "::1\n"
