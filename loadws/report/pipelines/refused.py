"""The report to a CI service where a command ended before it made a load: each problem, at its place in the file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from loadws.report.pipelines.compared import result_of_words
from loadws.report.pipelines.result import Problem, Result
from loadws.report.plain import plain

#: ``gate.yaml:3:5: load[0]: unknown key``, as errors name a place.
_PLACE = re.compile(r"^(?P<path>[^\s:][^:\n]*):(?P<line>\d+):\d+: (?P<text>.+)$")
#: The lines of an excerpt, which stand below a problem.
_EXCERPT = re.compile(r"^\s+(\d+ )?\|")
_LONGEST = 1_000


def result_of_error(title: str, exit_code: int, message: str) -> Result:
    """Return the report about an error; ``message`` is the whole of its text, without secrets."""
    problems = tuple(_problems(title, message))
    whole = result_of_words(title, exit_code, "not_run", [problem.text for problem in problems])
    return Result(
        title=whole.title, word=whole.word, outcome=whole.outcome, exit_code=exit_code, sentences=whole.sentences,
        problems=problems, figures=(), markdown=whole.markdown,
    )  # fmt: skip


def _problems(title: str, message: str) -> Iterator[Problem]:
    for line in message.splitlines():
        if place := _PLACE.match(line):
            text = plain(place["text"], _LONGEST)
            yield Problem("error", plain(title), text, plain(place["path"], _LONGEST), int(place["line"][:9]))
        elif line.strip() and not _EXCERPT.match(line):
            yield Problem("error", plain(title), plain(line.strip(), _LONGEST))
