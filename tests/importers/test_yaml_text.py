"""The YAML that importers write, read by loadws' own reader."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loadws.importers.yaml_text import document
from tests.scenario.yaml.test_source import read

#: Whatever numbers, truth values and the syntax of YAML are made of.
_SIGNS = "019.eE+-_xo:#,~ '\"{}[]&*!|>%@`$/aftnruls\t\n\u00e9\u2028"
_TEXTS = st.text(_SIGNS, max_size=6) | st.text(max_size=6)
_VALUES = st.recursive(
    _TEXTS | st.none() | st.booleans() | st.integers(-(2**63), 2**63),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
)


@given(scenario=st.dictionaries(_TEXTS, _VALUES, min_size=1, max_size=3))
@example(scenario={".0": {".5": [".inf", ".NaN", "True", "~"]}})
def test_every_key_and_every_text_stays_what_it_is(scenario: dict[str, Any]) -> None:
    assert read(document([], scenario)) == scenario


@pytest.mark.parametrize("text", ["$.id", "/chat", "hello there", "100ms..300ms", "_x", "ws.v2"])
def test_what_needs_no_quotes_has_none(text: str) -> None:
    assert document([], {"key": text}).strip() == f"key: {text}"
