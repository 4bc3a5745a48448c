"""A wrong command line: one style, and the command that was probably meant. And help that can be read."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadws import cli
from tests.cli.commands import Result, run

COMMANDS = (
    "run",
    "validate",
    "plan",
    "target",
    "calibrate",
    "report",
    "schema",
    "docs",
    "init",
    "compare",
    "ab",
    "history",
    "search",
    "shard",
    "merge",
    "view",
    "import",
)


@pytest.mark.parametrize(
    ("arguments", "err"),
    [
        (("chat.yaml",), "loadws: there is no command 'chat.yaml'; did you mean: loadws run chat.yaml\n"
                         "  loadws --help shows what there is\n"),
        (("valdate",), "loadws: there is no command 'valdate'; did you mean 'validate'?\n"
                       "  loadws --help shows what there is\n"),
        (("xyzzy",), f"loadws: there is no command 'xyzzy'; commands are {', '.join(COMMANDS)}\n"
                     "  loadws --help shows what there is\n"),
        (("run",), "loadws: Missing argument 'SCENARIO'\n  loadws run --help shows what there is\n"),
        (("run", "a.yaml", "--scale", "0"),
         "loadws: Invalid value for '--scale': '0' is not a factor; write a number above 0: 0.1 for a tenth\n"
         "  loadws run --help shows what there is\n"),
        # an option of another command; one that shows a single load while it goes on
        (("ab", "a.yaml", "--repeat", "3"),
         "loadws: loadws ab has no --repeat: it is one of loadws run\n  loadws ab --help shows what there is\n"),
        (("search", "a.yaml", "--output", "csv=x"),
         "loadws: loadws search has no --output: it shows one load while it goes on, and loadws search makes many short "
         "ones\n  loadws search --help shows what there is\n"),
        (("ab", "a.yaml", "--prometheus"),
         "loadws: loadws ab has no --prometheus: it shows one load while it goes on, and loadws ab makes many short ones\n"
         "  loadws ab --help shows what there is\n"),
        # an address without a port, behind an option that may be alone, before the scenario and after it
        (("run", "a.yaml", "--prometheus", "localhost"),
         "loadws: --prometheus localhost: an address has a port\n"
         "  write --prometheus localhost:9464, or --prometheus alone, which is 127.0.0.1:9464\n"),
        (("run", "--dashboard", "0.0.0.0", "a.yaml"),
         "loadws: --dashboard 0.0.0.0: an address has a port\n"
         "  write --dashboard 0.0.0.0:0, or --dashboard alone, which is 127.0.0.1:0\n"),
        (("run", "--dashboard", "a.yaml", "b.yaml"), "loadws: Got unexpected extra argument(s) (b.yaml)\n"
                                                     "  loadws run --help shows what there is\n"),
        (("ab", "a.yaml", "--xyzzy"), "loadws: No such option: --xyzzy\n  loadws ab --help shows what there is\n"),
    ],
)  # fmt: skip
def test_a_wrong_command_line_is_told_in_our_style(
    arguments: tuple[str, ...], err: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, *arguments) == Result(2, "", err)


def test_without_a_command_there_is_help_and_nothing_was_done(capsys: pytest.CaptureFixture[str]) -> None:
    """Code 2, so that a job whose command went missing does not pass."""
    help_ = run(capsys, "--help")
    assert run(capsys) == Result(2, help_.out, "")
    assert help_.code == 0


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("columns", ["40", "80", "120"])
def test_help_is_readable_at_any_width(
    command: str, columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    text = run(capsys, command, "--help").out
    assert "…" not in text
    assert not re.search(r"range|<bool>|x>=|│", text)
    assert "Examples:\n    loadws" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_no_default_is_shown_in_a_unit_of_ours(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Options hold times in nanoseconds, and people write 10s."""
    assert re.findall(r"default: \(?\d{6,}", run(capsys, command, "--help").out) == []


def test_each_command_is_told_in_one_line_that_is_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    rows = run(capsys, "--help").out.split("Commands:\n")[1].splitlines()[: len(COMMANDS)]
    assert [row.split()[0] for row in rows] == list(COMMANDS)
    assert [row for row in rows if not row.endswith(".") or row.endswith("...")] == []


def _numbers_without_a_parser(tree: ast.AST) -> Iterator[int]:
    """Yield the line of each ``Annotated[int or float, typer.Option(…)]`` that names no parser."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Subscript)
            and ast.unparse(node.value) == "Annotated"
            and isinstance(node.slice, ast.Tuple)
        ):
            kind, option = (ast.unparse(part) for part in node.slice.elts[:2])
            if kind.split(" |")[0] in ("int", "float") and option.startswith("typer.") and "parser=" not in option:
                yield node.lineno


def test_no_number_of_an_option_is_read_by_a_library() -> None:
    """A library's sentences are not ours: each number has a parser, which says what is wrong and what to write."""
    found = [
        f"{path.name}:{line}"
        for path in Path(cli.__file__).parent.rglob("*.py")
        for line in _numbers_without_a_parser(ast.parse(path.read_text("utf-8")))
    ]
    assert found == []


@pytest.mark.parametrize("option", ["--stamps", "--transport", "--too-close"])
def test_a_word_that_is_no_choice_is_told_without_a_librarys_words(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run(capsys, "run", "chat.yaml", option, "nope")
    assert found.code == 2
    assert found.err.startswith(f"loadws: Invalid value for '{option}': 'nope' is not one of ")


@pytest.mark.parametrize(
    ("option", "partner"),
    [
        (("--allow-no-baseline",), "--baseline"),
        (("--across-machines",), "--baseline"),
        (("--insecure-cluster",), "--cluster"),
        (("--tolerate-loss", "1"), "--cluster"),
        (("--shares", "3,1"), "--cluster"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(
    option: tuple[str, ...], partner: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run(capsys, "run", "chat.yaml", *option)
    assert (found.code, found.err.splitlines()[0]) == (2, f"loadws: {option[0]} does nothing without {partner}")
