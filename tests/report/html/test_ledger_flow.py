"""The ledger as a flow: every part has its band, the bands fill the whole, and names have a line each."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.report.html.ledger_flow import ledger_flow
from loadws.report.ledger_table import Equation, Part

COUNTS = st.lists(st.integers(0, 10**7), min_size=1, max_size=8)


def flow(counts: list[int]) -> ET.Element | None:
    parts = tuple(Part(f"part <{number}>", count, "bad") for number, count in enumerate(counts))
    drawn = str(ledger_flow(Equation("messages", Part("sent", sum(counts)), parts)))
    return ET.fromstring(drawn) if drawn else None


@pytest.mark.slow
@given(COUNTS)
def test_each_part_that_is_something_has_a_band_and_a_line_of_its_own(counts: list[int]) -> None:
    drawn = flow(counts)
    some = [count for count in counts if count]
    if drawn is None:
        assert not some
        return
    height = float(drawn.attrib["height"])
    assert len(drawn.findall("path")) == len(some)
    texts = drawn.findall("text")
    assert [text.text for text in texts] == [f"part <{n}> {count:,}" for n, count in enumerate(counts) if count]
    lines = [float(text.attrib["y"]) for text in texts]
    assert all(later - earlier >= 14.9 for earlier, later in itertools.pairwise(lines))
    ends = drawn.findall("rect")[1:]
    assert all(float(end.attrib["y"]) >= 0 for end in ends)
    assert all(float(end.attrib["y"]) + float(end.attrib["height"]) <= height + 0.2 for end in ends)


def test_nothing_is_no_drawing() -> None:
    assert flow([0, 0]) is None
