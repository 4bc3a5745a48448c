"""Buildkite: a group of the log that is open, with the verdict as its heading.

The annotation is the step's own part: ``buildkite-agent annotate < summary.md``.

Source: https://buildkite.com/docs/pipelines/configure/managing-log-output.
"""

from __future__ import annotations

from collections.abc import Mapping

from loadws.report.pipelines.result import Result
from loadws.report.pipelines.telling import Telling

MOST_LINES = 10


def tell(result: Result, _environment: Mapping[str, str]) -> Telling:
    """Return the report to the service."""
    lines = (f"+++ loadws {result.word}: {result.title}", *(f"  {each}" for each in result.sentences[:MOST_LINES]))
    return Telling(lines)
