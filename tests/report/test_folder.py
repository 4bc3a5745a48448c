from __future__ import annotations

import errno
import json
import os
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from loadws.metrics.runinfo import Ending
from loadws.metrics.summary import to_json
from loadws.report import folder
from loadws.report.folder import RunFolder, find_run, read_frames, read_run
from loadws.report.html import page as html
from loadws.terms.errors import OutputError
from loadws.terms.files.whole import write_whole
from tests.report import example

STARTED = datetime(2026, 11, 23, 8, 15, tzinfo=UTC)
FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture(autouse=True)
def quick_html(monkeypatch: pytest.MonkeyPatch) -> None:
    """The report has tests of its own, and takes a while."""
    monkeypatch.setattr(html, "render", lambda report: b"<!doctype html>")


def _filled(root: Path, seconds: int = 3, ending: Ending | None = None) -> RunFolder:
    run = RunFolder.create(root, "chat rooms", STARTED)
    run.begin(example.info())
    run.write_scenario(example.SCENARIO)
    for frame in example.frames(seconds):
        deque(run.adding(frame), maxlen=0)
    if ending:
        run.end(ending)
    return run


def _names(path: Path) -> set[str]:
    return {entry.name for entry in path.iterdir()}


def test_a_run_leaves_every_file_of_the_contract(tmp_path: Path) -> None:
    run = _filled(tmp_path, ending=example.ending())
    assert run.finish(example.summary()) == []
    assert run.path == tmp_path / "chat-rooms" / "20261123T081500Z"
    assert _names(run.path) == {
        "summary.json",
        "run.json",
        "intervals.hlog",
        "windows.ndjson",
        "errors.ndjson",
        "report.html",
        "junit.xml",
        "summary.md",
        "scenario.yaml",
    }
    assert (tmp_path / "chat-rooms" / "latest").resolve() == run.path.resolve()


def test_a_run_that_is_killed_is_the_latest_too(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, "a", STARTED)
    run.close()
    assert (tmp_path / "a" / "latest").resolve() == run.path.resolve()


def test_a_folder_that_cannot_be_made_takes_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OutputError, match="No space left on device"):
        RunFolder.create(tmp_path, "a", STARTED)
    assert list((tmp_path / "a").iterdir()) == []


def test_two_runs_of_one_second_have_folders_of_their_own(tmp_path: Path) -> None:
    first, second = RunFolder.create(tmp_path, "a", STARTED), RunFolder.create(tmp_path, "a", STARTED)
    first.close()
    second.finish(example.summary())
    assert second.path.name == "20261123T081500Z-2"
    assert (tmp_path / "a" / "latest").resolve() == second.path.resolve()


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        ("chat rooms", "chat-rooms"),  # a space
        ("../../etc/passwd", "etc-passwd"),  # a way out
        (".hidden", "hidden"),  # a dot in front
        ("größe 2", "größe-2"),  # letters stay letters
        ("///", "scenario"),  # nothing left
        ("x" * 300, "x" * 80),  # too long for a name
        ("a\x00b\n", "a-b"),  # what no name can have
    ],
)
def test_a_scenarios_name_as_a_folders(scenario: str, expected: str) -> None:
    assert folder.slug(scenario) == expected


def test_a_file_in_the_way_is_said_before_the_load(tmp_path: Path) -> None:
    (tmp_path / "chat-rooms").write_text("")
    with pytest.raises(OutputError) as raised:
        RunFolder.create(tmp_path, "chat rooms", STARTED)
    assert str(raised.value) == f"the run folder cannot be made below {tmp_path}: File exists"
    assert raised.value.advice == "a file of that name is in the way: move it, or choose another folder with --out"


def test_a_full_disk_is_said_before_the_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> None:
        raise FULL

    monkeypatch.setattr(folder, "_reserve", full)
    with pytest.raises(OutputError) as raised:
        RunFolder.create(tmp_path, "a", STARTED)
    assert raised.value.advice == "free some space, or choose another folder with --out"


