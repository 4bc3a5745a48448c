"""Run a command in this process, and return what it printed and how it ended."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from loadws.cli import main


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> Result:
    code = main(arguments)
    printed = capsys.readouterr()
    return Result(code, printed.out, printed.err)
