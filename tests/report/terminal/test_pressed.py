"""Keys on a real terminal: a pseudo-terminal, and a process whose own terminal it is."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadws.report.terminal.pressed import Keys

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no termios")
DEADLINE_S = 30.0

_CHILD = """
import fcntl, os, signal, sys, termios, threading
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from loadws.report.terminal.pressed import Keys
pressed = threading.Event()
keys = Keys({"q": pressed.set})
keys.start()
print("listens" if keys.is_listening else "deaf", flush=True)
pressed.wait()
print("pressed", flush=True)
if sys.argv[1] == "killed":
    os.kill(os.getpid(), 9)
if sys.argv[1] == "muted":
    keys.mute()
    done = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: done.set())
    print("muted", flush=True)
    done.wait()
keys.stop()
"""


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Yield both ends of a pseudo-terminal: ours, and the one that a program takes for a terminal."""
    ours, theirs = os.openpty()
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


def _start(theirs: int, how: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _CHILD, how]
    return subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, text=True, start_new_session=True)


def _modes(terminal: int) -> int:
    """Return the modes that say whether a terminal waits for lines and shows what is typed."""
    flags: int = termios.tcgetattr(terminal)[3]
    return flags & (termios.ICANON | termios.ECHO)


@pytest.mark.slow
@pytest.mark.parametrize(("how", "code"), [("stopped", 0), ("killed", -signal.SIGKILL)])
def test_a_key_is_heard_and_the_terminal_is_left_as_it_was(terminal: tuple[int, int], how: str, code: int) -> None:
    ours, theirs = terminal
    before = _modes(theirs)
    with _start(theirs, how) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "listens\n"
        assert _modes(theirs) == 0
        os.write(ours, b"xq")
        assert child.stdout.readline() == "pressed\n"
        assert child.wait(DEADLINE_S) == code
    deadline = time.monotonic() + DEADLINE_S
    while _modes(theirs) != before and time.monotonic() < deadline:
        os.sched_yield()
    assert _modes(theirs) == before


@pytest.mark.slow
def test_keys_that_are_pressed_after_the_load_are_neither_shown_nor_left(terminal: tuple[int, int]) -> None:
    """While the report is drawn, somebody who does not know yet that the load is over presses ``q`` again."""
    ours, theirs = terminal
    before = _modes(theirs)
    with _start(theirs, "muted") as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "listens\n"
        os.write(ours, b"q")
        assert [child.stdout.readline() for _ in range(2)] == ["pressed\n", "muted\n"]
        os.write(ours, b"qq\n")
        child.send_signal(signal.SIGUSR1)
        assert child.wait(DEADLINE_S) == 0
    assert _modes(theirs) == before
    assert select.select([ours, theirs], [], [], 0)[0] == []


@pytest.mark.slow
@pytest.mark.parametrize("stty", ["exit 1", "exec sleep 600"])
def test_without_a_working_stty_there_are_no_keys(terminal: tuple[int, int], tmp_path: Path, stty: str) -> None:
    """A container may lack it, or have one that fails; a run goes on all the same, without ``q``."""
    (tmp_path / "stty").write_text(f"#!/bin/sh\n{stty}\n")
    (tmp_path / "stty").chmod(0o755)
    before = _modes(terminal[1])
    path = f"{tmp_path}:{os.environ['PATH']}"
    command = [sys.executable, "-c", _CHILD.split("pressed.wait()")[0] + "keys.stop()", "stopped"]
    with subprocess.Popen(
        command, stdin=terminal[1], stdout=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "PATH": path},
    ) as child:  # fmt: skip
        assert child.stdout is not None
        assert child.stdout.readline() == "deaf\n"
        assert child.wait(DEADLINE_S) == 0
    assert _modes(terminal[1]) == before


def test_a_terminal_of_another_job_is_left_alone(terminal: tuple[int, int]) -> None:
    before = _modes(terminal[1])
    keys = Keys({"q": lambda: None}, stdin=terminal[1])
    keys.start()
    assert not keys.is_listening
    assert _modes(terminal[1]) == before
    keys.stop()


def test_a_file_has_no_keys() -> None:
    with open(os.devnull) as nothing:  # noqa: PTH123
        keys = Keys({"q": lambda: None}, stdin=nothing.fileno())
        keys.start()
        assert not keys.is_listening
        keys.stop()
