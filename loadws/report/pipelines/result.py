"""The result that every CI service gets, whatever was run: the verdict, what is wrong in sentences, and some figures.

All texts here are one line each and harmless for a terminal (``plain``). Escaping them for a service is that service's part.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from loadws.metrics.summary import Check, Summary
from loadws.report import facts as rows
from loadws.report import markdown
from loadws.report.plain import plain
from loadws.report.timings import judged_value, overall

Severity = Literal["error", "warning"]
#: Outcomes that say nothing of the server: a pipeline repeats the run, or gives it more time.
_CANNOT_TELL = ("inconclusive", "interrupted")
_TIMES = ("p50", "p95", "p99", "max")
_LONGEST = 1_000


class Problem(msgspec.Struct, frozen=True):
    """One thing that stands in the way of a pass. ``subject`` is the rule, or what the problem is about.

    ``path`` and ``line`` are its place in a file; empty and 0 where it has none.
    """

    severity: Severity
    subject: str
    text: str
    path: str = ""
    line: int = 0


class Result(msgspec.Struct, frozen=True):
    """A run or a comparison, for a pipeline. ``figures`` are numbers by name; ``report`` is None where there is no page.

    ``summary`` is the file that has ``markdown``, where that is not the ``summary.md`` of ``folder``.
    """

    title: str
    word: str
    outcome: str
    exit_code: int
    sentences: tuple[str, ...]
    problems: tuple[Problem, ...]
    figures: tuple[tuple[str, float], ...]
    markdown: str
    folder: Path | None = None
    report: Path | None = None
    summary: Path | None = None

    @property
    def severity(self) -> Severity | None:
        """Return how bad the worst problem is; None where there is none."""
        return min((problem.severity for problem in self.problems), default=None)


def result_of_run(summary: Summary, folder: Path, report: Path | None) -> Result:
    """Return the result of a run for a pipeline; the run's files are in ``folder``."""
    word, _, sentences = rows.headline(summary)
    return Result(
        title=plain(summary.run.scenario, 100),
        word=word,
        outcome=summary.verdict.outcome,
        exit_code=summary.verdict.exit_code,
        sentences=tuple(sentences),
        problems=tuple(_problems(summary)),
        figures=tuple(_figures(summary)),
        markdown=markdown.render(summary),
        folder=folder,
        report=report,
    )


def problems_of(checks: tuple[Check, ...]) -> Iterator[Problem]:
    """Yield each check that does not hold; those that failed come first."""
    for check in sorted(checks, key=lambda check: check.outcome == "too_close"):
        if not check.holds:
            text = plain(check.sentence or f"{check.rule} did not hold", _LONGEST)
            yield Problem("warning" if check.outcome == "too_close" else "error", plain(check.rule), text)


def _problems(summary: Summary) -> Iterator[Problem]:
    verdict = summary.verdict
    yield from problems_of(verdict.checks)
    if verdict.outcome == "passed":
        return
    word = rows.OUTCOMES[verdict.outcome][0]
    severity: Severity = "warning" if verdict.outcome in _CANNOT_TELL else "error"
    yield from (Problem(severity, word, plain(reason, _LONGEST)) for reason in verdict.reasons)


def _figures(summary: Summary) -> Iterator[tuple[str, float]]:
    """Yield the key figures that the run has: times in milliseconds, shares as ratios, rates per second."""
    if times := overall(summary, "response_time"):
        for field in _TIMES:
            value = judged_value(times, field)
            if value is not None and math.isfinite(value):
                yield f"response_time_{field}_ms", round(value / 1e6, 3)
    if (tries := overall(summary, "error_rate")) and tries.value is not None:
        yield "error_rate", round(tries.value, 6)
    for name in ("messages_sent", "messages_received"):
        if entry := overall(summary, name):
            yield f"{name}_per_s", round(entry.per_s or 0.0, 3)
    yield "connections_opened", summary.ledger.connections.opened
