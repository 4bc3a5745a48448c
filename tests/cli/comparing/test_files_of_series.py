"""Every file and every report of several runs is green if and only if the exit code is 0."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from loadws.cli.comparing import repeat
from loadws.cli.comparing.against import save_baseline
from loadws.cli.running.run import Finished
from loadws.fleet.signals import Signals
from loadws.metrics.summary import Outcome, Summary, Verdict, from_json, to_json
from loadws.report.drawing.draw import Artist
from loadws.report.drawing.drawing import Drawing
from loadws.report.folder import derive
from loadws.report.formats.formats import DEFAULT, FORMATS, Chosen
from loadws.report.pipelines.services import SERVICES
from loadws.report.runreport import RunReport
from loadws.terms.errors import OutputError
from tests.cli.commands import run
from tests.gate.comparing import made

SCENARIO = "name: made up\ntarget: builtin:echo\nload: [{users: 1, for: 1s}]\nflow: [{request: hello}]\n"
CODES: dict[Outcome, int] = {
    "passed": 0, "failed": 1, "no_data": 1, "aborted": 1, "inconclusive": 3, "invalid": 4, "unreachable": 5,
    "interrupted": 130,
}  # fmt: skip
#: Formats of other tools that have figures and no verdict, also of a single run.
WITHOUT_VERDICT = {"k6", "locust", "taurus"}


def _junit(content: str) -> bool:
    suites = ElementTree.fromstring(content).findall("testsuite")
    assert suites
    return not any(int(suite.get(name, "")) for suite in suites for name in ("failures", "errors"))


def _ctrf(content: str) -> bool:
    tests = msgspec.json.decode(content)["results"]["tests"]
    return all(test["status"] == "passed" for test in tests)


def _openmetrics(content: str) -> bool:
    found = re.search(r'^loadws_exit_code\{outcome="(\w+)"\} (\d+)$', content, re.MULTILINE)
    assert found is not None
    assert (found[1] == "passed") == (found[2] == "0")
    return found[2] == "0"


def _summary(content: str) -> bool:
    verdict = from_json(content.encode()).verdict
    assert (verdict.outcome == "passed") == (verdict.exit_code == 0)
    return verdict.exit_code == 0


#: How a server reads each format.
IS_GREEN: dict[str, Callable[[str], bool]] = {
    "html": lambda text: "<title>Passed: " in text,
    "junit": _junit,
    "markdown": lambda text: text.startswith("## ✅ Passed: made up, "),
    "openmetrics": _openmetrics,
    "ctrf": _ctrf,
}


def test_each_format_is_read_here_or_has_no_verdict() -> None:
    assert IS_GREEN.keys() | WITHOUT_VERDICT == FORMATS.keys()


def _github(folder: Path, printed: str) -> bool:
    outputs = dict(line.split("=", 1) for line in (folder / "GITHUB_OUTPUT").read_text().splitlines())
    is_green = outputs["verdict"] == "passed"
    assert is_green == (outputs["exit-code"] == "0")
    assert is_green == ("::error" not in printed and "::warning" not in printed)
    assert is_green == ("## ✅" in Path(outputs["comment"]).read_text().splitlines()[1])
    assert is_green == (folder / "GITHUB_STEP_SUMMARY").read_text().startswith("## ✅")
    return is_green


def _azure(_folder: Path, printed: str) -> bool:
    summary = re.search(r"##vso\[task\.uploadsummary\](.+)", printed)
    assert summary is not None
    is_green = "loadws.verdict;isOutput=true]passed" in printed
    assert is_green == Path(summary[1]).read_text().startswith("## ✅")
    assert is_green == ("task.logissue" not in printed)
    return is_green


def _teamcity(_folder: Path, printed: str) -> bool:
    is_green = "loadws Passed" in printed
    assert is_green == ("##teamcity[buildProblem" not in printed and "status='WARNING'" not in printed)
    return is_green


def _gitlab(folder: Path, _printed: str) -> bool:
    [path] = (folder / "reports").glob("*/annotations.json")
    return '"loadws Passed: ' in path.read_text()


TOLD: dict[str, Callable[[Path, str], bool]] = {
    "github": _github,
    "gitlab": _gitlab,
    "azure": _azure,
    "teamcity": _teamcity,
    "buildkite": lambda _folder, printed: "+++ loadws Passed: made up" in printed,
}


def test_each_service_is_read_here_or_reads_files() -> None:
    assert {*TOLD, "jenkins"} == set(SERVICES)


# -- what can decide --------------------------------------------------------------------------------------------------


class Case(msgspec.Struct, frozen=True):
    """Runs and options, and the exit code. ``decided`` is the number of the run whose folder a service is told, from 0."""

    outcomes: tuple[Outcome, ...]
    code: int
    decided: int
    options: tuple[str, ...] = ()
    median_ms: float = 10.0
    signal_after: int | None = None
    cannot_save: bool = False


_RULE = ("--rule", "response_time.p50 <= +10%")
CASES = {
    "all passed": Case(("passed",) * 3, 0, 2),
    "saved": Case(("passed",), 0, 0, ("--save-baseline", "other")),
    **{f"the first run: {each}": Case((each, "passed"), CODES[each], 0) for each in CODES if CODES[each] in (1, 3, 4)},
    "of several": Case(("failed", "inconclusive", "failed", "passed"), 1, 2),
    "the last run": Case(("passed", "interrupted"), 130, 1),
    "unreachable": Case(("passed", "unreachable"), 5, 1),
    "a signal between two runs": Case(("passed", "passed"), 143, 0, signal_after=0),
    "no baseline": Case(("passed", "passed"), 3, 1, ("--baseline", "nowhere")),
    "no baseline is allowed": Case(("passed",), 0, 0, ("--baseline", "nowhere", "--allow-no-baseline")),
    "the comparison passed": Case(("passed",) * 8, 0, 7, ("--baseline", "main", *_RULE)),
    "the comparison failed": Case(("passed",) * 8, 1, 7, ("--baseline", "main", *_RULE), 14.0),
    "the comparison is open": Case(("passed",) * 2, 3, 1, ("--baseline", "main", *_RULE)),
    "the baseline cannot be written": Case(("passed",), 2, 0, ("--save-baseline", "other"), cannot_save=True),
}  # fmt: skip


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    """Prepare the runs of a case, and their baseline."""
    found: Case = CASES[request.param]
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(SCENARIO)
    monkeypatch.setattr(repeat, "plan_hash", lambda _scenario: made.PLAN)
    monkeypatch.setattr(repeat, "machine_name", lambda: made.MACHINE)
    monkeypatch.setattr(repeat, "__version__", made.VERSION)
    monkeypatch.setattr(Artist, "draw", lambda *_: Drawing())
    if "main" in found.options:
        save_baseline("main", "made up", made.runs(8), "2026-11-01T00:00:00Z")
    if found.cannot_save:
        monkeypatch.setattr(repeat, "save_baseline", _fails)
    summaries = made.runs(len(found.outcomes), found.median_ms, 300)
    waiting = list(map(_ended, summaries, found.outcomes))
    done: list[Finished] = []

    def run_loaded(_loaded: object, _options: object, signals: Signals) -> Finished:
        summary = waiting[len(done)]
        folder = tmp_path / "reports" / f"run-{len(done)}"
        folder.mkdir(parents=True)
        (folder / "summary.json").write_bytes(to_json(summary))
        assert derive(folder, RunReport(summary), Chosen(DEFAULT)) == []
        if found.signal_after == len(done):
            signals.heard.append("SIGTERM")
        done.append(Finished(summary.verdict.exit_code, folder, summary))
        return done[-1]

    monkeypatch.setattr(repeat, "run_loaded", run_loaded)
    return found


def _fails(*_: object) -> None:
    raise OutputError("the baseline cannot be written: No space left on device")


def _ended(summary: Summary, outcome: Outcome) -> Summary:
    reasons = () if outcome == "passed" else (f"This run is {outcome}.",)
    return msgspec.structs.replace(summary, verdict=Verdict(outcome, CODES[outcome], reasons=reasons))


def _words(case: Case) -> tuple[str, ...]:
    return ("run", "s.yaml", "--repeat", str(len(case.outcomes)), *case.options)


@pytest.mark.slow
def test_every_file_is_green_where_the_exit_code_is_0_and_only_there(
    case: Case, capsys: pytest.CaptureFixture[str]
) -> None:
    every = ("--formats", ",".join(FORMATS), "--formats-to", "all", "--junit", "j.xml", "--report", "r.html")
    found = run(capsys, *_words(case), *every, "--summary", "s.json", "--ci", "none")
    assert found.code == case.code, found.err
    assert {path.name for path in Path("all").iterdir()} == {each.file for each in FORMATS.values()}
    told = {name: IS_GREEN[name]((Path("all") / FORMATS[name].file).read_text()) for name in IS_GREEN}
    told |= {"--junit": _junit(Path("j.xml").read_text()), "--report": IS_GREEN["html"](Path("r.html").read_text())}
    told["--summary"] = _summary(Path("s.json").read_text())
    assert told == dict.fromkeys(told, case.code == 0)
    if "  all runs\n" in found.out:
        assert ("✔ Passed  all runs\n" in found.out) == (case.code == 0)
    else:
        assert len(case.outcomes) == 1  # its own verdict is the last word


@pytest.mark.slow
@pytest.mark.parametrize("service", TOLD)
def test_every_service_is_told_the_exit_code_and_the_run_that_decided(
    service: str, case: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = Path.cwd()
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.setenv(name, str(here / name))
    monkeypatch.setenv("CI_PROJECT_DIR", str(here))
    monkeypatch.setenv("CI_JOB_URL", "https://gitlab.example/-/jobs/7")
    found = run(capsys, *_words(case), "--ci", service)
    assert found.code == case.code, found.err
    assert TOLD[service](here, found.out) == (case.code == 0)
    if service == "github":
        outputs = (here / "GITHUB_OUTPUT").read_text()
        assert f"run-folder={here / 'reports' / f'run-{case.decided}'}\n" in outputs
        assert "<!-- loadws: made up -->" in next((here / "reports").glob("*/comment.md")).read_text()
