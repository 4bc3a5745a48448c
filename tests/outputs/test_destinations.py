"""What ``--output`` names, and what is said before anything runs where it names nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from loadws.outputs import destinations
from loadws.outputs.destinations import KINDS, Destination, Kind, check_apart, clear, parse_destination, to_stdout
from loadws.terms.errors import UsageError

_LIST = "outputs are " + ", ".join(KINDS) + ": loadws docs outputs"


@pytest.mark.parametrize(
    ("text", "message", "advice"),
    [
        # a kind that is similar to one
        ("ndjsn=a", "--output: there is no output 'ndjsn'; did you mean 'ndjson'?", _LIST),
        # and one that is not; a password in what was typed is not repeated
        ("http://me:secret@h", "--output: there is no output 'http://(masked)@h'", _LIST),
        # no place
        ("csv", "--output csv does not say where", "write --output csv=live.csv"),
        ("csv=", "--output csv does not say where", "write --output csv=live.csv"),
        # an address of HTTP, whose example is none of a WebSocket
        (
            "otlp=foo",
            "--output otlp=foo: an address begins with its scheme, as in http://",
            "write --output otlp=http://127.0.0.1:4318: loadws docs outputs",
        ),
    ],
)
def test_a_destination_that_is_none_is_told(text: str, message: str, advice: str) -> None:
    with pytest.raises(UsageError) as found:
        parse_destination(text)
    assert (str(found.value), found.value.advice) == (message, advice)


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_of_each_kind_is_a_destination_where_its_library_is_installed(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destinations, "find_spec", lambda name: name)
    assert parse_destination(KINDS[kind].example) == Destination(kind, KINDS[kind].example.partition("=")[2])


@pytest.mark.parametrize("kind", [kind for kind, row in KINDS.items() if row.library])
def test_a_missing_library_is_told_with_the_line_that_installs_it(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destinations, "find_spec", lambda name: None)
    with pytest.raises(UsageError) as found:
        parse_destination(KINDS[kind].example)
    assert str(found.value) == f"--output {KINDS[kind].example}: this needs a package that is not installed"
    assert found.value.advice == f"pip install 'loadws[{KINDS[kind].extra}]'"


def test_a_secret_of_a_place_is_not_shown() -> None:
    """Also where the place is wrong."""

    def refuse(where: str) -> None:
        raise ValueError("it is wrong")

    shown = "none=http://(masked)@h/?token=(masked)"
    assert str(Destination("none", "http://me:secret@h/?token=abc")) == shown
    KINDS["none"] = Kind("none=x", refuse)
    try:
        with pytest.raises(UsageError, match="it is wrong") as found:
            parse_destination("none=http://me:secret@h/?token=abc")
    finally:
        del KINDS["none"]
    assert str(found.value) == f"--output {shown}: it is wrong"


def test_two_outputs_have_two_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_apart([Destination("csv", "a"), Destination("ndjson", "b")])
    for first, second in (("a", "./a"), ("-", "-")):
        with pytest.raises(UsageError, match="another output is written there too"):
            check_apart([Destination("csv", first), Destination("ndjson", second)])


def test_a_file_is_emptied_in_its_place_and_one_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """Also through a link: what reads the file goes on reading it."""
    old, link, new = tmp_path / "old", tmp_path / "link", tmp_path / "new"
    old.write_text("of an older run")
    link.symlink_to(old)
    number = old.stat().st_ino
    for file in (link, new):
        clear(Destination("csv", str(file)))
    assert (old.stat().st_ino, old.read_text(), link.is_symlink(), new.exists()) == (number, "", True, False)
    with pytest.raises(UsageError, match="cannot be written: No such file or directory"):
        clear(Destination("csv", str(tmp_path / "none" / "live.csv")))


def test_a_pipe_or_a_device_is_left_alone(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    clear(Destination("csv", str(pipe)))
    assert pipe.is_fifo()
    clear(Destination("csv", "-"))


def test_stdout_belongs_to_an_output_that_is_written_there() -> None:
    assert to_stdout([Destination("csv", "a"), Destination("ndjson", "-")])
    assert not to_stdout([Destination("csv", "a")])
