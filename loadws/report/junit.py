"""``junit.xml``: one test case a check and one for the run itself, as Jenkins and GitLab read it.

Both build their trend from ``classname`` and ``name``, so a case is named by its rule alone and not by what was observed.
"""

from __future__ import annotations

from xml.etree import ElementTree

from loadws.metrics.summary import Summary
from loadws.report import rows
from loadws.report.plain import plain

#: Outcomes in which the run itself did not do what it should, whatever its checks say.
_NOT_COMPLETED = ("interrupted", "unreachable", "aborted", "invalid", "inconclusive", "no_data")


def render(summary: Summary) -> bytes:
    """The whole file, UTF-8."""
    scenario = plain(summary.run.scenario)
    suite = ElementTree.Element("testsuite", name=f"loadws.{scenario}", timestamp=_timestamp(summary))
    _completed(suite, summary, scenario)
    for row in rows.check_rows(summary):
        _check(suite, row, scenario)
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", "0")
    suite.set("skipped", "0")
    suite.set("time", f"{summary.run.duration_s:.3f}")
    suites = ElementTree.Element("testsuites", name="loadws")
    suites.append(suite)
    ElementTree.indent(suites)
    content: bytes = ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)
    return content + b"\n"


def _timestamp(summary: Summary) -> str:
    """ISO 8601 without a zone, which is all that the common schema allows."""
    return plain(summary.run.started_at)[:19]


def _case(suite: ElementTree.Element, scenario: str, name: str, time: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname=f"loadws.{scenario}", name=name, time=time)


def _completed(suite: ElementTree.Element, summary: Summary, scenario: str) -> None:
    case = _case(suite, scenario, "run completed", f"{summary.run.duration_s:.3f}")
    word, _, sentences = rows.headline(summary)
    reasons = summary.verdict.outcome == "failed" and summary.verdict.reasons
    if summary.verdict.outcome in _NOT_COMPLETED or reasons:
        ElementTree.SubElement(case, "failure", type=summary.verdict.outcome, message=word).text = "\n".join(sentences)
    if warnings := rows.warnings(summary):
        ElementTree.SubElement(case, "system-out").text = "\n".join(warnings)


def _check(suite: ElementTree.Element, row: rows.CheckRow, scenario: str) -> None:
    case = _case(suite, scenario, row.rule, "0")
    if row.tone == "bad":
        text = f"{row.rule}\nobserved: {row.observed}" + (f"\n{row.note}" if row.note else "")
        ElementTree.SubElement(case, "failure", type=row.word, message=f"observed {row.observed}").text = text
    elif row.note:
        ElementTree.SubElement(case, "system-out").text = row.note
