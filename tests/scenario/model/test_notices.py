"""What every output says of a scenario."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadws.scenario.build import load_text
from loadws.scenario.model.notices import notices
from loadws.scenario.model.tls import UNVERIFIED

TEXT = "target: wss://localhost\nload: [{users: 1, for: 1s}]\n"


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("flow: [{send: a}]\n", ()),
        ("connection: {tls: {verify: false}}\nflow: [{send: a}]\n", (UNVERIFIED,)),
        # one connect of several is enough
        ("flow: [{connect: {}}, close, {connect: {tls: {verify: false}}}]\n", (UNVERIFIED,)),
    ],
)
def test_a_scenario_that_takes_any_certificate_says_so(rest: str, said: tuple[str, ...]) -> None:
    scenario = load_text(TEXT + rest, Path("s.yaml"), env={}).scenario
    assert notices(scenario) == said
