"""``loadws search``: a short real search, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from loadws.cli.comparing import search
from loadws.metrics.summary import Outcome, Verdict
from loadws.terms.thresholds import parse_threshold
from tests.cli.commands import run
from tests.gate.comparing import made

SCENARIO = "name: find\ntarget: builtin:echo\nload: [{users: 1, for: 200ms}]\nflow: [{request: hello}]\n"


@pytest.fixture(autouse=True)
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("find.yaml").write_text(SCENARIO)


@pytest.mark.slow
def test_a_rule_that_no_load_keeps(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(
        capsys, "search", "find.yaml", "--vary", "users", "--from", "2", "--to", "4", "--settle", "50ms",
        "--until", "response_time.max < 1us", "--json", "found.json", "--html", "found.html",
    )  # fmt: skip
    found = json.loads(Path("found.json").read_bytes())
    assert (found["found"], [level["load"] for level in found["levels"]]) == (None, [2.0])
    assert result.code in (1, 3)  # 3 where the machine stood still meanwhile
    assert "<h1>Search by users</h1>" in Path("found.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--from", "5", "--to", "2", "--until", "errors == 0"), "--from must be above 0 and below --to"),
        (("--from", "1", "--to", "2"), "there is no rule to search by"),
        (("--from", "1", "--to", "2", "--until", "errors <= +1"), "compares with a baseline"),
        (("--from", "1", "--to", "2", "--until", "nonsense < 1"), "--until:1:1: unknown metric 'nonsense'"),
    ],
)
def test_bad_input_is_refused(arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, "search", "find.yaml", "--vary", "users", *arguments)
    assert (result.code, message in result.err) == (2, True)


@pytest.mark.parametrize("option", ["--json", "--html"])
def test_a_place_that_cannot_be_written_is_told_before_the_load(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run(
        capsys, "search", "find.yaml", "--vary", "users", "--from", "2", "--to", "4", "--until", "errors == 0",
        option, "none/found",
    )  # fmt: skip
    assert (result.code, result.err.splitlines()[0]) == (2, f"loadws: {option} none/found: there is no folder none")


UNFIT = [
    ("passed", 0, 0.0, "held"),
    ("failed", 0, 0.0, "failed"),  # half or more failed, and quickly
    ("unreachable", 0, 0.0, "failed"),
    ("inconclusive", 0, 0.0, "failed"),  # arrivals were dropped: the users of before were still there
    ("inconclusive", 0, 0.5, "limit"),  # loadws stood still
    ("inconclusive", 9, 0.0, "limit"),  # no files or ports
    ("invalid", 0, 0.0, "limit"),
]


@pytest.mark.parametrize(("outcome", "lacking", "stalled", "held"), UNFIT)
def test_only_a_load_that_was_made_and_passed_can_hold(
    outcome: Outcome, lacking: int, stalled: float, held: str
) -> None:
    """The rule itself is kept in each."""
    of_run = made.run(10.0)
    applied = msgspec.structs.replace(of_run.applied, generator_failures=lacking, stalled_share=stalled)
    summary = msgspec.structs.replace(of_run, applied=applied, verdict=Verdict(outcome, 0, reasons=("why",)))
    rule = parse_threshold("response_time.p50 < 1s")
    assert search._judged(20.0, summary, (rule,)).held == held
