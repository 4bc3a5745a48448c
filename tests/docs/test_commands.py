"""Every command line of loadws that a document shows has a command and options that exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from loadws.cli.app import app
from tests.docs.blocks import DOCUMENTS

GROUP: Any = get_command(app)


def command_lines(text: str) -> Iterator[list[str]]:
    """Yield the words behind ``loadws`` of each command line, up to a comment or the next command."""
    for block in re.findall(r"^```sh\n(.*?)^```|`(loadws [^`\n]+)`", text, re.DOTALL | re.MULTILINE):
        for line in re.sub(r"\\\n\s*", " ", "".join(block)).splitlines():
            for part in re.split(r"&&|\|\||[;|>]", line.partition(" #")[0].strip()):
                words = (
                    shlex.split(part)
                    if part.count("'") % 2 == 0 and part.count('"') % 2 == 0
                    else part.replace('"', "").split()
                )
                if "loadws" in words[:1] and len(words) > 1:
                    yield words[1:]


def problems(words: list[str]) -> list[str]:
    """Return the unknown command, or the unknown options of a known one."""
    command, name = GROUP, words[0]
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        if words[0] not in command.commands:
            return [f"no command {name}"]
        command, words = command.commands[words[0]], words[1:]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    known |= {"-h", "--help"}
    return [
        f"{name} has no {word}"
        for word in words
        if word.startswith("--") and word != "--" and word.split("=")[0] not in known
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_and_options_exist(document: Path) -> None:
    found = [problem for words in command_lines(document.read_text("utf-8")) for problem in problems(words)]
    assert found == []


def test_a_wrong_one_would_be_seen() -> None:
    text = "`loadws rum x.yaml` and\n```sh\n.venv/bin/x && loadws run x.yaml --fast   # loadws walk\n```\n"
    assert [problem for words in command_lines(text) for problem in problems(words)] == [
        "no command rum",
        "run has no --fast",
    ]
