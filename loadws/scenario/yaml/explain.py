"""A problem in a scenario file, and how it is shown: file:line:column, message, what to do, excerpt and caret.

::

    scenarios/chat.yaml:31:51: users[0].flow[2].request.reply: unknown key 'withing'; did you mean 'within'?
       31 |           reply: {where: {$.id: "{{ sent.id }}"}, withing: 2s}
          |                                                   ^

A problem is found at an offset of the text. Excerpts are made last, when it is known what in the file is secret.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, NoReturn, Protocol

import msgspec
from msgspec.structs import replace

from loadws.terms.errors import LoadwsError

Severity = Literal["error", "warning"]
#: The keys and indexes that lead to a value: ``("users", 0, "flow")``.
Where = tuple[str | int, ...]

#: Of how many problems a message tells; ``ScenarioError.problems`` has them all.
SHOWN_PROBLEMS = 50
#: How wide an excerpt may be, in characters, and how much of it stands before the caret where it has to be cut.
EXCERPT_WIDTH, EXCERPT_BEFORE = 160, 100
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_PLAIN_KEY = re.compile(r"[\w-]+")


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong. ``line`` and ``column`` count from 1 and are 0 where it has no place in the file.

    ``is_beside``: the file is none of the scenario's own but one that it names, such as that of its protocol.
    """

    path: Path
    line: int
    column: int
    message: str
    advice: str = ""
    severity: Severity = "error"
    excerpt: str = ""
    where: Where = ()
    is_beside: bool = False


class ScenarioError(LoadwsError):
    """The scenario cannot be run. ``str()`` shows every problem, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=_order))
        super().__init__(explain_all(self.problems))

    @property
    def files(self) -> tuple[str, ...]:
        """The files whose places the lines of the message may begin with."""
        return tuple(dict.fromkeys(str(problem.path) for problem in self.problems if problem.line))

    def for_people(self) -> str:
        """Return the problems, each at its place as editors read it, and how many there are in which file."""
        said = " and ".join(f"{name or 'the scenario'} has {count}" for name, count in self.counts())
        return f"{self}\nloadws: {said}; nothing was run"

    def counts(self) -> Iterator[tuple[str, str]]:
        """Yield how many problems each file has: the scenario, without a name, and those that it names."""
        counts = Counter(str(problem.path) if problem.is_beside else "" for problem in self.problems)
        yield from ((name, f"{count} problem{'' if count == 1 else 's'}") for name, count in sorted(counts.items()))


def _order(problem: Problem) -> tuple[bool, int, int]:
    """Return the key to sort by: the order of the file, with problems of the command line last."""
    return str(problem.path).startswith("--"), problem.line, problem.column


class Placed(Protocol):
    """A value of the file with its offsets, as ``tree.Node`` has them."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


class FileKind(msgspec.Struct, frozen=True):
    """A kind of file, in the words of messages: what it is called, and the keys of the smallest one."""

    noun: str
    smallest: str


SCENARIO = FileKind("scenario", "the smallest scenario has target, load and flow")
PROTOCOL = FileKind("protocol file", "the smallest protocol file has about and a verb; see `loadws docs protocols`")


class SourceText(msgspec.Struct, frozen=True, dict=True):
    """The text of a file, and the offsets at which its lines begin."""

    path: Path
    text: str
    kind: FileKind = SCENARIO

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in _LINE_BREAK.finditer(self.text))]

    def position(self, offset: int) -> tuple[int, int]:
        """Return the line and column of an offset, both from 1."""
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def offset_in(self, node: Placed, text: str, at: int) -> int:
        """Return the offset in the file of character ``at`` of a value's text; the value's own where escapes hide that."""
        written = self.text[node.start : node.end]
        quoted = written[:1] in ("'", '"')
        return node.start + quoted + at if written[quoted:].startswith(text) else node.start

    @cached_property
    def lines(self) -> list[str]:
        """The lines without their line ends. Problems share them, because a file with one long line may have thousands."""
        return _LINE_BREAK.split(self.text)


@dataclass
class Problems:
    """The problems that were found in one text, each once."""

    source: SourceText
    found: dict[tuple[int, str], Problem] = field(default_factory=dict)

    def add(self, offset: int, message: str, advice: str = "", where: Where = (), severity: Severity = "error") -> None:
        line, column = self.source.position(offset)
        problem = Problem(self.source.path, line, column, message, advice, severity, where=where)
        self.found.setdefault((offset, message), problem)

    def adopt(self, problem: Problem) -> None:
        """Add a problem of another file, with its own place and excerpt."""
        key = (-1 - problem.line, f"{problem.path}:{problem.column} {problem.message}")
        self.found.setdefault(key, replace(problem, is_beside=True))

    def fail(self, offset: int, message: str, advice: str = "", where: Where = ()) -> NoReturn:
        """Add a problem after which it is useless to look further.

        Raises:
            ScenarioError: Always, with all problems.
        """
        self.add(offset, message, advice, where)
        raise ScenarioError(self.of("error")) from None

    def of(self, severity: Severity) -> tuple[Problem, ...]:
        """Return the problems of a severity, in the order of the file."""
        chosen = [problem for problem in self.found.values() if problem.severity == severity]
        return tuple(sorted(chosen, key=lambda problem: (problem.line, problem.column)))


def explain(problem: Problem) -> str:
    """Return the text that shows a problem: place, message, advice, excerpt and caret."""
    place = f"{problem.path}:{problem.line}:{problem.column}: " if problem.line else f"{problem.path}: "
    severity = "warning: " if problem.severity == "warning" else ""
    where = f"{show_where(problem.where)}: " if problem.where else ""
    advice = f"; {problem.advice}" if problem.advice else ""
    return f"{place}{severity}{where}{problem.message}{advice}{_excerpt(problem)}"


def explain_all(problems: Iterable[Problem]) -> str:
    """Return the text that shows all problems, or the first ones and the number of the others."""
    problems = tuple(problems)
    shown = [explain(problem) for problem in problems[:SHOWN_PROBLEMS]]
    left_out = len(problems) - len(shown)
    return "\n".join([*shown, f"... and {left_out:,} more"] if left_out else shown)


def _excerpt(problem: Problem) -> str:
    if not problem.excerpt.strip():
        return ""
    start = max(0, problem.column - 1 - EXCERPT_BEFORE) if len(problem.excerpt) > EXCERPT_WIDTH else 0
    shown = problem.excerpt[start : start + EXCERPT_WIDTH]
    # What a terminal would act on is shown as a space: one character each, so that the caret stands right.
    line = "".join(char if char.isprintable() else " " for char in shown).rstrip()
    caret = " " * (problem.column - 1 - start) + "^"
    return f"\n{problem.line:>5} | {line}\n      | {caret}"


def show_where(where: Where) -> str:
    """Return a place as text: ``users[0].flow[2]``. A key that is no plain word stands in brackets: ``where['$.id']``."""
    parts = [f".{part}" if isinstance(part, str) and _PLAIN_KEY.fullmatch(part) else f"[{part!r}]" for part in where]
    return "".join(parts).removeprefix(".")


def any_of(words: Iterable[str]) -> str:
    """Return a list in words: ``'a', 'b' or 'c'``; ``none`` for no words."""
    *first, last = [repr(word) for word in words] or ["none"]
    return f"{', '.join(first)} or {last}" if first else last
