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
    ],
)
def test_what_stands_between_backticks_is_code(text: str, expected: str) -> None:
    assert coded(text) == expected
