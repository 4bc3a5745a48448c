"""``loadws report``: derived files again, and the summary of a run that did not come to write it."""

from __future__ import annotations

import json
import webbrowser
from collections import deque
from datetime import UTC, datetime
from pathlib import Path

import pytest

from loadws.metrics.runinfo import Ending
from loadws.report.drawing.drawing import Drawing, Drawn
from loadws.report.folder import RunFolder
from loadws.report.html import page as html
from tests.cli.commands import Result, run
from tests.report import example

DERIVED = ("report.html", "junit.xml", "summary.md")


@pytest.fixture(autouse=True)
def quick_html(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page itself is tested beside report, and takes a second."""
    monkeypatch.setattr(html, "render", lambda *_: b"<!doctype html>")


def _folder(root: Path, ending: Ending | None) -> Path:
    """A run that was killed before its summary was written or, without an ending, in the middle of its load."""
    folder = RunFolder.create(root, "example", datetime(2026, 11, 23, 8, 15, tzinfo=UTC))
    folder.begin(example.info())
    folder.write_scenario("target: builtin:echo\n")
    for frame in example.frames(3):
        deque(folder.adding(frame), maxlen=0)
    if ending is not None:
        folder.end(ending)
    folder.close()
    return folder.path


def _verdict(folder: Path) -> tuple[str, int]:
    verdict = json.loads((folder / "summary.json").read_bytes())["verdict"]
    return verdict["outcome"], verdict["exit_code"]


def test_a_killed_run_is_rebuilt_and_called_interrupted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = _folder(tmp_path, ending=None)
    made = "".join(f"{folder / name}\n" for name in ("summary.json", *DERIVED))
    assert run(capsys, "report", str(folder)) == Result(0, made, "")
    assert _verdict(folder) == ("interrupted", 130)
    summary = json.loads((folder / "summary.json").read_bytes())
    assert summary["run"]["interrupted"] == "killed"
    assert summary["ledger"]["messages"]["sent"] == example.frames(3)[-1].ledger.messages.sent


def test_a_run_that_only_lacks_its_summary_is_judged_by_its_rules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The example's frames have nothing of a step that its rules are about."""
    folder = _folder(tmp_path, ending=example.ending(3))
    assert run(capsys, "report", str(folder)).code == 0
    assert _verdict(folder) == ("no_data", 1)


def test_derived_files_come_again_and_the_summary_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = _folder(tmp_path, ending=example.ending(3))
    run(capsys, "report", str(folder))
    truth = (folder / "summary.json").read_bytes()
    before = {name: (folder / name).read_bytes() for name in DERIVED}
    for name in DERIVED:
        (folder / name).unlink()
    assert run(capsys, "report", str(folder)) == Result(0, "".join(f"{folder / name}\n" for name in DERIVED), "")
    assert {name: (folder / name).read_bytes() for name in DERIVED} == before
    assert (folder / "summary.json").read_bytes() == truth


def test_the_formats_that_are_named_are_made_and_later_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _folder(tmp_path, ending=example.ending(3))
    only = run(capsys, "report", str(folder), "--formats", "junit")
    assert only == Result(0, f"{folder / 'summary.json'}\n{folder / 'junit.xml'}\n", "")
    assert not (folder / "report.html").exists()
    assert run(capsys, "report", str(folder)) == Result(0, "".join(f"{folder / name}\n" for name in DERIVED), "")


def test_it_opens_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    folder = _folder(tmp_path, ending=None)
    assert run(capsys, "report", str(folder), "--open").code == 0
    assert opened == [(folder / "report.html").resolve().as_uri()]


def test_what_is_no_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, "report", str(tmp_path))
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith(f"loadws: {tmp_path} is no run folder")


def test_what_cannot_be_made_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = _folder(tmp_path, ending=None)
    (folder / "report.html").mkdir()
    found = run(capsys, "report", str(folder))
    assert found.code == 2
    assert f"{folder / 'report.html'} could not be written: Is a directory" in found.err
    assert (folder / "summary.json").is_file()


def test_what_is_asked_for_beside_the_report_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = _folder(tmp_path, ending=example.ending(3))
    drawn = Drawing((Drawn("latency", "", "", "<svg></svg>", "<svg></svg>", 10, True, (), {"t": [0.0]}),))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("loadws.report.drawing.draw.Artist.draw", lambda *_: drawn)
        asked = ("--assets", "beside", "--csv", str(tmp_path / "numbers"), "--svg", str(tmp_path / "pictures"))
        said = run(capsys, "report", str(folder), *asked)
    assert said.code == 0
    assert said.out.endswith(f"{tmp_path / 'pictures' / 'latency.svg'}\n{tmp_path / 'numbers' / 'latency.csv'}\n")
    assert (tmp_path / "numbers" / "latency.csv").read_text() == "t\n0.0\n"
    assert {"report.css", "report.js"} <= {path.name for path in folder.iterdir()}
