"""The commands of "My chat in ten steps", run in their order in an empty folder."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.docs.blocks import PAGES, blocks
from tests.kit.judged import undisturbed

START = (PAGES / "start.md").read_text("utf-8")
COMMANDS = [line.partition("   ")[0] for block in blocks(START, "sh") for line in block.splitlines()]
SERVER, STEPS = COMMANDS[0], COMMANDS[1:]


def test_there_are_ten_steps() -> None:
    assert re.findall(r"^## (\d+)\.", START, re.MULTILINE) == [str(number) for number in range(1, 11)]


@pytest.mark.alone
@pytest.mark.slow
def test_every_command_works(tmp_path: Path) -> None:
    assert SERVER == "loadws target --mode echo --listen 127.0.0.1:8765"
    (scenario,) = blocks(START, "yaml")
    with _server() as url:
        for command in STEPS:
            if "validate" in command:
                (tmp_path / "chat.yaml").write_text(scenario, "utf-8")
            ran = undisturbed(partial(_run, command, url, tmp_path))
            assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (tmp_path / "reports/chat/latest/report.html").exists()
    assert (tmp_path / "junit.xml").exists()


@contextmanager
def _server() -> Iterator[str]:
    """Step 1, on a port of its own."""
    command = [
        sys.executable,
        "-m",
        "loadws",
        "target",
        "--mode",
        "echo",
        "--listen",
        "127.0.0.1:0",
        "--announce",
        "json",
    ]
    with subprocess.Popen([*command, "--until-stdin-closes"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        yield json.loads(server.stdout.readline())["url"]
        server.stdin.close()
        server.stdout.read()


def _run(command: str, url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as it is written, but against the test's server and shorter."""
    words = shlex.split(command.replace("ws://127.0.0.1:8765", url))
    if words[1] == "run":
        words += ["--target", url, "--too-close", "pass"] + (
            [] if {"--once", "--trace"} & {*words} else ["--duration", "1s"]
        )
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
