"""The report to a CI service about a comparison, a search, and a run that should have been compared and was not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from loadws.metrics.comparison import ComparisonRecord
from loadws.report.markdown import code, escape
from loadws.report.pipelines.result import Problem, Result, Severity, problems_of
from loadws.report.plain import plain
from loadws.terms.errors import ExitCode
from loadws.terms.errors import exit_code as to_code

_WORDS = {
    "passed": "Passed",
    "failed": "Failed",
    "inconclusive": "Inconclusive",
    "invalid": "Invalid",
    "interrupted": "Interrupted",
    "no_baseline": "No baseline",
    "not_run": "Nothing was run",
    "not_saved": "Not saved",
    "no_data": "No data",
    "too_close": "Too close to call",
}
_MARKS = {"passed": "✅"} | dict.fromkeys(("failed", "no_data", "invalid", "unreachable", "aborted", "not_saved"), "❌")
#: Exit codes after which the pipeline has something to mend; after any other it has too little to tell.
_ERRORS = (ExitCode.FAILED, ExitCode.INVALID, ExitCode.UNREACHABLE, ExitCode.USAGE, ExitCode.DEFECT)
_LONGEST = 1_000


def result_of_comparison(record: ComparisonRecord, folder: Path | None = None) -> Result:
    """Return the report about a comparison; ``folder`` is where it is kept, if it is."""
    judged: list[tuple[str, str, str]] = [
        (rule.outcome, rule.rule, rule.sentence) for rule in record.rules if record.gates
    ]
    judged += [(check.outcome, check.rule, f"{check.sentence} (candidate alone)") for check in record.checks]
    problems = [*_problems_of_rules(record), *problems_of(record.checks)]
    if record.outcome != "passed":
        problems += [
            Problem(_severity(record.exit_code), "comparison", plain(each, _LONGEST)) for each in record.reasons
        ]
    sentences = [*record.reasons, *(sentence for _, _, sentence in judged)]
    title = f"{record.scenario}: comparison with a baseline"
    return _result(title, record.outcome, record.exit_code, sentences, problems, judged, folder)


def result_of_words(title: str, exit_code: int, outcome: str, sentences: Sequence[str]) -> Result:
    """Return a result that is only sentences: of a search, or of a comparison that there was no baseline for."""
    is_passed = exit_code == ExitCode.PASSED
    problems = [] if is_passed else [Problem(_severity(exit_code), title, plain(each, _LONGEST)) for each in sentences]
    return _result(title, outcome, exit_code, sentences, problems, (), None)


def mark_of(outcome: str) -> str:
    """Return the sign before an outcome in Markdown."""
    return _MARKS.get(outcome, "⚠️")


def together(results: Sequence[Result], exit_code: int) -> Result:
    """Return one result of several of one command, which ends with ``exit_code``; of runs, the newest stands first.

    The verdict, the figures and the places are those of the most severe, whose problems and text come first. What it has
    not is of the next that has it.
    """
    precedence = list(ExitCode)
    ordered = sorted(results, key=lambda each: precedence.index(to_code(each.exit_code)))
    decided = next((each for each in ordered if each.folder is not None), ordered[0])
    problems = dict.fromkeys(problem for each in ordered for problem in each.problems)
    return Result(
        title=ordered[0].title,
        word=ordered[0].word,
        outcome=ordered[0].outcome,
        exit_code=int(exit_code),
        sentences=tuple(sentence for each in ordered for sentence in each.sentences),
        problems=tuple(sorted(problems, key=lambda problem: problem.severity)),
        figures=next((each.figures for each in ordered if each.figures), ()),
        markdown="\n".join(each.markdown for each in ordered),
        folder=decided.folder,
        report=decided.report,
    )


def _problems_of_rules(record: ComparisonRecord) -> Iterator[Problem]:
    """Yield each rule that is not kept; those that failed come first."""
    if not record.gates:
        return
    for rule in sorted(record.rules, key=lambda rule: rule.outcome == "inconclusive"):
        if rule.outcome != "passed":
            severity: Severity = "warning" if rule.outcome == "inconclusive" else "error"
            yield Problem(severity, plain(rule.rule), plain(rule.sentence, _LONGEST))


def _severity(exit_code: int) -> Severity:
    return "error" if exit_code in _ERRORS else "warning"


def _result(
    title: str,
    outcome: str,
    exit_code: int,
    sentences: Sequence[str],
    problems: Sequence[Problem],
    judged: Iterable[tuple[str, str, str]],
    folder: Path | None,
) -> Result:
    word = _WORDS.get(outcome, outcome.capitalize())
    return Result(
        title=plain(title, 100),
        word=word,
        outcome=outcome,
        exit_code=exit_code,
        sentences=tuple(plain(each, _LONGEST) for each in sentences),
        problems=tuple(problems),
        figures=(),
        markdown=_markdown(f"{mark_of(outcome)} {word}: {escape(title)}", sentences, list(judged)),
        folder=folder,
    )


def _markdown(heading: str, sentences: Sequence[str], judged: Sequence[tuple[str, str, str]]) -> str:
    """Return a heading and the rules as a table; the sentences where there are no rules."""
    if not judged:
        return "\n\n".join((f"## {heading}", *(escape(each) for each in sentences))) + "\n"
    told = {sentence for _, _, sentence in judged}
    reasons = [escape(each) for each in sentences if each not in told]
    rows = [
        f"| {mark_of(outcome)} {_WORDS[outcome].lower()} | {code(rule)} | {escape(sentence)} |"
        for outcome, rule, sentence in judged
    ]
    table = "\n".join(("| outcome | rule | what was found |", "| --- | --- | --- |", *rows))
    return "\n\n".join((f"## {heading}", *reasons, table)) + "\n"
