"""What commands print of a scenario that is wrong, or a run that goes wrong, has no secrets either."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from loadws.cli.running.run_info import masked_command
from loadws.terms.masker import Masker
from tests.cli.commands import run
from tests.kit.judged import RAN_WHOLE

SECRET = "TOPSECRET-ö/x"
HEAD = "load: [{users: 1, for: 200ms, iterations: 1}]\nsecrets: [token]\n"


@pytest.mark.parametrize(
    "text",
    [
        # values that are quoted in a message, whole and cut
        HEAD + "target: ws://h\nvariables: {token: SECRET}\nflow: [{request: hi, nam: SECRET}]",
        HEAD + "target: ws://h\nvariables: {token: SECRET}\nflow: [SECRET]",
        HEAD + "target: ws://h\nvariables: {token: SECRET}\nflow: [{think: SECRET}]",
        HEAD + "target: ws://h\nvariables: {token: SECRET}\nflow: [{http: {get: 'SECRET/x'}}]",
        HEAD + "target: ws://h\nvariables: {token: SECRET}\nflow: [{repeat: SECRET, do: [connect]}]",
        HEAD + "target: ws://h\nvariables: {token: SECRET}\nflow: [{connect: {proxy: 'ftp://u:SECRET@h'}}]",
        HEAD + "target: ws://h\nvariables: {token: 'SECRET {{ x'}\nflow: [connect]",
        HEAD + "target: ws://h\nvariables: {token: SECRET}\nflow: [{log: '{{ nobody }} SECRET'}]",
        HEAD + "target: ws://h\nvariables: {token: SECRET}\nflow: [connect]\nthresholds: ['x{step=SECRET} < 1']",
        HEAD + "target: ws://h\nvariables: {token: SECRET}\nflow: [{call: 'flows:SECRET'}]",
        HEAD + "target: ws://h\nvariables: {token: SECRET}\ndata: {a: {file: SECRET.csv}}\nflow: [connect]",
        HEAD + "target: 'ftp://u:SECRET@h/?token=SECRET'\nvariables: {token: x1234}\nflow: [connect]",
        # from the environment
        HEAD + "target: ws://h\nvariables: {token: '${TOKEN}'}\nflow: [{think: '${TOKEN}'}]",
        HEAD + "target: ws://h\nvariables: {token: 'a ${TOKEN}'}\nflow: ['${TOKEN}']",
        HEAD + "target: 'ws://h/ ?x=${TOKEN}'\nvariables: {token: x1234}\nflow: [connect]",
        # no YAML at all
        HEAD + "target: ws://h\nvariables: {token: 'SECRET}\nflow: [connect]",
        HEAD + "variables:\n  token: SECRET: b\nflow: [connect]",
        'secrets:\n  - token\nvariables:\n  token: "SECRET\n',
    ],
)
def test_validate_tells_no_secret(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", SECRET)
    path = tmp_path / "s.yaml"
    path.write_text(text.replace("SECRET", SECRET))
    for command in ("validate", "plan", "run"):
        found = run(capsys, command, str(path))
        assert found.code == 2
        assert str(path) in found.out + found.err
        assert "TOPSECRET" not in found.out + found.err


@pytest.mark.parametrize(
    "options",
    [
        ("--set", f"tokn={SECRET}"),
        ("--set", f"token={SECRET}", "--set", "nobody=1"),
        ("--target", f"ftp://u:{SECRET}@h"),
        ("--target", "ws://u:1TOPSECRET"),
        ("--target", "ws://[TOPSECRET]/"),
        ("--target", "ws://h\u2100TOPSECRET/"),
        ("--set", "token=TOPSECRET", "--set", "other=.inf"),
    ],
)
def test_a_wrong_command_line_is_told_without_secrets(
    options: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(HEAD + "target: ws://h\nvariables: {token: x1234, other: 1}\nflow: [connect]")
    found = run(capsys, "run", str(path), *options)
    assert found.code == 2
    assert "TOPSECRET" not in found.out + found.err


@pytest.mark.parametrize(
    ("words", "masked"),
    [
        (["loadws", "run", "a.yaml"], ["loadws", "run", "a.yaml"]),
        (["--set", "token=abc"], ["--set", "token=(masked)"]),
        (["--set=token=abc"], ["--set=token=(masked)"]),
        (["--set", "creds=abc", "--set", "room=lobby"], ["--set", "creds=(masked)", "--set", "room=lobby"]),
        # a name that says so
        (["--set", "api_key=abc"], ["--set", "api_key=(masked)"]),
        (["--target", "wss://u:p@h/?token=abc&x=1"], ["--target", "wss://(masked)@h/?token=(masked)&x=1"]),
        (["--target=wss://u:p@h/?sig=abc"], ["--target=wss://(masked)@h/?sig=(masked)"]),
        # a known value, wherever it is; but no name
        (["--out", "/tmp/hunter2", "--set", "room=a hunter2"], ["--out", "/tmp/(masked)", "--set", "room=a (masked)"]),
        (["--set", "hunter2=1", "--hunter2"], ["--set", "hunter2=1", "--hunter2"]),
    ],
)
def test_the_command_line_is_kept_without_secrets(words: list[str], masked: list[str]) -> None:
    assert masked_command(words, ["token", "creds.password"], Masker(["hunter2"])) == tuple(masked)


@pytest.mark.slow
def test_a_defect_is_told_without_secrets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the traceback, in what is kept of the run, and in every report of it."""

    async def breaks(*_: Any, **__: Any) -> Any:
        raise RuntimeError(f"cannot use {SECRET!r}")

    monkeypatch.setattr("loadws.cli.running.run.run_local", breaks)
    path = tmp_path / "s.yaml"
    path.write_text(HEAD + f"target: builtin:echo\nvariables: {{token: {SECRET}}}\nflow: [connect]")
    found = run(capsys, "run", str(path), "--out", str(tmp_path / "out"))
    assert found.code == 70
    assert "RuntimeError: cannot use '***'" in found.err
    for file in (tmp_path / "out").glob("s/2*/*"):
        assert b"TOPSECRET" not in file.read_bytes(), file.name
    assert "TOPSECRET" not in found.out + found.err