def test_room_for_the_report_is_held_until_the_end(tmp_path: Path) -> None:
    run = _filled(tmp_path)
    assert (run.path / ".reserve").stat().st_size == folder.RESERVED_BYTES
    run.finish(example.summary())
    assert not (run.path / ".reserve").exists()


def test_frames_come_back_as_they_went(tmp_path: Path) -> None:
    run = _filled(tmp_path, ending=example.ending())
    run.close()
    info, frames, ending = read_frames(run.path)
    assert (info, list(frames), ending) == (example.info(), example.frames(), example.ending())


@pytest.mark.parametrize("file", ["windows.ndjson", "intervals.hlog"])
@pytest.mark.parametrize("cut", [1, 5, 60])
def test_a_killed_run_gives_back_all_but_what_was_being_written(tmp_path: Path, file: str, cut: int) -> None:
    run = _filled(tmp_path)
    run.close()
    whole = (run.path / file).read_bytes()
    (run.path / file).write_bytes(whole[:-cut])
    _, frames, ending = read_frames(run.path)
    assert list(frames) == example.frames()[:2]
    assert ending is None


def test_every_frame_is_on_its_way_to_the_disk_at_once(tmp_path: Path) -> None:
    run = _filled(tmp_path, 2)
    assert (run.path / "windows.ndjson").read_bytes().count(b"\n") == 2
    assert (run.path / "errors.ndjson").read_bytes().count(b"\n") == 2
    run.close()


class _FullFile:
    """Takes so many bytes, and then the disk is full."""

    def __init__(self, file: Any, room: int) -> None:
        self._file = file
        self._room = room

    def write(self, data: memoryview) -> int:
        if not self._room:
            raise FULL
        part = bytes(data[: self._room])
        self._room -= len(part)
        return int(self._file.write(part))

    def truncate(self, size: int) -> None:
        self._file.truncate(size)

    def close(self) -> None:
        self._file.close()


def notes_on(*names: str) -> tuple[str, ...]:
    return tuple(
        f"{name} in the run's folder ends early: No space left on device. {folder._WITHOUT[name]}" for name in names
    )


@pytest.mark.parametrize("journal", ["_windows", "_intervals"])
def test_a_disk_that_fills_up_does_not_end_the_run(tmp_path: Path, journal: str) -> None:
    """Both files of the frames end at the same one, and both are named."""
    run = RunFolder.create(tmp_path, "a", STARTED)
    run.begin(example.info())
    one, two, three = example.frames()
    deque(run.adding(one), maxlen=0)
    filling = getattr(run, journal)
    filling._file = _FullFile(filling._file, 100)
    deque(run.adding(two), maxlen=0)
    deque(run.adding(three), maxlen=0)
    ending_with_notes = run.end(example.ending())
    problems = run.finish(example.summary())
    short = ("windows.ndjson", "intervals.hlog")
    assert problems == [f"{run.path / name} ends early: No space left on device." for name in short]
    assert ending_with_notes.notes == (*example.ending().notes, *notes_on(*short))
    assert all((run.path / name).read_bytes().endswith(b"\n") for name in short)
    _, frames, ending = read_frames(run.path)
    assert (list(frames), ending) == ([one], None)
    assert read_run(run.path).summary == example.summary()


def test_errors_that_find_the_disk_full_are_noted(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, "a", STARTED)
    run.begin(example.info())
    filling: Any = run._errors
    filling._file = _FullFile(filling._file, 10)
    for frame in example.frames():
        deque(run.adding(frame), maxlen=0)
    assert run.end(example.ending()).notes == (*example.ending().notes, *notes_on("errors.ndjson"))
    assert run.finish(example.summary()) == [f"{run.path / 'errors.ndjson'} ends early: No space left on device."]


