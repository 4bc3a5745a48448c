"""``loadws schema``, and the copy of it that stands beside the scenarios for editors."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from loadws.metrics.summary import json_schema
from loadws.scenario.docs.schema import scenario_schema
from tests.cli.commands import run

BESIDE_THE_SCENARIOS = Path(__file__).parents[2] / "scenarios" / "loadws.schema.json"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), scenario_schema()),
        (("scenario",), scenario_schema()),
        (("summary",), json_schema()),
    ],
)
def test_it_prints_a_schema(
    arguments: tuple[str, ...], expected: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    found = run(capsys, "schema", *arguments)
    assert (found.code, found.err) == (0, "")
    assert json.loads(found.out) == json.loads(json.dumps(expected))
    jsonschema.Draft202012Validator.check_schema(json.loads(found.out))


@pytest.mark.slow
def test_the_copy_beside_the_scenarios_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    """If not: ``loadws schema > scenarios/loadws.schema.json``."""
    assert run(capsys, "schema").out == BESIDE_THE_SCENARIOS.read_text("utf-8")
