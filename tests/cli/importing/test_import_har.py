"""``loadws import har``: files, exit codes, what the console says, and that what it writes runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import Result, run
from tests.importers.har_files import RECEIVED, SENT, har, header, message, socket
from tests.kit.judged import run_undisturbed

TALK = [
    each
    for number in range(4)
    for each in (
        message(SENT, number / 50, {"jsonrpc": "2.0", "id": number, "method": "add"}),
        message(RECEIVED, number / 50 + 0.01, {"jsonrpc": "2.0", "id": number, "result": 3}),
    )
]


#: What is said of a protocol that loadws speaks.
NOTE = "talk.har:10: the messages are JSON-RPC 2.0, and became its verbs\n"
#: What is said of it where messages stay as they are.
RAW = (
    "talk.har:10: the messages are JSON-RPC 2.0, and were carried over as they are; with connection: {protocol: json-rpc} "
    "its ids, answers, heartbeats and opening are loadws' own, and what was sent is 4 x call_method: {method: …}\n"
)


@pytest.fixture
def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "talk.har"
    file.write_bytes(har(socket(*TALK)))
    return file


def test_it_writes_a_scenario_and_says_what_is_next(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = """\
scenario.yaml is written.
Check and run it:
  loadws validate scenario.yaml
  loadws run scenario.yaml
"""
    assert run(capsys, "import", "har", "talk.har") == Result(0, NOTE + expected, "")
    assert run(capsys, "validate", "scenario.yaml").code == 0


def test_messages_stay_as_they_are_where_that_is_asked_for(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "import", "har", "talk.har", "--raw-frames").out.startswith(RAW)


@pytest.mark.slow
def test_what_it_writes_runs(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "import", "har", "talk.har", "-o", "mine.yaml").code == 0
    done = run_undisturbed(Path("mine.yaml"), Path("out"), "--target", "builtin:json")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert "Passed" in done.stdout


def test_the_variables_that_are_missing_are_in_the_command_line(
    recording: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    recording.write_bytes(har(socket(*TALK, headers=[header("X-Api-Key", "k-0815")])))
    done = run(capsys, "import", "har", "talk.har", "-o", "a b.yaml")
    assert (
        done.out
        == NOTE
        + """\
a b.yaml is written.
Set the variables that the file does not give away, then check and run it:
  X_API_KEY=... loadws validate 'a b.yaml'
  X_API_KEY=... loadws run 'a b.yaml'
"""
    )
    assert run(capsys, "validate", "a b.yaml").code == 2
    monkeypatch.setenv("X_API_KEY", "another")
    assert run(capsys, "validate", "a b.yaml").code == 0


def test_losses_are_listed_and_fail_only_with_strict(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording.write_bytes(har(socket(status=403), socket(*TALK)))
    done = run(capsys, "import", "har", "talk.har")
    said = "this WebSocket was left out: the server refused it with 403"
    assert done.code == 0
    assert done.out.startswith(f"talk.har:10: {said}\n")
    assert f"#   line 10: {said}\n" in Path("scenario.yaml").read_text()
    assert run(capsys, "import", "har", "talk.har", "--force", "--strict").code == 1


def test_changes_are_no_losses(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording.write_bytes(har(socket(message(SENT, 0, "a"), message(SENT, 100, "b"))))
    done = run(capsys, "import", "har", "talk.har", "--strict")
    assert (done.code, done.out.partition("\n")[0]) == (
        0,
        "talk.har: 1 pause of more than a minute was cut to one minute",
    )


def test_a_dash_prints_the_scenario_alone(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = run(capsys, "import", "har", "talk.har", "-o", "-")
    assert done.out.startswith("# Imported from talk.har (mitmproxy): 1 WebSocket, JSON-RPC 2.0\n")
    assert done.err == NOTE
    assert not Path("scenario.yaml").exists()


def test_a_file_that_is_there_is_kept(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("scenario.yaml").write_text("mine")
    refused = "loadws: scenario.yaml is there already\n  choose another name with -o, or write over it with --force\n"
    assert run(capsys, "import", "har", "talk.har") == Result(2, "", refused)
    assert Path("scenario.yaml").read_text() == "mine"
    assert run(capsys, "import", "har", "talk.har", "--force").code == 0


def test_a_file_that_is_no_har_is_refused_with_place_and_advice(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording.write_text("config:\n  target: x\n")
    refused = (
        "loadws: talk.har:1:1: this is no HAR file: '{' should be here\n"
        "  export it again as HAR: in Chrome's Network panel, right-click, Save all as HAR with content\n"
    )
    assert run(capsys, "import", "har", "talk.har") == Result(2, "", refused)
    assert not Path("scenario.yaml").exists()


def test_a_file_that_is_not_there(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused = "loadws: no.har cannot be read: No such file or directory\n"
    assert run(capsys, "import", "har", "no.har") == Result(2, "", refused)


def test_a_speed_must_be_more_than_nothing(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = run(capsys, "import", "har", "talk.har", "--speed", "0")
    assert (done.code, done.err.partition("\n")[0]) == (
        2,
        "loadws: Invalid value for '--speed': '0' is no speed; 2 is twice as fast as recorded, 0.5 half as fast",
    )
