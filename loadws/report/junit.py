"""``junit.xml``: one test case for each check and one for the run itself, as Jenkins and GitLab read it.

Both build their trend from ``classname`` and ``name``, so a case has the name of its rule, without the observed value.
A fault of the server is a ``<failure>``: a failed check, one without data, a rule that aborted the run. An outcome that
tells nothing about the server is an ``<error>``: inconclusive, invalid, unreachable, interrupted. A check that is too
close to call but let pass has passed, with its numbers in ``<system-out>``.
"""

from __future__ import annotations

from xml.etree import ElementTree

from loadws.metrics.summary import Check, Summary
from loadws.report import facts as rows
from loadws.report.plain import plain

#: Outcomes of a run that tell nothing about the server, or nothing good.
_ERRORS = ("inconclusive", "invalid", "unreachable", "interrupted")
_FAILURES = ("aborted", "no_data", "failed")


def render(summary: Summary, report: str = "") -> bytes:
    """Return the whole file, UTF-8. ``report`` is the path of the HTML report, for its properties."""
    scenario = plain(summary.run.scenario)
    suite = ElementTree.Element("testsuite", name=f"loadws.{scenario}", timestamp=_timestamp(summary))
    _properties(suite, summary, report)
    _run(suite, summary, scenario)
    for check, row in zip(summary.verdict.checks, rows.check_rows(summary), strict=True):
        _check(suite, check, row, scenario)
    suite.set("tests", str(len(suite.findall("testcase"))))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", str(len(suite.findall("testcase/error"))))
    suite.set("skipped", "0")
    suite.set("time", f"{summary.run.duration_s:.3f}")
    suites = ElementTree.Element("testsuites", name="loadws")
    suites.append(suite)
    ElementTree.indent(suites)
    content: bytes = ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)
    return content + b"\n"


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
    out = [*rows.applied_facts(summary), *rows.warnings(summary)]
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
