"""``loadws compare``: which runs it reads, what it refuses with place and advice, its exit codes and its JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import jsonschema
import msgspec
import pytest

from loadws.metrics import baseline, comparison
from loadws.metrics.summary import Summary, to_json
from tests.cli.commands import run
from tests.gate.comparing import made

SLOWER = ("--rule", "response_time.p50 <= +10%")


def stored(folder: Path, summaries: Sequence[Summary]) -> list[str]:
    """Write the summaries as files of their own, and return their names."""
    folder.mkdir(exist_ok=True)
    for number, summary in enumerate(summaries):
        (folder / f"{number}.json").write_bytes(to_json(summary))
    return [str(path) for path in sorted(folder.iterdir())]


@pytest.fixture
def sides(tmp_path: Path) -> Path:
    stored(tmp_path / "a", made.runs(8))
    stored(tmp_path / "same", made.runs(8, 10.0, 50))
    stored(tmp_path / "slow", made.runs(8, 14.0, 100))
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(("candidate", "code"), [("same", 0), ("slow", 1)])
def test_globs_of_summaries(sides: Path, candidate: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, "compare", f"{sides}/a/*.json", "--", f"{sides}/{candidate}/*.json", *SLOWER)
    assert (result.code, result.err) == (code, "")
    assert result.out.split()[0] == ("PASSED" if code == 0 else "FAILED")


@pytest.mark.slow
@pytest.mark.parametrize(
    "names", [("runs/*",), ("runs/1", "runs/latest"), ("runs/latest", "./runs/1", "runs/1/summary.json")]
)
def test_a_run_counts_once_however_often_it_is_named(
    sides: Path, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twice the same run would be two that agree to the last digit."""
    monkeypatch.chdir(sides)
    Path("runs/1").mkdir(parents=True)
    Path("runs/1/summary.json").write_bytes(Path("a/0.json").read_bytes())
    Path("runs/latest").symlink_to("1", target_is_directory=True)
    run(capsys, "compare", *names, "--", "same/1.json", "--json", "out.json")
    assert len(json.loads(Path("out.json").read_bytes())["baseline"]["runs"]) == 1


