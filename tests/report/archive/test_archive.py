from __future__ import annotations

import os
from pathlib import Path

import pytest

from loadws.metrics.summary import from_json
from loadws.report.archive import archive as archive_module
from loadws.report.archive.archive import Archive
from loadws.report.archive.entry import Entry, read_entry, started_of
from loadws.report.archive.listing import Filter, scenarios_of
from loadws.report.archive.page import Site, list_page
from tests.report import example
from tests.report.archive.made import keep

NEWER = '{"schema_version": 99, "run": {"what": "is not known"}}'


def test_an_entry_says_what_its_summary_does(tmp_path: Path) -> None:
    folder = keep(tmp_path, "chat", 3, "failed", example.summary(20))
    entry = read_entry(folder, "chat/20261103T080000Z")
    summary = from_json((folder / "summary.json").read_bytes())
    [trend] = [metric.p95 for metric in summary.metrics if metric.name == "response_time" and not metric.labels]
    assert (entry.scenario, entry.outcome, entry.started_at) == ("chat", "failed", "2026-11-03T08:00:00Z")
    assert entry.trend == trend
    assert entry.why
    assert entry.has_report
    assert entry.problem == ""


@pytest.mark.parametrize(
    ("files", "problem", "advice"),
    [
        ({"summary.json": NEWER}, "its summary.json has version 99, and this loadws knows versions up to 2",
         "install the loadws that made it, or a newer one"),
        ({"summary.json": '{"schema_v'}, "its summary.json is torn: Input data was truncated", "copy the run folder again"),
        ({"summary.json": '{"schema_v', "run.json": "{}"}, "its summary.json is torn: Input data was truncated",
         "remove the file, and loadws report {folder} makes it again"),
        ({"run.json": "{}"}, "it has no summary.json: its run did not end, or is still going on",
         "loadws report {folder} makes one of what was kept"),
    ],
)  # fmt: skip
def test_a_run_that_cannot_be_read_is_marked(tmp_path: Path, files: dict[str, str], problem: str, advice: str) -> None:
    folder = tmp_path / "chat" / "20261103T080000Z"
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    [entry] = Archive(tmp_path).look().entries
    assert (entry.problem, entry.advice) == (problem, advice.format(folder=folder))
    assert (entry.scenario, entry.started_at, entry.outcome) == ("chat", "2026-11-03T08:00:00Z", "unread")
    page = list_page(Archive(tmp_path).look(), Site("reports", True), Filter()).decode()
    assert problem in page


def test_the_newest_come_first_and_what_is_no_run_is_left_out(tmp_path: Path) -> None:
    for day in (1, 3, 2):
        keep(tmp_path, "chat", day)
    (tmp_path / "chat" / "latest").symlink_to("20261103T080000Z", target_is_directory=True)
    keep(tmp_path / "ab" / "20261104T000000Z" / "slices", "chat", 9)
    keep(tmp_path / ".trash", "chat", 9)
    assert [entry.where[-16:-8] for entry in Archive(tmp_path).look().entries] == ["20261103", "20261102", "20261101"]


def test_a_run_is_read_once_and_again_only_where_it_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def counting(folder: Path, where: str) -> Entry:
        read.append(where)
        return read_entry(folder, where)

    monkeypatch.setattr(archive_module, "read_entry", counting)
    folders = [keep(tmp_path, "chat", day) for day in (1, 2)]
    archive = Archive(tmp_path)
    first, again = archive.look(), archive.look()
    assert (len(read), first) == (2, again)
    os.utime(folders[0] / "summary.json", ns=(1, 1))
    assert archive.look().state != first.state == again.state
    assert read[2:] == ["chat/20261101T080000Z"]


def test_a_look_reads_so_many_runs_the_newest_first(tmp_path: Path) -> None:
    for day in range(1, 8):
        keep(tmp_path, "chat", day)
    archive = Archive(tmp_path)
    look = archive.look(most=3)
    assert ([entry.started_at[8:10] for entry in look.entries], look.unread) == (["07", "06", "05"], 4)
    assert archive.look(most=3).unread == 1
    assert len(archive.look(most=3).entries) == 7


def test_a_run_that_is_gone_is_not_listed(tmp_path: Path) -> None:
    folder = keep(tmp_path, "chat", 1)
    archive = Archive(tmp_path)
    before = archive.look()
    (folder / "summary.json").unlink()
    assert archive.look().entries == ()
    assert archive.state() != before.state


@pytest.mark.parametrize(
    ("where", "started"),
    [("chat/20261103T080000Z", "2026-11-03T08:00:00Z"), ("20261103T080000Z-2", "2026-11-03T08:00:00Z"), ("chat/first", ""),
     ("chat/20261103-080000Z", "")],
)  # fmt: skip
def test_a_folders_name_says_when_it_began(where: str, started: str) -> None:
    assert started_of(where) == started


def test_filters_and_pages(tmp_path: Path) -> None:
    for day in range(1, 4):
        keep(tmp_path, "chat", day, "failed" if day == 2 else "passed")
        keep(tmp_path, "feed", day + 10)
    look = Archive(tmp_path).look()
    kept = {
        "all": Filter(),
        "chat": Filter(scenario="chat"),
        "failed": Filter(verdict="failed"),
        "words": Filter(words="FEED 2026"),
        "none": Filter(scenario="feed", verdict="failed"),
    }
    counts = {name: sum(map(wanted.keeps, look.entries)) for name, wanted in kept.items()}
    assert counts == {"all": 6, "chat": 3, "failed": 1, "words": 3, "none": 0}
    assert Filter("a b", page=2).address(3) == "?scenario=a+b&page=3"


def test_a_scenario_has_the_trend_of_its_runs(tmp_path: Path) -> None:
    for day in range(1, 4):
        keep(tmp_path, "chat", day, "failed" if day == 2 else "passed", example.summary(20))
    [row] = scenarios_of(Archive(tmp_path).look().entries)
    assert (row.runs, row.newest.started_at[8:10], row.outcomes) == (3, "03", ("passed", "failed", "passed"))
    assert len(row.trend) == 3


def test_what_a_run_says_cannot_take_over_the_page(tmp_path: Path) -> None:
    for number, attack in enumerate(example.ATTACKS, 1):
        keep(tmp_path, f"<img src=x onerror=alert({number})>", number)
        (tmp_path / "<img src=x onerror=alert(1)>" / f"202611{number:02}T000000Z").mkdir(parents=True)
        (tmp_path / "<img src=x onerror=alert(1)>" / f"202611{number:02}T000000Z" / "run.json").write_text(
            attack, "utf-8", "replace"
        )
    page = list_page(Archive(tmp_path).look(), Site("<script>", True), Filter(words="<script>")).decode()
    assert "<img src=x" not in page
    assert page.count("<script") == 1
    whole = list_page(Archive(tmp_path).look(), Site("x", False), Filter()).decode()
    assert "<img src=x" not in whole
    assert whole.count("<script") == 1
