"""Fixed places for a run's results: what an older run left there is gone before anything else is done."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from loadws.cli.places import Places
from loadws.terms.errors import UsageError
from tests.cli.commands import run

HELD = "name: my gate\ntarget: builtin:echo\nload: [{users: 2, for: 300ms}]\nflow: [{request: hello}, {think: 20ms}]\n"
FILES = ("junit.xml", "summary.md", "report.html")


def places(folder: Path, summary: str = "summary.md") -> list[str]:
    return [
        *("--junit", str(folder / "junit.xml"), "--summary", str(folder / summary)),
        *("--report", str(folder / "report.html"), "--out", str(folder / "reports")),
    ]


def scenario(folder: Path, text: str = HELD) -> str:
    path = folder / "s.yaml"
    path.write_text(text)
    return str(path)


def left_by_an_older_run(folder: Path) -> Path:
    """Leave files at the places, and a link latest; return the link."""
    for name in FILES:
        (folder / name).write_text("of yesterday")
    older = folder / "reports" / "my-gate" / "20200101T000000Z"
    older.mkdir(parents=True)
    latest = older.parent / "latest"
    latest.symlink_to(older.name, target_is_directory=True)
    return latest


@pytest.mark.slow
def test_copies_are_at_their_places_after_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left_by_an_older_run(tmp_path)
    found = run(capsys, "run", scenario(tmp_path), *places(tmp_path))
    assert found.code == 0, found.out + found.err
    folder = tmp_path / "reports" / "my-gate" / "latest"
    assert folder.readlink().name != "20200101T000000Z"
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.slow
def test_a_summary_for_programs_by_its_ending(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = HELD + "thresholds: [iterations > 1000000]\n"
    found = run(capsys, "run", scenario(tmp_path, text), *places(tmp_path, "summary.json"))
    assert found.code == 1, found.out + found.err
    assert json.loads((tmp_path / "summary.json").read_text())["verdict"]["outcome"] == "failed"


@pytest.mark.parametrize(
    "text",
    [
        HELD.replace("users: 2", "users: two"),  # a wrong scenario
        HELD.replace("flow:", "  flow:"),  # no YAML at all
        HELD.replace("builtin:echo", "nowhere"),
    ],
)
def test_where_nothing_is_run_nothing_of_an_older_run_is_left(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    latest = left_by_an_older_run(tmp_path)
    assert run(capsys, "run", scenario(tmp_path, text), *places(tmp_path)).code == 2
    assert [name for name in FILES if (tmp_path / name).exists()] == []
    assert not os.path.lexists(latest)


@pytest.mark.slow
def test_the_formats_that_were_asked_for_are_in_the_run_folder_and_in_the_one_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A place that needs a format has it, and a file of an older run is gone."""
    there = tmp_path / "for ci"
    there.mkdir()
    (there / "junit.xml").write_text("of yesterday")
    asked = ("--formats", "junit", "--formats-to", str(there), "--summary", str(tmp_path / "s.md"))
    found = run(capsys, "run", scenario(tmp_path), *asked, "--out", str(tmp_path / "reports"))
    assert found.code == 0, found.out + found.err
    folder = (tmp_path / "reports" / "my-gate" / "latest").resolve()
    assert {path.name for path in folder.iterdir()} & {*FILES} == {"junit.xml", "summary.md"}
    assert found.out.endswith(f"Run  {folder}\n")
    for name in ("junit.xml", "summary.md"):
        assert (there / name).read_bytes() == (folder / name).read_bytes()


def test_a_format_that_is_none_is_told_before_anything_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left_by_an_older_run(tmp_path)
    for command in (("run", scenario(tmp_path)), ("report", str(tmp_path)), ("merge", str(tmp_path))):
        found = run(capsys, *command, "--formats", "junit,markdwon")
        assert (found.code, found.out) == (2, "")
        assert "there is no format 'markdwon'; did you mean 'markdown'?" in found.err
    assert all((tmp_path / name).read_text() == "of yesterday" for name in FILES)


@pytest.mark.slow
def test_a_trace_leaves_everything_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    latest = left_by_an_older_run(tmp_path)
    out = ("--out", str(tmp_path / "reports"))
    assert run(capsys, "run", scenario(tmp_path), "--trace", *out).code == 0
    assert os.path.lexists(latest)
    found = run(capsys, "run", scenario(tmp_path), "--trace", *places(tmp_path))
    assert (found.code, "--trace writes nothing" in found.err) == (2, True)
    assert (tmp_path / "junit.xml").read_text() == "of yesterday"


