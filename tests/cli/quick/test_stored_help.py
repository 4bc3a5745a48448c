"""A help text that was printed before is what typer would print now, or it is made again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from loadws import cli
from loadws.cli.app import app
from loadws.cli.quick import stored_help
from loadws.cli.quick.stored_help import quick_answer
from loadws.cli.usage import dispatch
from loadws.terms.errors import ExitCode
from tests.cli.commands import Result, run

NAMES = sorted(info.name or info.callback.__name__ for info in app.registered_commands if info.callback) + sorted(
    group.name for group in app.registered_groups if group.name
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    return tmp_path / "loadws"


def _no_typer(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(given: Sequence[str]) -> int:
        raise AssertionError(f"typer was asked about {given}")

    monkeypatch.setattr(cli, "_dispatch", refused)


def _from_typer(capsys: pytest.CaptureFixture[str], *arguments: str) -> Result:
    code = dispatch(app, arguments)
    printed = capsys.readouterr()
    return Result(code, printed.out, printed.err)


@pytest.mark.parametrize(("words", "columns"), [((), "40"), ((), "200"), *(((name,), "67") for name in NAMES)], ids=str)
def test_the_second_time_typer_is_not_asked_and_the_text_is_its_own(
    words: tuple[str, ...], columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    expected = _from_typer(capsys, *words, "--help")
    assert (expected.code, expected.err) == (0, "")
    assert run(capsys, *words, "--help") == expected
    _no_typer(monkeypatch)
    assert run(capsys, *words, "--help") == expected
    assert run(capsys, *words, "-h") == expected


def test_without_any_argument_it_is_the_help_and_a_usage_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(capsys, "--help")
    _no_typer(monkeypatch)
    assert run(capsys) == Result(ExitCode.USAGE, first.out, "")


def test_the_version_needs_no_typer(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    expected = _from_typer(capsys, "--version")
    _no_typer(monkeypatch)
    assert run(capsys, "--version") == expected


def test_another_width_is_another_text(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    narrow = run(capsys, "--help")
    monkeypatch.setenv("COLUMNS", "80")
    assert run(capsys, "--help").out != narrow.out
    monkeypatch.setenv("COLUMNS", "60")
    assert run(capsys, "--help") == narrow


@pytest.mark.parametrize("change", ["another time", "another size", "gone", "a path with spaces"])
def test_when_a_file_that_made_it_changes_it_is_made_again(
    change: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "some where" / "made of.py"
    source.parent.mkdir()
    source.write_text("one")
    monkeypatch.setattr(stored_help, "_imported", lambda: iter([str(source)]))
    text = run(capsys, "--help").out
    assert quick_answer(["--help"]) == text
    if change == "another time":
        os.utime(source, ns=(0, 0))
    elif change == "another size":
        times = source.stat()
        source.write_text("three")
        os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
    elif change == "gone":
        source.unlink()
    assert quick_answer(["--help"]) == (text if change == "a path with spaces" else None)


def test_its_files_are_those_of_loadws_and_of_typer(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "--help")
    kept = (cache / "help.txt").read_text("utf-8")
    for path in (cli.app.__file__, stored_help.__file__, dispatch.__code__.co_filename, _typer_itself()):
        assert f" {path}\n" in kept


def _typer_itself() -> str:
    import typer.main

    return typer.main.__file__


@pytest.mark.parametrize("other", ["__version__", "sys.path", "sys.version"])
def test_another_loadws_or_python_does_not_read_it(
    other: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(capsys, "--help")
    assert quick_answer(["--help"]) is not None
    monkeypatch.setattr(f"loadws.cli.quick.stored_help.{other}", ["another"])
    assert quick_answer(["--help"]) is None


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\x00", b"text without a stamp", None])
def test_a_damaged_file_is_made_again(content: bytes | None, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = run(capsys, "--help")
    file = cache / "help.txt"
    whole = file.read_bytes()
    file.write_bytes(whole[:200] if content is None else content)
    assert run(capsys, "--help") == expected
    assert file.read_bytes() == whole


def test_without_a_cache_it_is_printed_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run(capsys, "--help")
    (tmp_path / "file").touch()
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "file"))
    assert run(capsys, "--help") == expected
    assert run(capsys, "--help") == expected


@pytest.mark.parametrize(
    "arguments",
    [
        ("ruin", "--help"),  # an error
        ("run", "x.yaml", "--help"),  # as many texts as there are words
        ("--version", "--help"),
        ("..", "--help"),
        ("a/b", "--help"),
        ("validate", "--", "--help"),  # the name of a file
    ],
)
def test_nothing_else_is_kept(arguments: tuple[str, ...], cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = run(capsys, *arguments)
    assert run(capsys, *arguments) == first
    assert not cache.exists()


def test_completion_is_not_answered_with_a_help_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(capsys, "--help")
    monkeypatch.setenv("_LOADWS_COMPLETE", "complete_bash")
    assert quick_answer(["--help"]) is None
