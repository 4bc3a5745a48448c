"""Draw charts in one child process, and survive whatever happens to it.

A child that needs too much time or memory is ended, and the report lacks the charts that it had not drawn. On Linux it
asks the kernel to be ended first where memory runs out: otherwise the kernel might end its parent, which knows the
verdict.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec

from loadws.metrics.summary import Summary
from loadws.report.course.course import Course
from loadws.report.drawing.child import Done, Order
from loadws.report.drawing.drawing import Drawing, Drawn

COMMAND = (sys.executable, "-m", "loadws.report.drawing.child")
WITHIN_S = 60.0
_SHELL = Path("/bin/sh")
_GOES_FIRST = 'echo 1000 2>/dev/null > /proc/self/oom_score_adj; exec "$@"'
_ADVICE = "`loadws report` of the run's folder draws them again."
_NEEDS = "Drawing needs up to 250 MB of memory."


class Artist:
    """The process that draws. It can be asked to give up, also by a signal handler."""

    def __init__(self, command: Sequence[str] = COMMAND, within_s: float = WITHIN_S) -> None:
        self._command = _expendable(command)
        self._within_s = within_s
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = Lock()
        self._given_up = ""

    def give_up(self, why: str) -> None:
        """End the drawing. ``why`` is the end of a sentence that begins with "drawing was ended by"."""
        self._given_up = self._given_up or why
        if self._process is not None:
            self._process.kill()

    def draw(self, summary: Summary, folder: Path | None = None, course: Course | None = None) -> Drawing:
        """Return the charts of a run that could be drawn. Never raises for what the child does, or does not do.

        ``folder`` is the run's: without it there are no heat maps, and no charts by kind of error. ``course`` is what its
        windows say, where these were read already.
        """
        order = _encoded(Order(summary, str(folder) if folder else "", course))
        try:
            said, problem = self._run(order)
        except OSError as error:
            said, problem = b"", f"the process that draws them could not be started ({error.strerror or error})"
        drawn, is_done, is_understood = _read(said)
        problem = problem or ("" if is_understood else "the process that draws them said what is no chart")
        if is_done:
            return Drawing(drawn)
        return Drawing(drawn, _missing(len(drawn), problem or "the process that draws them ended"))

    def _run(self, order: bytes) -> tuple[bytes, str]:
        """Return the child's output, and why it may be incomplete; empty where the child succeeded."""
        if self._given_up:
            return b"", f"drawing was ended by {self._given_up}"
        with subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as self._process:  # fmt: skip
            if self._given_up:  # that was asked while the process was started
                self._process.kill()
            try:
                said, _ = self._process.communicate(order, timeout=self._within_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
                said, _ = self._process.communicate()
                return said, f"drawing did not end within {self._within_s:g} s"
        if self._given_up:
            return said, f"drawing was ended by {self._given_up}"
        return said, _how(self._process.returncode)


def _encoded(order: Order) -> bytes:
    """Return an order as JSON, also where a server's text contains half a character."""
    try:
        return msgspec.json.encode(order)
    except UnicodeEncodeError:
        return msgspec.json.encode(_whole_characters(msgspec.to_builtins(order)))


def _whole_characters(value: Any) -> Any:
    """Return plain data with "?" in the place of each half of a character (a surrogate), which UTF-8 cannot write."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case dict():
            return {_whole_characters(key): _whole_characters(each) for key, each in value.items()}
        case list() | tuple():
            return [_whole_characters(each) for each in value]
    return value


def _expendable(command: Sequence[str]) -> tuple[str, ...]:
    """Return the same command, run so that the kernel ends it before any other process where memory runs out."""
    if sys.platform == "linux" and _SHELL.exists():
        return (str(_SHELL), "-c", _GOES_FIRST, "sh", *command)
    return tuple(command)


def _read(said: bytes) -> tuple[tuple[Drawn, ...], bool, bool]:
    """Return the charts that the child wrote in whole lines, whether these are all, and whether every line is known."""
    drawn: list[Drawn] = []
    for line in said.split(b"\n")[:-1]:
        try:
            found = msgspec.json.decode(line, type=Drawn | Done)
        except msgspec.DecodeError:
            return tuple(drawn), False, False
        if isinstance(found, Done):
            return tuple(drawn), True, True
        drawn.append(found)
    return tuple(drawn), False, True


def _how(code: int) -> str:
    if code == 0:
        return ""
    if code > 0:
        return f"the process that draws them ended with exit code {code}. {_NEEDS}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"the process that draws them was ended by {name}. {_NEEDS}"


def _missing(drawn: int, problem: str) -> str:
    what = "Some charts are missing" if drawn else "There are no charts"
    return f"{what}: {problem.rstrip('.')}. {_ADVICE}"
