"""The warning of too few samples: how many it takes, where it is given, and what it advises."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadws.cli.planning.samples import samples_needed, short_of_samples
from loadws.plan.plan import make_plan
from loadws.scenario.build import load_text
from loadws.scenario.yaml.explain import explain
from loadws.terms.percentiles import interval_ranks
from tests.cli.commands import run


@pytest.mark.parametrize("percentile", [1, 25, 50, 75, 90, 95, 97.5, 99, 99.9])
def test_the_number_needed_is_the_smallest_whose_interval_has_two_ends(percentile: float) -> None:
    needed = samples_needed(percentile)
    assert None not in interval_ranks(needed, percentile)
    assert None in interval_ranks(needed - 1, percentile)


def test_p95_needs_72() -> None:
    assert [samples_needed(percentile) for percentile in (50, 90, 95, 99, 99.9)] == [6, 36, 72, 368, 3688]


TEXT = """\
target: ws://h
load: [{users: 50, for: 1s, warmup: true}, {users: 100, for: 1s}]
flow: [{request: a}, {think: 10ms}]
thresholds:
  - connect_time.p95 < 1s
  - response_time.p95 < 1s
  - {rule: connect_time.max < 1s}
  - connect_time{step=connect}.p99 < 1s
"""


def warnings(text: str) -> list[str]:
    loaded = load_text(text, Path("s.yaml"), env={})
    return [explain(problem) for problem in short_of_samples(loaded, make_plan(loaded.scenario, 1))]


def test_a_rule_without_enough_samples_is_warned_of_at_its_place() -> None:
    assert warnings(TEXT) == [
        "s.yaml:5:5: warning: thresholds[0]: 'connect_time' will have about 50 samples here, and p95 needs 72; "
        "use max or p90, or a longer load",
        "s.yaml:8:5: warning: thresholds[3]: 'connect_time' will have about 50 samples here, and p99 needs 368; "
        "use max or p90, or a longer load",
    ]


def test_without_any_sample_no_aggregate_helps() -> None:
    [warning] = warnings(TEXT.replace("users: 100", "users: 50").replace("{step=connect}.p99", ".mean"))
    assert warning.endswith("'connect_time' will have no samples here, and p95 needs 72; use a longer load")


@pytest.mark.parametrize("command", ["validate", "plan"])
def test_it_is_said_before_the_run(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(TEXT)
    found = run(capsys, command, str(path))
    assert found.code == 0
    assert "p95 needs 72" in found.out + found.err
