from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from loadws.metrics.summary import Outcome, Verdict
from loadws.report import junit
from tests.report import example

GOLDEN = Path(__file__).parent / "golden"


def test_the_whole_file() -> None:
    assert junit.render(example.summary()).decode() == (GOLDEN / "junit.xml").read_text("utf-8")


def test_hostile_text_stays_text() -> None:
    suite = ElementTree.fromstring(junit.render(example.hostile().summary)).find("testsuite")
    assert suite is not None
    assert suite.get("name") == f"loadws.{example.ATTACKS[0]}"
    names = [case.get("name") for case in suite.findall("testcase")]
    assert len(names) == len(example.ATTACKS) + 1
    assert r"nul\x00 \ud800 \uffff \u202egnp" in names


def test_the_counts_are_those_of_the_cases() -> None:
    suite = ElementTree.fromstring(junit.render(example.summary())).find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("6", "2", "1")
    kinds = ("testcase", "testcase/failure", "testcase/error")
    assert [len(suite.findall(kind)) for kind in kinds] == [6, 2, 1]


@pytest.mark.parametrize(
    ("outcome", "reasons", "child"),
    [
        ("passed", (), None),  # all well
        ("failed", (), None),  # a check failed, the run did not
        ("failed", ("The run completed nothing.",), "failure"),  # failed by itself
        ("aborted", (), "failure"),
        ("no_data", (), "failure"),
        ("invalid", ("The generator was too slow.",), "error"),  # says nothing of the server
        ("inconclusive", (), "error"),
        ("unreachable", (), "error"),
        ("interrupted", (), "error"),
    ],
)
def test_the_case_of_the_run_itself(outcome: Outcome, reasons: tuple[str, ...], child: str | None) -> None:
    summary = msgspec.structs.replace(example.brief(), verdict=Verdict(outcome, 0, (), reasons))
    case = ElementTree.fromstring(junit.render(summary)).find("testsuite/testcase")
    assert case is not None
    assert case.get("name") == "run completed"
    assert [each.tag for each in case if each.tag != "system-out"] == ([child] if child else [])
    assert child is None or case.find(child).get("type") == outcome  # type: ignore[union-attr]
