"""The report to a CI service where a command ended before it made a load: each problem, at its place in the file."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from loadws.report.pipelines.compared import result_of_words
from loadws.report.pipelines.result import Problem, Result
from loadws.report.plain import plain

#: ``:3:5: load[0]: unknown key``, as errors name a place behind a file, and what a file is where nothing says its name.
_PLACE = re.compile(r":(?P<line>\d+):\d+: (?P<text>.+)$")
_ANY_FILE = re.compile(r"(?!--)[^\s:][^:\n]*")
#: The lines of an excerpt, which stand below a problem.
_EXCERPT = re.compile(r"^\s+(\d+ )?\|")
_LONGEST = 1_000


def result_of_error(title: str, exit_code: int, message: str, files: Collection[str] = ()) -> Result:
    """Return the report about an error; ``message`` is the whole of its text, without secrets.

    ``files`` are the names of files with which its lines may begin: a name may hold what else ends it.
    """
    problems = tuple(_problems(title, message, files))
    whole = result_of_words(title, exit_code, "not_run", [problem.text for problem in problems])
    return Result(
        title=whole.title, word=whole.word, outcome=whole.outcome, exit_code=exit_code, sentences=whole.sentences,
        problems=problems, figures=(), markdown=whole.markdown,
    )  # fmt: skip


def _problems(title: str, message: str, files: Collection[str]) -> Iterator[Problem]:
    for line in message.splitlines():
        path, place = _place_of(line, files)
        if place is not None and path.startswith("--"):  # an option is no file that a service could show
            yield Problem("error", plain(title), plain(f"{path}: {place['text']}", _LONGEST))
        elif place is not None:
            text = plain(place["text"], _LONGEST)
            yield Problem("error", plain(title), text, plain(path, _LONGEST), int(place["line"][:9]))
        elif line.strip() and not _EXCERPT.match(line):
            yield Problem("error", plain(title), plain(line.strip(), _LONGEST))


def _place_of(line: str, files: Collection[str]) -> tuple[str, re.Match[str] | None]:
    """Return the file and the place with which a line begins. An option is no file, though it has places too."""
    for path in files:
        if line.startswith(path) and (place := _PLACE.match(line, len(path))):
            return path, place
    found = _ANY_FILE.match(line)
    return ("", None) if found is None else (found[0], _PLACE.match(line, found.end()))
