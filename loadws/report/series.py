"""Several runs of one command, with their comparison and what else decided the exit code, as one result.

A program that reads one file of the command, and nothing else, has to come to the same result as the exit code. So the
exit code is that of the most severe part, and each part says what it found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

import msgspec

from loadws.metrics.comparison import ComparisonRecord
from loadws.metrics.summary import Outcome, Summary, Verdict
from loadws.report.markdown import escape
from loadws.report.pipelines.compared import mark_of, result_of_comparison, result_of_words, together
from loadws.report.pipelines.result import Result, result_of_run
from loadws.report.plain import plain
from loadws.terms.errors import ExitCode, exit_code, most_severe

#: How many parts that did not pass are named; the others are counted.
MOST_NAMED = 8


class Part(msgspec.Struct, frozen=True):
    """One part of a command: a run (``summary``), a comparison (``record``), or what is only words.

    ``name`` begins a line, as ``run 1 of 2``.
    """

    name: str
    result: Result
    summary: Summary | None = None
    record: ComparisonRecord | None = None

    @property
    def has_passed(self) -> bool:
        return self.result.exit_code == ExitCode.PASSED


class Series(msgspec.Struct, frozen=True):
    """All parts of a command, in the order of time. At least one of them is a run."""

    scenario: str
    parts: tuple[Part, ...]

    @property
    def exit_code(self) -> ExitCode:
        """Return the most severe exit code of the parts."""
        return most_severe(exit_code(part.result.exit_code) for part in self.parts)

    @property
    def decided(self) -> Part:
        """Return the part that decided: the newest run of the most severe ones, else what stands beside the runs."""
        severe = [part for part in self.parts if part.result.exit_code == self.exit_code]
        return next((part for part in reversed(severe) if part.summary is not None), severe[-1])

    @property
    def runs(self) -> tuple[Part, ...]:
        return tuple(part for part in self.parts if part.summary is not None)

    @property
    def run_shown(self) -> Part:
        """Return the run whose figures are shown: the one that decided, else the newest."""
        return self.decided if self.decided.summary is not None else self.runs[-1]


def run_part(number: int, of: int, summary: Summary, folder: Path, report: Path | None) -> Part:
    """Return a run as a part. Where there are several, its number follows the scenario's name in every report."""
    name = f"run {number} of {of}"
    if of > 1:
        about = msgspec.structs.replace(summary.run, scenario=f"{summary.run.scenario} ({name})")
        summary = msgspec.structs.replace(summary, run=about)
    return Part(name if of > 1 else "the run", result_of_run(summary, folder, report), summary)


def comparison_part(record: ComparisonRecord, folder: Path, page: Path | None) -> Part:
    """Return a comparison as a part; ``page`` is its report, if that could be made."""
    result = msgspec.structs.replace(result_of_comparison(record, folder), report=page)
    return Part("comparison with the baseline", result, record=record)


def words_part(scenario: str, name: str, code: int, outcome: str, sentence: str) -> Part:
    """Return what decided beside runs and comparisons, in a sentence."""
    return Part(name, result_of_words(f"{scenario}: {name}", code, outcome, [sentence]))


def told_as_one(series: Series) -> Result:
    """Return all parts as one result for a CI service, under the scenario's name: a service finds its comment by it."""
    parts = series.parts
    ordered = [series.decided, *(part for part in reversed(parts) if part is not series.decided)]
    told = together([part.result for part in ordered], series.exit_code)
    sentences = tuple(sentences_of(series))
    return msgspec.structs.replace(
        told,
        title=plain(series.scenario, 100),
        sentences=tuple(dict.fromkeys((*sentences, *told.sentences))),
        figures=series.run_shown.result.figures,
        markdown=f"{_head(series, sentences)}\n{told.markdown}",
    )


def sentences_of(series: Series) -> Iterator[str]:
    """Yield how the parts ended: each that did not pass, by its name, and how many runs passed."""
    open_parts = [part for part in series.parts if not part.has_passed]
    for part in open_parts[:MOST_NAMED]:
        why = part.result.sentences[0] if part.result.sentences else ""
        yield f"{part.name}: {part.result.word.lower()}. {why}".rstrip()
    if (more := len(open_parts) - MOST_NAMED) > 0:
        yield f"{more} more did not pass."
    passed = sum(part.has_passed for part in series.runs)
    if len(series.runs) > 1:
        yield f"{passed} of {len(series.runs)} runs passed."
    elif passed:
        yield "the run passed."
    yield from (f"{part.name}: passed." for part in series.parts if part.has_passed and part.summary is None)


def summary_of(series: Series) -> Summary:
    """Return the figures of the run that decided, or of the newest, with the verdict of the whole series."""
    shown = series.run_shown.summary
    assert shown is not None
    code, verdict = series.exit_code, shown.verdict
    if series.decided.summary is None:
        more = series.decided.result.sentences if series.decided.record is not None else ()
        said = tuple(dict.fromkeys((*sentences_of(series), *more)))
        verdict = Verdict(_outcome_of(series.decided.result), int(code), verdict.checks, said)
    elif code != ExitCode.PASSED:
        verdict = msgspec.structs.replace(verdict, reasons=(*verdict.reasons, *sentences_of(series)))
    about = msgspec.structs.replace(shown.run, scenario=series.scenario)
    return msgspec.structs.replace(shown, run=about, verdict=verdict)


def _outcome_of(result: Result) -> Outcome:
    """Return a run's outcome for that of another part."""
    return next((each for each in get_args(Outcome) if each == result.outcome), "inconclusive")


def _head(series: Series, sentences: Sequence[str]) -> str:
    count = f"{len(series.runs)} run{'' if len(series.runs) == 1 else 's'}"
    title = (
        f"## {mark_of(series.decided.result.outcome)} {series.decided.result.word}: {escape(series.scenario)}, {count}"
    )
    return "\n\n".join((title, "\n".join(f"- {escape(each)}" for each in sentences))) + "\n"
