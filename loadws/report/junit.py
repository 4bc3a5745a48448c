"""``junit.xml``: one test case for each check and one for the run itself, as Jenkins and GitLab read it.

Both build their trend from ``classname`` and ``name``, so a case has the name of its rule, without the observed value.
A fault of the server is a ``<failure>``: a failed check, one without data, a rule that aborted the run. An outcome that
tells nothing about the server is an ``<error>``: inconclusive, invalid, unreachable, interrupted. A check that is too
close to call but let pass has passed, with its numbers in ``<system-out>``.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree

from loadws.metrics.comparison import ComparisonRecord
from loadws.metrics.summary import Check, Summary
from loadws.report import facts as rows
from loadws.report.plain import plain
from loadws.report.series import Series, sentences_of
from loadws.terms.errors import ExitCode

#: Outcomes of a run that tell nothing about the server, or nothing good.
_ERRORS = ("inconclusive", "invalid", "unreachable", "interrupted")
_FAILURES = ("aborted", "no_data", "failed")
#: What a rule of a comparison becomes, by its outcome.
_KINDS_OF_RULES = {
    "passed": "system-out", "failed": "failure", "no_data": "failure", "inconclusive": "error", "too_close": "error"
}  # fmt: skip


def render(summary: Summary, report: str = "") -> bytes:
    """Return the whole file, UTF-8. ``report`` is the path of the HTML report, for its properties."""
    return _file([_suite_of_run(summary, report)])


def render_series(series: Series) -> bytes:
    """Return the whole file of several runs and their comparison: a suite for the result of all, and one for each part.

    The first case fails where the exit code is not 0, whatever the others say.
    """
    parts = [
        _suite_of_run(part.summary) if part.summary is not None else _suite_of_comparison(part.record)
        for part in series.parts
        if part.summary is not None or part.record is not None
    ]
    return _file([_suite_of_series(series), *parts])


def _file(found: Iterable[ElementTree.Element]) -> bytes:
    suites = ElementTree.Element("testsuites", name="loadws")
    suites.extend(found)
    ElementTree.indent(suites)
    content: bytes = ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)
    return content + b"\n"


def _suite_of_run(summary: Summary, report: str = "") -> ElementTree.Element:
    scenario = plain(summary.run.scenario)
    suite = ElementTree.Element("testsuite", name=f"loadws.{scenario}", timestamp=_timestamp(summary))
    _properties(suite, summary, report)
    _run(suite, summary, scenario)
    for check, row in zip(summary.verdict.checks, rows.check_rows(summary), strict=True):
        _check(suite, check, row, scenario)
    return _counted(suite, f"{summary.run.duration_s:.3f}")


def _counted(suite: ElementTree.Element, time: str) -> ElementTree.Element:
    """Return the suite with the numbers of its cases. ``time`` is in seconds."""
    suite.set("tests", str(len(suite.findall("testcase"))))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", str(len(suite.findall("testcase/error"))))
    suite.set("skipped", "0")
    suite.set("time", time)
    return suite


def _suite_of_series(series: Series) -> ElementTree.Element:
    scenario = plain(series.scenario)
    suite = ElementTree.Element("testsuite", name=f"loadws.{scenario} (all)")
    case = _case(suite, f"{scenario} (all)", "result of all runs", "0")
    decided, said = series.decided.result, "\n".join(sentences_of(series))
    code = series.exit_code
    kind = "system-out" if code == ExitCode.PASSED else "failure" if code == ExitCode.FAILED else "error"
    about = (
        {} if kind == "system-out" else {"type": decided.outcome, "message": f"{decided.word}: {series.decided.name}"}
    )
    ElementTree.SubElement(case, kind, about).text = said
    return _counted(suite, "0")


def _suite_of_comparison(record: ComparisonRecord | None) -> ElementTree.Element:
    """Return a case for each rule. Those that are only shown, because machines or versions differ, fail nothing."""
    assert record is not None
    scenario = f"{plain(record.scenario)} (comparison)"
    suite = ElementTree.Element("testsuite", name=f"loadws.{scenario}")
    judged = [(each.outcome, each.rule, each.sentence, record.gates) for each in record.rules]
    judged += [(each.outcome, each.rule, each.sentence, True) for each in record.checks]  # type: ignore[misc]
    for outcome, rule, sentence, gates in judged:
        case = _case(suite, scenario, plain(rule), "0")
        kind = _KINDS_OF_RULES[outcome] if gates else "system-out"
        about = {} if kind == "system-out" else {"type": outcome, "message": plain(sentence)}
        ElementTree.SubElement(case, kind, about).text = plain(sentence)
    case = _case(suite, scenario, "comparison", "0")
    kind = _KINDS_OF_RULES.get(record.outcome, "error")
    about = {} if kind == "system-out" else {"type": record.outcome, "message": f"the comparison: {record.outcome}"}
    ElementTree.SubElement(case, kind, about).text = "\n".join(plain(each) for each in record.reasons)
    return _counted(suite, "0")


def _properties(suite: ElementTree.Element, summary: Summary, report: str) -> None:
    run = summary.run
    found = (("target", run.target), ("seed", str(run.seed)), ("loadws", run.loadws_version), ("report", report))
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in found:
        if value:
            ElementTree.SubElement(properties, "property", name=name, value=plain(value, 4096))


def _timestamp(summary: Summary) -> str:
    """Return ISO 8601 without a zone, which is all that the common schema allows."""
    return plain(summary.run.started_at)[:19]


def _case(suite: ElementTree.Element, scenario: str, name: str, time: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname=f"loadws.{scenario}", name=name, time=time)


def _run(suite: ElementTree.Element, summary: Summary, scenario: str) -> None:
    case = _case(suite, scenario, "run completed", f"{summary.run.duration_s:.3f}")
    word, _, sentences = rows.headline(summary)
    outcome, said = summary.verdict.outcome, "\n".join(sentences)
    if outcome in _ERRORS:
        ElementTree.SubElement(case, "error", type=outcome, message=word).text = said
    elif outcome in _FAILURES and (outcome != "failed" or summary.verdict.reasons):
        ElementTree.SubElement(case, "failure", type=outcome, message=word).text = said
    out = [*rows.applied_facts(summary), *rows.failed_without_error(summary), *rows.warnings(summary)]
    if out:
        ElementTree.SubElement(case, "system-out").text = "\n".join(out)


def _check(suite: ElementTree.Element, check: Check, row: rows.CheckRow, scenario: str) -> None:
    case = _case(suite, scenario, row.rule, "0")
    said = "\n".join(part for part in (row.sentence, f"observed: {row.observed}", row.interval, row.note) if part)
    message = f"observed {row.observed}" + (f", limit {row.limit}" if row.limit else "")
    if check.outcome == "too_close" and not check.is_excused:
        ElementTree.SubElement(case, "error", type="inconclusive", message=f"{message}: too close to call").text = said
    elif check.outcome in ("failed", "no_data"):
        ElementTree.SubElement(case, "failure", type=row.word, message=message).text = said
    else:
        ElementTree.SubElement(case, "system-out").text = said
