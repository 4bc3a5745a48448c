"""TeamCity: build problems, the build's status text, its statistics and the report, as service messages.

A description may have 4,000 characters, an identity 60.

Source: https://www.jetbrains.com/help/teamcity/service-messages.html.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping

from loadws.report.pipelines.result import Problem, Result
from loadws.report.pipelines.telling import Telling

MOST_PROBLEMS = 10
MOST_CHARACTERS = 3_900
_ESCAPES = {"|": "||", "'": "|'", "[": "|[", "]": "|]", "\n": "|n", "\r": "|r"}
_ESCAPED = re.compile(r"[|'\[\]\n\r]|[^\x20-\x7e]")


def tell(result: Result, _environment: Mapping[str, str]) -> Telling:
    """Return the report to the service."""
    return Telling(tuple(_lines(result)))


def _lines(result: Result) -> Iterator[str]:
    for problem in result.problems[:MOST_PROBLEMS]:
        yield _problem(result, problem)
    sentence = result.sentences[0] if result.sentences else ""
    yield message("buildStatus", text=f"{{build.status.text}}; loadws {result.word}: {sentence}")
    for name, value in result.figures:
        yield message("buildStatisticValue", key=f"loadws.{name}", value=f"{value:.15g}")
    if result.report is not None:
        yield f"##teamcity[publishArtifacts '{escape(str(result.report.resolve()))}']"


def _problem(result: Result, problem: Problem) -> str:
    """Return a problem, which fails the build; what says nothing of the server is a warning in the log."""
    text = f"loadws: {result.title}: {problem.text}"
    if problem.severity == "warning":
        return message("message", text=text, status="WARNING")
    identity = f"loadws.{zlib.crc32(f'{result.title} {problem.subject}'.encode('utf-8', 'replace')):08x}"
    return message("buildProblem", description=text, identity=identity)


def message(name: str, **attributes: str) -> str:
    """Return one service message; its texts are escaped and cut."""
    inner = " ".join(f"{key}='{escape(value[:MOST_CHARACTERS])}'" for key, value in attributes.items())
    return f"##teamcity[{name} {inner}]"


def escape(text: str) -> str:
    """Return text for between two apostrophes. Signs beyond ASCII are escaped too, whatever the agent's encoding is."""
    return _ESCAPED.sub(lambda match: _ESCAPES.get(match[0]) or _unicode(match[0]), text)


def _unicode(sign: str) -> str:
    units = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"|0x{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
