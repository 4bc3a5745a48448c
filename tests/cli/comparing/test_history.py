"""``loadws history``: which runs it finds, its change points, the canary, and its table, JSON and page."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from loadws.metrics import history
from loadws.metrics.summary import Summary, to_json
from loadws.report.comparing.line_chart import line_chart
from tests.cli.commands import run
from tests.gate.comparing import made
from tests.kit.plain import MS


def at(summary: Summary, number: int, canary_ms: float | None = None) -> Summary:
    about = msgspec.structs.replace(
        summary.run,
        started_at=f"2026-11-{number + 1:02}T08:00:00Z",
        canary_ns=None if canary_ms is None else canary_ms * MS,
    )
    return msgspec.structs.replace(summary, run=about)


def stored(folder: Path, summaries: list[Summary]) -> Path:
    """Write the runs as folders, in no order of time."""
    for number, summary in enumerate(summaries):
        place = folder / f"{(number * 7) % 10}-{number}"
        place.mkdir(parents=True)
        (place / "summary.json").write_bytes(to_json(summary))
    return folder


def series(medians: list[float], canaries: list[float] | None = None, **more: Any) -> list[Summary]:
    given: list[float | None] = [*canaries] if canaries else [None] * len(medians)
    return [
        at(made.run(median, number, **more), number, canary)
        for number, (median, canary) in enumerate(zip(medians, given, strict=True))
    ]


def found(folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> Any:
    place = folder / "history.json"
    assert run(capsys, "history", str(folder), "--json", str(place), *options).code == 0
    return json.loads(place.read_bytes())


STEP = [10.0] * 8 + [14.0] * 8


@pytest.mark.slow
def test_a_change_is_found_with_its_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = found(stored(tmp_path, series(STEP)), capsys, "--value", "response_time.p50")
    jsonschema.validate(records, history.json_schema())
    [track] = records[0]["tracks"]
    assert [change["at"] for change in track["changes"]] == [8]
    assert "with the run of 2026-11-09T08:00:00Z" in track["changes"][0]["sentence"]
    assert [each["started_at"] for each in records[0]["runs"]] == sorted(
        each["started_at"] for each in records[0]["runs"]
    )


@pytest.mark.slow
def test_the_newest_runs_alone_are_no_change(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = found(stored(tmp_path, series([10.0] * 12 + [30.0, 30.0])), capsys, "--value", "response_time.p50")
    assert records[0]["tracks"][0]["changes"] == []


@pytest.mark.slow
def test_runs_of_another_machine_are_a_history_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = series([10.0] * 8)
    there = [at(made.run(20.0, number, machine="another"), number) for number in range(8, 16)]
    records = found(stored(tmp_path, [*here, *there]), capsys, "--value", "response_time.p50")
    assert records[0]["tracks"][0]["changes"] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("canaries", "machine_too", "words"),
    [
        ([0.1] * 8 + [0.2] * 8, True, "so the machine changed"),
        ([0.1, 0.11] * 8, False, "the canary did not change there"),
    ],
)
def test_the_canary_tells_a_machine_from_a_product(
    canaries: list[float], machine_too: bool, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = found(stored(tmp_path, series(STEP, canaries)), capsys, "--value", "response_time.p50")
    [change] = records[0]["tracks"][0]["changes"]
    assert (change["machine_too"], words in change["sentence"]) == (machine_too, True)
    assert records[0]["tracks"][1]["selection"] == "canary"


@pytest.mark.slow
def test_the_page_shows_every_track_and_is_well_formed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "history.html"
    result = run(capsys, "history", str(stored(tmp_path / "runs", series(STEP))), "--html", str(page))
    assert "response_time.p50 rose by" in " ".join(result.out.split())
    text = page.read_text()
    assert text.count('role="img"') == 3
    assert "<script" not in text
    assert 'stroke="var(--bad' in text


def test_what_cannot_be_read_is_told_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored(tmp_path, series([10.0] * 3))
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "summary.json").write_text('{"schema_version"')
    (tmp_path / "x-ab" / "slices" / "001-a").mkdir(parents=True)
    (tmp_path / "x-ab" / "slices" / "001-a" / "summary.json").write_bytes(to_json(made.run(99.0)))
    result = run(capsys, "history", str(tmp_path))
    assert (result.code, "made up: 3 runs" in result.out) == (0, True)
    assert f"left out: history: {tmp_path}/torn/summary.json is no summary" in result.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "there is no folder nowhere"),
        ((".",), ". has no run that can be read"),
    ],
)
def test_a_folder_without_runs(
    arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    result = run(capsys, "history", *arguments)
    assert (result.code, message in result.err) == (2, True)


def test_a_value_is_no_rule(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(stored(tmp_path, series([10.0])))
    assert "has a limit" in run(capsys, "history", folder, "--value", "response_time.p50 < 1s").err
    assert "unknown metric" in run(capsys, "history", folder, "--value", "nonsense.p50").err


def test_a_chart_has_gaps_where_values_are_missing_and_escapes_its_texts() -> None:
    drawn = line_chart([1.0, 1.5, None, 2.0, 3.0], list("abcde"), ["<1>", "1.5", "-", "2", "3"], {3}, 'a "title"')
    drawing = ET.fromstring(drawn)
    assert len(drawing.findall(".//circle")) == 4
    assert [each.text for each in drawing.findall(".//circle/title")] == ["a: <1>", "b: 1.5", "d: 2", "e: 3"]
    line = next(each for each in drawing.findall(".//path") if "p90" in each.get("stroke", ""))
    assert line.get("d", "").count("M") == 2
    assert sum("bad" in each.get("stroke", "") for each in drawing.findall(".//path")) == 1
    assert [each.get("aria-label") for each in drawing.iter("svg") if each.get("role") == "img"] == ['a "title"']


def test_what_fewer_than_two_runs_have_is_no_chart() -> None:
    assert line_chart([None], ["a"], ["-"]) == ""
    assert line_chart([1.0, None, math.inf], list("abc"), ["1", "-", "never"]) == ""


@pytest.mark.slow
def test_a_real_canary_is_in_the_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("one.yaml").write_text("target: builtin:echo\nload: [{users: 1, for: 100ms}]\nflow: [{request: hello}]\n")
    run(capsys, "run", "one.yaml", "-q", "--canary")
    canary = json.loads(Path("reports/one/latest/summary.json").read_bytes())["run"]["canary_ns"]
    assert 0 < canary < 1_000 * MS
