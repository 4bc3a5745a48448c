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
    assert (suite.get("tests"), suite.get("failures")) == ("5", "2")
    assert (len(suite.findall("testcase")), len(suite.findall("testcase/failure"))) == (5, 2)


@pytest.mark.parametrize(
    ("outcome", "reasons", "fails"),
    [
        ("passed", (), False),  # all well
        ("failed", (), False),  # a check failed, the run did not
        ("failed", ("The run completed nothing.",), True),  # failed by itself
        ("invalid", ("The generator was too slow.",), True),  # not to be trusted
        ("interrupted", (), True),  # not to its end
    ],
)
def test_the_case_of_the_run_itself(outcome: Outcome, reasons: tuple[str, ...], fails: bool) -> None:
    summary = msgspec.structs.replace(example.brief(), verdict=Verdict(outcome, 0, (), reasons))
    case = ElementTree.fromstring(junit.render(summary)).find("testsuite/testcase")
    assert case is not None
    assert case.get("name") == "run completed"
    assert (case.find("failure") is not None) == fails
