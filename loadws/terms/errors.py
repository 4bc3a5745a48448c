"""The error family, and the one table of exit codes.

Every error that a user can cause derives from ``LoadwsError`` and carries the exit code it ends the program with; anything
else that escapes is a defect of loadws (70).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """The result of a command, for the shell and for CI.

    The order of members is the precedence when several apply. ``meaning`` is their only description: ``--help``, the
    README and the reference page print it.
    """

    meaning: str

    def __new__(cls, code: int, meaning: str) -> ExitCode:
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    DEFECT = 70, "a defect of loadws itself"
    USAGE = 2, "the command line or the scenario is wrong, or this machine cannot hold the load"
    INTERRUPTED = 130, "interrupted by Ctrl-C; the report is still written"
    TERMINATED = 143, "ended by SIGTERM, or SIGHUP where its terminal closed; the report is still written"
    UNREACHABLE = 5, "unreachable: the target gave no HTTP response at all"
    INVALID = 4, "invalid: loadws itself may have decided the result, or a process's data is missing"
    FAILED = 1, "failed: a threshold did not hold or had no data, or half or more of what ended had failed"
    INCONCLUSIVE = 3, "inconclusive: the load was not applied, or too little data to tell"
    PASSED = 0, "passed"


def exit_code(number: int) -> ExitCode:
    """Return the member with this number. Raises ``KeyError`` where there is none."""
    return {code.value: code for code in ExitCode}[number]


def most_severe(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the exit code when several apply; without any it is a pass."""
    precedence = list(ExitCode)
    return min(codes, key=precedence.index, default=ExitCode.PASSED)


def interruption(signal_name: str) -> ExitCode:
    """Return the exit code of a run that a signal ended, by the signal's common name."""
    return ExitCode.INTERRUPTED if signal_name == "Ctrl-C" else ExitCode.TERMINATED


def did_you_mean(word: str, words: Iterable[str], most: int = 1) -> str:
    """Return the advice ``did you mean 'within'?`` with the ``most`` similar words; "" where none is similar."""
    import difflib  # here, as few commands get a wrong word, and each would wait for it

    similar = difflib.get_close_matches(word, dict.fromkeys(words), most)
    return f"did you mean {' or '.join(map(repr, similar))}?" if similar else ""


class LoadwsError(Exception):
    """An error that the user can mend. ``str()`` is the whole message; ``advice`` says what to do next, if anything."""

    exit_code = ExitCode.USAGE

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice
        self.is_told = False  # whether it was reported to the CI service

    def for_people(self) -> str:
        """Return the text for the terminal: what is wrong, and below it what to do next."""
        return f"loadws: {self}" + (f"\n  {self.advice}" if self.advice else "")

    @property
    def files(self) -> tuple[str, ...]:
        """The files whose places the lines of the message may begin with."""
        return ()

    def mask(self, hide: Callable[[str], str]) -> None:
        """Hide secrets in the message and the advice."""
        self.args = (hide(str(self)),)
        self.advice = hide(self.advice)


class UsageError(LoadwsError):
    """A command line that asks for something impossible."""


class OutputError(LoadwsError):
    """A file of the run folder that cannot be opened or written."""


class UnitError(LoadwsError):
    """A text that is not the duration, rate or size that it should be."""


class TargetError(LoadwsError):
    """A built-in target that did not start, or a target that did not answer."""

    exit_code = ExitCode.UNREACHABLE
