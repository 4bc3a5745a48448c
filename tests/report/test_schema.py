"""``summary.json`` against its own JSON Schema.

The schema is generated from the records, so it cannot go stale. What is tested is that what is written keeps to it, and that
reading it back gives the same.
"""

from __future__ import annotations

import json
import math

import jsonschema
import msgspec
import pytest

from loadws.metrics.summary import Check, Summary, Verdict, from_json, json_schema, to_json
from tests.report import example


@pytest.mark.slow
@pytest.mark.parametrize(
    "summary",
    [
        example.summary(),  # everything in it
        example.summary(600, 10),  # long
        example.brief(),  # with percentiles that are None
        msgspec.structs.replace(
            example.brief(), verdict=Verdict("failed", 1, (Check("p < 1s", "failed", math.inf, "ns"),))
        ),  # an answer that never came
    ],
)
def test_a_summary_keeps_to_its_schema_and_comes_back_the_same(summary: Summary) -> None:
    written = to_json(summary)
    jsonschema.validate(json.loads(written), json_schema())
    assert from_json(written) == summary


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_what_is_no_summary_does_not_keep_to_it() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"schema_version": "1"}, json_schema())
