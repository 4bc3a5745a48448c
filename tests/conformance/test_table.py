"""The table, and what is asked of it."""

from __future__ import annotations

import pytest

from tests.conformance.suite import Result, result_of, sections_of
from tests.conformance.table import render

TABLE = """\
| transport | section | cases | OK | INFORMATIONAL | NON-STRICT | FAILED |
|-----------|--------:|------:|---:|--------------:|-----------:|-------:|
| first     |       1 |     2 |  2 |             0 |          0 |      0 |
| first     |      10 |     1 |  0 |             0 |          0 |      1 |
| second    |       7 |     2 |  0 |             1 |          1 |      0 |
| first     |     all |     3 |  2 |             0 |          0 |      1 |
| second    |     all |     2 |  0 |             1 |          1 |      0 |

- first 10.1.1: FAILED (OK, close UNCLEAN)
- second 7.1.6: INFORMATIONAL (INFORMATIONAL, close OK)
- second 7.9.1: NON-STRICT (NON-STRICT, close OK)
"""


def test_it_counts_by_transport_and_section_and_names_what_is_not_ok() -> None:
    results = [
        Result("first", "1.1.1", "OK"),
        Result("first", "1.1.2", "OK"),
        Result("first", "10.1.1", "FAILED", "OK, close UNCLEAN"),
        Result("second", "7.1.6", "INFORMATIONAL", "INFORMATIONAL, close OK"),
        Result("second", "7.9.1", "NON-STRICT", "NON-STRICT, close OK"),
    ]
    assert render(results) == TABLE


def test_it_says_so_where_all_is_ok() -> None:
    assert render([Result("first", "1.1.1", "OK")]).endswith("\nAll OK.\n")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        # both as they should be
        ({"behavior": "OK", "behaviorClose": "OK"}, ("OK", "")),
        # the worse of the two, whichever it is
        ({"behavior": "INFORMATIONAL", "behaviorClose": "OK"}, ("INFORMATIONAL", "INFORMATIONAL, close OK")),
        ({"behavior": "OK", "behaviorClose": "INFORMATIONAL"}, ("INFORMATIONAL", "OK, close INFORMATIONAL")),
        (
            {"behavior": "NON-STRICT", "behaviorClose": "INFORMATIONAL"},
            ("NON-STRICT", "NON-STRICT, close INFORMATIONAL"),
        ),
        # words that are not ours are no pass
        ({"behavior": "OK", "behaviorClose": "WRONG CODE"}, ("FAILED", "OK, close WRONG CODE")),
        ({"behavior": "UNIMPLEMENTED", "behaviorClose": "OK"}, ("FAILED", "UNIMPLEMENTED, close OK")),
        # a case that the server never saw
        (None, ("FAILED", "no connection")),
    ],
)
def test_a_verdict_is_the_worse_of_two(said: dict[str, str] | None, expected: tuple[str, str]) -> None:
    result = result_of("first", "1.1.1", said)
    assert (result.verdict, result.because) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9", (9,)),
        ("1-3,10", (1, 2, 3, 10)),
        ("10,2-3,3", (2, 3, 10)),  # sorted, and each once
        ("7-12", (7, 9, 10, 12)),  # a range may have gaps
    ],
)
def test_sections(text: str, expected: tuple[int, ...]) -> None:
    assert sections_of(text) == expected


@pytest.mark.parametrize("text", ["", "a", "1,", "1-2-3", "8", "1,11", "5-4"])
def test_what_is_no_section(text: str) -> None:
    with pytest.raises(ValueError, match=r"int|has no section"):
        sections_of(text)
