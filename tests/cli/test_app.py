"""The command line itself: help, version, usage errors, exit codes, and how lightly it starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from loadws import __version__, cli
from loadws.terms.errors import ExitCode, LoadwsError, TargetError, UsageError
from tests.cli.commands import Result, run

COMMANDS = (
    "run",
    "validate",
    "plan",
    "target",
    "report",
    "schema",
    "docs",
    "init",
    "compare",
    "ab",
    "history",
    "import",
)
#: What takes long to import, and what ``--help`` has no use for.
HEAVY = (
    "trio",
    "trio_websocket",
    "pydantic",
    "ruamel",
    "jinja2",
    "trustme",
    "msgspec",
    "rich",
    "random",
    "tempfile",
    "loadws.terms.metrics",
)
#: What takes long beside the answer to ``--version``, or to a help text that was printed before.
TOO_HEAVY_TO_ANSWER_AT_ONCE = (
    "typer",
    "click",
    "pathlib",
    "dataclasses",
    "inspect",
    "difflib",
    "traceback",
    "json",
    "urllib",
    "loadws.cli.app",
)


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version") == Result(0, f"loadws {__version__}\n", "")


@pytest.mark.slow
def test_as_a_module() -> None:
    found = subprocess.run([sys.executable, "-m", "loadws", "--version"], capture_output=True, text=True, check=True)
    assert found.stdout == f"loadws {__version__}\n"


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, "--help")
    assert found.code == 0
    assert [name for name in COMMANDS if f" {name} " not in found.out] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--help", "-h"):
        found = run(capsys, command, option)
        assert found.code == 0
        assert f"loadws {command}" in found.out.split("Examples:")[1]


def test_the_help_of_run_lists_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    words = " ".join(run(capsys, "run", "--help").out.split())
    assert [code for code in ExitCode if f"{code.value} {code.meaning}" not in words] == []


@pytest.mark.slow
def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    assert _imported_for("--help", tmp_path) & set(HEAVY) == set()
    assert _imported_for("--help", tmp_path) & {*HEAVY, *TOO_HEAVY_TO_ANSWER_AT_ONCE} == set()


@pytest.mark.slow
def test_the_version_imports_next_to_nothing(tmp_path: Path) -> None:
    assert _imported_for("--version", tmp_path) & {*HEAVY, *TOO_HEAVY_TO_ANSWER_AT_ONCE} == set()


#: What the code of a command must not import, as most of its uses have no need of it: and everybody waits.
NOT_NEEDED = {
    "loadws.cli.validate": ("trio", "rich", "trustme", "loadws.report.terminal", "loadws.metrics.summary", "loadws.engine"),
    "loadws.cli.running.run": (
        "trustme", "cryptography", "trio_websocket", "wsproto", "distributed", "loadws.target.server", "loadws.target.fast",
        "loadws.cluster", "loadws.dashboard.page", "loadws.report.charts", "loadws.report.html",
    ),
    "loadws.target.process": ("trustme", "trio_websocket", "wsproto", "pydantic"),
    "loadws.target.fast": ("trustme", "trio_websocket", "wsproto", "pydantic"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("module", NOT_NEEDED)
def test_a_command_does_not_import_what_few_of_its_uses_need(module: str) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert [name for name in NOT_NEEDED[module] if name in found.stdout.split()] == []


@pytest.mark.slow
def test_a_run_imports_nothing_of_comparisons_and_of_more_processes_before_it_reads_its_scenario(
    tmp_path: Path,
) -> None:
    imported = _imported_for("run", tmp_path, str(tmp_path / "none.yaml"))
    assert "loadws.cli.running.run" in imported
    assert imported & {"loadws.gate.comparing.compare", "loadws.fleet.multi_process"} == set()


def _imported_for(argument: str, cache: Path, *more: str) -> set[str]:
    """Return the modules that a process has after a command, whose cache is a folder of the test."""
    arguments = [argument, *more]
    program = f"import sys; from loadws.cli import main; main({arguments}); print(*sys.modules, file=sys.stderr)"
    env = os.environ | dict.fromkeys(("XDG_CACHE_HOME", "LOCALAPPDATA"), str(cache))
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=env)
    return set(found.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Usage: loadws"),  # no command: the help
        (("ruin",), "there is no command 'ruin'; did you mean 'run'?"),
        (("run",), "Missing argument"),
        (("run", "x.yaml", "--userz", "3"), "--userz"),
        (("run", "x.yaml", "--users", "-3"), "'-3' is no whole number from 0 on"),
        # our own notations name the option and say what to write
        (("run", "x.yaml", "--rate", "200"), "'200' is not a rate; write how many a unit of time"),
        (("run", "x.yaml", "--duration", "10"), "'10' is not a duration; write a number with its unit"),
        (("run", "x.yaml", "--scale", "0"), "'0' is not a factor; write a number above 0"),
        (("run", "x.yaml", "--scale", "nan"), "'nan' is not a factor"),
        (("run", "x.yaml", "--transport", "pigeon"), "trio-websocket"),  # lists what there is
        (("run", "x.yaml", "--processes", "0"), "'0' is no number of processes; write one from 1 to 256, or auto"),
        (("run", "x.yaml", "--set", "a"), "--set 'a' sets nothing"),
        (("target", "--listen", "8765"), "'8765' is not an address to listen on"),
        (("target", "--mode", "chat"), "chat"),
        (("target", "--delay", "1ms", "--jitter", "2ms"), "the jitter is larger than the delay"),
        (("schema", "plan"), "plan"),
    ],
)
def test_a_wrong_command_line_ends_with_2_and_says_why(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run(capsys, *arguments)
    words = " ".join((found.out + found.err).replace("│", " ").split())
    assert found.code == ExitCode.USAGE
    assert message in words


class _Ends:
    """A command that ends so."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __call__(self, *_: object) -> int:
        raise self._error