def test_an_ending_that_finds_the_disk_full_is_noted(tmp_path: Path) -> None:
    """All frames are there: only the last line of windows.ndjson is missing."""
    run = _filled(tmp_path)
    filling: Any = run._windows
    filling._file = _FullFile(filling._file, 10)
    assert run.end(example.ending()).notes == (*example.ending().notes, *notes_on("windows.ndjson"))
    assert run.finish(example.summary()) == [f"{run.path / 'windows.ndjson'} ends early: No space left on device."]


def test_what_cannot_be_written_at_the_end_is_said_and_the_rest_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _filled(tmp_path)

    def write(path: Path, content: bytes) -> None:
        if path.name in ("summary.json", "report.html"):
            raise FULL
        write_whole(path, content)

    monkeypatch.setattr(folder, "write_whole", write)
    assert run.finish(example.summary()) == [
        f"{run.path / 'summary.json'} could not be written: No space left on device.",
        f"{run.path / 'report.html'} could not be written: No space left on device.",
    ]
    assert {"junit.xml", "summary.md"} <= _names(run.path)


def test_a_report_that_fails_takes_nothing_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(report: object) -> bytes:
        raise ValueError("no such chart")

    monkeypatch.setattr(html, "render", fail)
    run = _filled(tmp_path)
    assert run.finish(example.summary()) == [
        f"{run.path / 'report.html'} could not be made: ValueError: no such chart. This is a defect of loadws."
    ]


def test_the_first_thousand_errors_are_kept_and_the_rest_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "MOST_ERRORS", 2)
    run = _filled(tmp_path, 5)
    run.end(example.ending())
    run.finish(example.summary())
    lines = (run.path / "errors.ndjson").read_bytes().splitlines()
    assert [json.loads(line).get("at_s") for line in lines] == [0.5, 1.5, None]
    assert json.loads(lines[-1]) == {"left_out": {"timeout": 3}}
    assert [error.at_s for error in read_run(run.path).errors] == [0.5, 1.5]


def test_everything_that_renders_comes_from_the_folder(tmp_path: Path) -> None:
    run = _filled(tmp_path, ending=example.ending())
    run.finish(example.summary())
    report = read_run(run.path)
    assert report.summary == example.summary()
    assert report.info == example.info()
    assert report.scenario_text == example.SCENARIO
    assert report.errors == tuple(error for frame in example.frames() for error in frame.errors)
    assert report.logs == tuple(log for frame in example.frames() for log in frame.logs)


def test_a_run_is_found_by_its_folder_its_summary_and_its_scenario(tmp_path: Path) -> None:
    run = _filled(tmp_path)
    run.finish(example.summary())
    for path in (run.path, run.path / "summary.json", run.path.parent, run.path.parent / "latest"):
        assert find_run(path).resolve() == run.path.resolve()


def test_latest_may_be_a_file_with_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(self: Path, target: str, target_is_directory: bool = False) -> None:
        raise NotImplementedError

    monkeypatch.setattr(Path, "symlink_to", no_links)
    run = _filled(tmp_path)
    assert run.finish(example.summary()) == []
    assert (run.path.parent / "latest").read_text() == "20261123T081500Z"
    assert find_run(run.path.parent) == run.path


def test_what_is_no_run_is_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="there is no run at"):
        read_run(tmp_path / "nowhere")
    with pytest.raises(OutputError, match="is no run folder"):
        read_run(tmp_path)
    run = _filled(tmp_path)
    run.close()
    with pytest.raises(OutputError, match=r"has no summary\.json: its run did not end"):
        read_run(run.path)


@pytest.mark.parametrize("content", [b"", b"{", b'{"schema_version": 1}', b"\xff"])
def test_a_summary_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    run = _filled(tmp_path)
    run.finish(example.summary())
    (run.path / "summary.json").write_bytes(content)
    with pytest.raises(OutputError, match="is no summary that this version knows"):
        read_run(run.path)


def test_a_summary_alone_is_enough_for_a_report(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_bytes(to_json(example.summary()))
    report = read_run(tmp_path)
    assert (report.summary, report.info, report.errors, report.scenario_text) == (example.summary(), None, (), "")
    assert folder.derive(tmp_path, report) == []