def test_a_defect_before_the_run_is_told_without_secrets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: Any) -> Any:
        raise RuntimeError(f"cannot use {SECRET!r}")

    monkeypatch.setattr("loadws.cli.planning.plan.make_plan", breaks)
    path = tmp_path / "s.yaml"
    path.write_text(HEAD + f"target: builtin:echo\nvariables: {{token: {SECRET}}}\nflow: [connect]")
    found = run(capsys, "plan", str(path))
    assert found.code == 70
    assert "RuntimeError: cannot use '***'" in found.err
    assert "this is a defect of loadws" in found.err
    assert "TOPSECRET" not in found.err


@pytest.mark.slow
def test_a_setup_that_fails_is_told_without_secrets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s.yaml"
    setup = "setup: [{log: 'with {{ token }}'}, {set: {x: '{{ {}[token] }}'}}]\n"
    path.write_text(HEAD + setup + f"target: builtin:echo\nvariables: {{token: {SECRET}}}\nflow: [connect]")
    found = run(capsys, "run", str(path), "--out", str(tmp_path / "out"))
    assert found.code == 2
    assert "setup: with ***" in found.err
    assert 'object has no "***"' in found.err
    assert "TOPSECRET" not in found.out + found.err


@pytest.mark.parametrize("command", ["validate", "plan", "run"])
def test_an_untrusted_scenario_is_refused(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s.yaml"
    scenario = {
        "target": "builtin:echo", "load": [{"users": 1, "for": "1s"}], "flow": ["connect", {"call": "flows:main"}],
        "data": {"a": {"file": "/etc/passwd"}},
    }  # fmt: skip
    path.write_text(json.dumps(scenario))
    (tmp_path / "flows.py").write_text("raise AssertionError('this was run')")
    found = run(capsys, command, str(path), "--untrusted")
    assert found.code == 2
    said = found.out + found.err
    assert "flow[1].call: --untrusted: call would run the module's code" in said
    assert "data.a.file: --untrusted: this file lies outside of the scenario's folder" in said
    assert "AssertionError" not in said


@pytest.mark.slow
def test_an_untrusted_run_has_no_environment_in_any_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROOM", SECRET)
    path = tmp_path / "s.yaml"
    path.write_text(
        "target: builtin:echo\nload: [{users: 2, for: 5s, iterations: 2}]\n"
        "flow: [{request: '${ROOM:-lobby}'}, {log: 'to ${ROOM:-lobby}'}]"
    )
    found = run(capsys, "run", str(path), "--untrusted", "--processes", "2", "--out", str(tmp_path / "out"))
    assert found.code in RAN_WHOLE, found.err
    windows = (tmp_path / "out" / "s" / "latest" / "windows.ndjson").read_text()
    assert "to lobby" in windows and "TOPSECRET" not in windows