@pytest.mark.parametrize(
    ("error", "code", "err"),
    [
        # what a user can mend: message, advice, its own code
        (UsageError("this cannot be", "do that"), 2, "loadws: this cannot be\n  do that\n"),
        (LoadwsError("without advice"), 2, "loadws: without advice\n"),
        (TargetError("not there"), 5, "loadws: not there\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_how_a_command_ends(
    error: BaseException, code: int, err: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "_dispatch", _Ends(error))
    assert run(capsys, "schema") == Result(code, "", err)


def test_anything_else_is_a_defect_with_its_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "_dispatch", _Ends(ZeroDivisionError("oh")))
    found = run(capsys, "schema")
    assert found.code == ExitCode.DEFECT
    assert "ZeroDivisionError: oh" in found.err
    assert found.err.endswith(
        "loadws: this is a defect of loadws, not of your scenario; please report the lines above\n"
    )


#: A terminal that knows only ASCII.
ASCII = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PATH": "", "COLUMNS": "80"}


#: A person whose locale has only ASCII, whatever Python encodes then.
LOCALE = {"LC_ALL": "C", "PATH": "", "COLUMNS": "80"}


def _in_ascii(*arguments: str, env: dict[str, str] = ASCII) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "loadws", *arguments], capture_output=True, encoding="utf-8", check=False, env=env
    )


@pytest.mark.slow
@pytest.mark.parametrize("env", [ASCII, LOCALE], ids=["encoding", "locale"])
def test_a_terminal_without_our_signs_gets_others(env: dict[str, str], tmp_path: Path) -> None:
    scenario = tmp_path / "plain.yaml"
    scenario.write_text("target: builtin:echo\nload: [{users: {from: 0, to: 4}, for: 1s}]\nflow: [{request: hi}]\n")
    found = _in_ascii("plan", str(scenario), env=env)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.isascii()
    assert "users held" in found.stdout


@pytest.mark.slow
def test_a_whole_run_prints_ascii_where_the_locale_asks_for_it(tmp_path: Path) -> None:
    """Its live lines, its error, its verdict, its tables and its warnings."""
    scenario = tmp_path / "plain.yaml"
    scenario.write_text(
        "name: plain\ntarget: builtin:echo\nload: [{users: 4, for: 1s}]\n"
        "flow: [{request: {name: request, send: grün, reply: {check: {$.ok: true}}}}, {think: 50ms}]\n"
        "thresholds: ['response_time.p50 < 1us', 'error_rate < 1%']\n",
        "utf-8",
    )
    found = _in_ascii("run", str(scenario), "--out", str(tmp_path), env=LOCALE)
    assert found.returncode in (1, 4), found.stderr  # 4: of a machine that is busy
    assert found.stdout.isascii() and found.stderr.isascii()
    assert "x response_time.p50 < 1us" in found.stdout
    assert "closed model - " in found.stdout
    assert "] error check in request: $.ok is not there" in found.stderr


@pytest.mark.slow
def test_what_a_terminal_cannot_show_is_escaped(tmp_path: Path) -> None:
    scenario = tmp_path / "plain.yaml"
    scenario.write_text("target: builtin:echo\ngrün: 1\nload: [{users: 4, for: 1s}]\nflow: [{request: hi}]\n", "utf-8")
    found = _in_ascii("validate", str(scenario))
    assert (found.returncode, found.stderr) == (2, "")
    assert "gr\\xfcn: 1" in found.stdout


@pytest.mark.parametrize("option", ["--junit", "--summary", "--formats-to", "--output=ndjson="])
def test_a_name_that_is_too_long_is_no_defect(option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = tmp_path / "short.yaml"
    scenario.write_text("target: builtin:echo\nload: [{users: 1, for: 1s}]\nflow: [{request: hi}]\n")
    name = str(tmp_path / ("a" * 300))
    given = [f"{option}{name}"] if option.endswith("=") else [option, name]
    found = run(capsys, "run", str(scenario), *given)
    assert found.code == 2
    assert "too long" in found.err
    assert "defect" not in found.err