def _places(asked: dict[str, Path]) -> Places:
    return Places(
        asked.get("junit"), asked.get("summary"), asked.get("report"), asked.get("folder"), ("junit.xml", "summary.md")
    )


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"summary": "s.txt"},
         "--summary {0}/s.txt: what it is to be is told by its ending, which is none of these: .md, .json"),
        ({"junit": "no/such/j.xml"}, "--junit {0}/no/such/j.xml: there is no folder {0}/no/such"),
        ({"report": "folder"}, "--report {0}/folder: cannot be written: "),
        ({"junit": "a.md", "summary": "a.md"}, "--junit and --summary name the same file: {0}/a.md"),
        ({"folder": "file/deeper"}, "--formats-to {0}/file/deeper: the folder cannot be made: "),
        ({"folder": "new", "junit": "new/junit.xml"}, "--junit and --formats-to name the same file: {0}/new/junit.xml"),
    ],
)  # fmt: skip
def test_a_place_that_cannot_be_is_said_before_the_load(tmp_path: Path, asked: dict[str, str], message: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(UsageError) as error:
        _places({name: tmp_path / place for name, place in asked.items()}).clear()
    assert str(error.value).startswith(message.format(tmp_path))
    assert error.value.advice


def test_a_folder_for_formats_goes_where_the_command_was_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that was there before stays, and so does one that something came into."""
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("nonsense: 1\n")
    (tmp_path / "old").mkdir()
    for place in ("new/deeper", "old"):
        assert run(capsys, "run", str(wrong), "--formats-to", str(tmp_path / place)).code == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old", "wrong.yaml"]
    with Places(folder=tmp_path / "a/b").tidy():
        (tmp_path / "a/b").mkdir(parents=True)
        (tmp_path / "a/kept").touch()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["kept"]


def test_what_cannot_be_copied_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    [problem] = Places(junit=tmp_path / "j.xml").fill(tmp_path / "run")
    assert problem == f"{tmp_path / 'j.xml'} could not be written: No such file or directory."
    assert list(tmp_path.iterdir()) == [tmp_path / "run"]


def test_a_pipe_or_a_device_is_refused_and_stays(tmp_path: Path) -> None:
    """It would be replaced by a file: as root, /dev/null for the whole machine."""
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to("/dev/null")
    for place in (pipe, link):
        with pytest.raises(UsageError) as found:
            Places(junit=place).clear()
        assert str(found.value) == f"--junit {place}: this is a device or a pipe"
    assert pipe.is_fifo()
    assert link.is_symlink()


@pytest.mark.parametrize(
    "options",
    [
        ["--junit", "s.yaml"],
        ["--report", "s.yaml"],
        ["--output", "ndjson=s.yaml"],
        ["--junit", "rows.csv"],
        ["--output", "csv=./rows.csv"],
        ["--summary", "more/../notes.md"],
    ],
)
def test_no_place_is_a_file_that_the_scenario_reads(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would be deleted before it is read, and with it what its author wrote."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "more").mkdir()
    scenario(tmp_path, HELD.replace("hello", "{send: {file: notes.md}}") + "data: {rows: {file: 'rows.csv'}}\n")
    (tmp_path / "rows.csv").write_text("a\n1\n")
    (tmp_path / "notes.md").write_text("hello")
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    found = run(capsys, "run", "s.yaml", *options)
    assert found.code == 2
    assert "would be replaced" in found.err
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


@pytest.mark.slow
def test_no_file_of_a_run_and_no_other_file_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a command reads, and what an author wrote, outlasts every place that the command line can name."""
    monkeypatch.chdir(tmp_path)
    scenario(tmp_path)
    assert run(capsys, "run", "s.yaml", "--out", "reports", "--save-baseline", "./base.json").code == 0
    [old] = {path.parent.resolve() for path in tmp_path.glob("reports/*/*/run.json")}
    summary, base = str(old / "summary.json"), "base.json"
    before = {path: path.read_bytes() for path in (Path(summary), Path(base), Path("s.yaml"))}
    for command in (
        ["compare", base, "--", summary, "--json", summary],
        ["compare", base, "--", summary, "--json", base],
        ["history", "reports", "--json", summary],
        ["run", "s.yaml", "--summary", summary],
        ["run", "s.yaml", "--save-baseline", "./s.yaml"],
    ):
        found = run(capsys, *command)
        assert (found.code, "would be replaced" in found.err) == (2, True), (command, found.err)
    assert {path: path.read_bytes() for path in before} == before
