from __future__ import annotations

import pytest

from loadws.report.html.coded import coded


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("within `open_timeout`.", "within <code>open_timeout</code>."),
        ("`<b>` & `c`", "<code>&lt;b&gt;</code> &amp; <code>c</code>"),
        ("a lone ` is a backtick", "a lone ` is a backtick"),
        ("``", "``"),
        ("<script>", "&lt;script&gt;"),
        ("up to 2.01 s, then 3 in 4 KiB", "up to 2.01\u00a0s, then 3 in 4\u00a0KiB"),
    ],
)
def test_code_is_code_and_a_number_keeps_its_unit(text: str, expected: str) -> None:
    assert coded(text) == expected