@pytest.mark.slow
def test_a_glob_of_newest_runs_finds_them(
    sides: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As from the artefacts of several jobs."""
    monkeypatch.chdir(sides)
    for number in range(3):
        folder = Path(f"job-{number}/1")
        folder.mkdir(parents=True)
        (folder / "summary.json").write_bytes(Path(f"a/{number}.json").read_bytes())
        (folder.parent / "latest").symlink_to("1", target_is_directory=True)
    run(capsys, "compare", "job-*/latest", "--", "same/1.json", "--json", "out.json")
    assert len(json.loads(Path("out.json").read_bytes())["baseline"]["runs"]) == 3


@pytest.mark.slow
def test_files_one_by_one_with_options_between(sides: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, same = ([str(path) for path in sorted((sides / name).iterdir())] for name in ("a", "same"))
    assert run(capsys, "compare", *a, *SLOWER, "--", *same).code == 0


@pytest.mark.slow
def test_a_limit_that_no_share_can_pass_is_warned_of(sides: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = (f"{sides}/a/*", "--", f"{sides}/same/*", "--rule", "response_time.p50 <= +10%", "--rule")
    warning = "warning: error_rate < 1: < 1 means < 100%, "
    assert warning in run(capsys, "compare", *both, "error_rate < 1").err
    assert warning not in run(capsys, "compare", *both, "error_rate < 1%").err


def test_the_record_keeps_to_its_schema(sides: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = sides / "out.json"
    assert run(capsys, "compare", f"{sides}/a/*", "--", f"{sides}/slow/*", "--json", str(place), *SLOWER).code == 1
    record = json.loads(place.read_bytes())
    jsonschema.validate(record, comparison.json_schema())
    assert (record["outcome"], record["exit_code"], record["method"]) == ("failed", 1, "runs")
    assert record["rules"][0]["first"]["n"] == 8
    assert len(record["baseline"]["runs"]) == 8


@pytest.mark.slow
def test_a_saved_baseline_is_a_side(sides: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = sides / "main.json"
    saved.write_bytes(baseline.to_json(baseline.baseline_of("main", "2026-11-29T08:00:00Z", made.runs(8))))
    assert run(capsys, "compare", str(saved), "--", f"{sides}/slow/*", *SLOWER).code == 1


@pytest.mark.slow
def test_the_rules_of_the_candidate_s_scenario(sides: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.report import example

    folder = sides / "run"
    folder.mkdir()
    (folder / "summary.json").write_bytes(to_json(made.run(10.0, 77)))
    info = msgspec.structs.replace(example.info(), compare=("response_time.p50 <= +33%",))
    (folder / "run.json").write_bytes(msgspec.json.encode(info))
    printed = run(capsys, "compare", f"{sides}/a/*", "--", str(folder)).out
    assert "response_time.p50" in printed
    assert "error_rate" not in printed.split("Watched")[0]


@pytest.mark.slow
def test_the_comparison_as_a_page(sides: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = sides / "out.html"
    assert run(capsys, "compare", f"{sides}/a/*", "--", f"{sides}/slow/*", "--html", str(place), *SLOWER).code == 1
    assert 'data-chart="spectrum"' in place.read_text("utf-8")


@pytest.mark.slow
def test_two_options_for_one_file_are_refused(sides: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = ("--json", f"{sides}/out", "--html", f"{sides}/out")
    result = run(capsys, "compare", f"{sides}/a/*", "--", f"{sides}/slow/*", *both)
    assert (result.code, result.out) == (2, "")
    assert "--json and --html name the same file" in result.err


# -- what is refused --------------------------------------------------------------------------------------------------


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    result = run(capsys, "compare", *arguments)
    assert (result.code, result.out) == (2, "")
    return result.err


@pytest.mark.slow
def test_a_side_that_is_missing(sides: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "write -- between them" in refused(capsys, f"{sides}/a/0.json")
    assert "a side of the comparison is empty" in refused(capsys, f"{sides}/a/0.json", "--")
    assert "candidate: nothing is at no/*" in refused(capsys, f"{sides}/a/*", "--", "no/*")


@pytest.mark.slow
def test_a_folder_that_is_no_run(sides: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(capsys, str(sides / "a"), "--", f"{sides}/slow/*")
    assert message.startswith(f"loadws: baseline: {sides}/a is no run folder")
    assert "reports/<scenario>/<start>" in message


@pytest.mark.slow
def test_a_run_that_did_not_end(sides: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = sides / "killed"
    folder.mkdir()
    (folder / "run.json").write_bytes(b"{}")
    message = refused(capsys, str(folder), "--", f"{sides}/slow/*")
    assert f"{folder} has no summary.json: its run did not end\n  `loadws report {folder}` rebuilds it" in message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (to_json(made.run())[:1_000], "truncated"),
        (to_json(made.run(schema=99)), "its schema_version is 99"),
        (b"{}", "missing required field"),
        (b"no JSON", "malformed"),
        (b'{"baseline_version": 1, "name": "x"', "truncated"),
        (b'{"baseline_version":99,"name":"","scenario":"","saved_at":"","machine_name":"","plan_hash":"","loadws_version":"",'
         b'"runs":[]}', "its baseline_version is 99"),
    ],
    ids=["torn", "newer", "another file", "no JSON", "torn baseline", "newer baseline"],
)  # fmt: skip
def test_a_file_that_is_none(sides: Path, content: bytes, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    (sides / "bad.json").write_bytes(content)
    message = refused(capsys, f"{sides}/a/*", "--", f"{sides}/bad.json")
    assert message.startswith(f"loadws: candidate: {sides}/bad.json is no ")
    assert words in message
    assert "newer loadws" in message


@pytest.mark.slow
def test_wrong_rules_each_at_its_place(sides: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = ("--rule", "respnse_time.p99 <= +10%", "--rule", "response_time.p99 <= 10%")
    assert refused(capsys, f"{sides}/a/*", "--", f"{sides}/slow/*", *rules) == (
        "--rule:1:1: unknown metric 'respnse_time'; did you mean 'response_time'?\n"
        "    1 | respnse_time.p99 <= +10%\n"
        "      | ^\n"
        "--rule:2:22: a time needs its unit, and '%' is none; a change has a sign: response_time.p99 <= +10%\n"
        "    2 | response_time.p99 <= 10%\n"
        "      |                      ^\n"
        "loadws: nothing was compared\n"
    )


@pytest.mark.slow
def test_runs_of_another_plan_and_runs_on_both_sides(sides: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored(sides / "other", [made.run(plan="ddddeeeeffff")])
    message = refused(capsys, f"{sides}/a/*", "--", f"{sides}/other/*")
    assert "another load (aaaabbbbcccc) than the candidate (ddddeeeeffff)" in message
    assert "loadws ab" in message
    assert "on both sides" in refused(capsys, f"{sides}/a/*", "--", f"{sides}/a/0.json")


@pytest.mark.slow
def test_a_record_that_cannot_be_written(sides: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, "compare", f"{sides}/a/*", "--", f"{sides}/same/*", "--json", f"{sides}/no/such.json", *SLOWER)
    assert result.code == 2
    assert "cannot be written" in result.err


@pytest.mark.parametrize("rule", ["response_time{step=aks}.p50 <= +10%", "response_time{step=aks}.p50 < 1s"])
@pytest.mark.parametrize("command", ["compare", "history"])
def test_a_label_that_no_run_has_is_refused(
    command: str, rule: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = made.entry("response_time", made.histogram(10.0, 1), step="ask")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "summary.json").write_bytes(to_json(made.run(more=(asked,))))
    words = {
        "compare": (f"{tmp_path}/a", "--", f"{tmp_path}/b", "--rule", rule),
        "history": (str(tmp_path), "--value", rule),
    }
    result = run(capsys, command, *words[command])
    assert result.code == 2
    assert ":1:20: there is no step 'aks' in these runs; did you mean 'ask'?" in result.err
    assert "nothing was compared" in result.err
