"""Every scenario that ships, and every template of ``loadws init``, is run against the target that it names, made small.

Real processes and real time, which is judged: no other test runs beside these.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from loadws.cli.init import TEMPLATES
from tests.kit.judged import run_undisturbed

FOLDER = Path(__file__).parents[2] / "scenarios"
STARTERS = Path(__file__).parents[2] / "loadws" / "cli" / "starters"
#: What makes each short: ``--duration`` is for scenarios with one judged phase.
SMALL = {
    FOLDER / "arrivals.yaml": ("--scale", "0.5"),
    FOLDER / "broadcast.yaml": ("--duration", "2s"),
    FOLDER / "chat.yaml": ("--duration", "4s"),
    FOLDER / "ci-gate.yaml": ("--duration", "2500ms", "--scale", "0.5"),
    FOLDER / "data.yaml": ("--duration", "1s"),
    FOLDER / "events.yaml": ("--duration", "3s"),
    FOLDER / "json-rpc.yaml": ("--duration", "1s"),
    FOLDER / "protocol-json-rpc.yaml": ("--duration", "1500ms"),
    FOLDER / "protocol-socket-io.yaml": ("--duration", "1500ms"),
    FOLDER / "protocol-mqtt.yaml": ("--duration", "1500ms"),
    FOLDER / "protocol-stomp.yaml": ("--duration", "1500ms"),
    FOLDER / "protocol-graphql.yaml": ("--duration", "1500ms"),
    FOLDER / "protocol-graphql-legacy.yaml": ("--duration", "1500ms"),
    FOLDER / "protocol-phoenix.yaml": ("--duration", "1500ms"),
    FOLDER / "protocol-action-cable.yaml": ("--duration", "1500ms"),
    FOLDER / "protocol-pusher.yaml": ("--duration", "1500ms"),
    FOLDER / "protocol-centrifugo.yaml": ("--duration", "1500ms"),
    FOLDER / "protocol-signalr.yaml": ("--duration", "1500ms"),
    FOLDER / "protocol-ocpp.yaml": ("--duration", "1500ms"),
    FOLDER / "python-user.yaml": ("--duration", "1500ms"),
    FOLDER / "login-subscribe.yaml": ("--duration", "1s"),
    FOLDER / "market-data.yaml": ("--duration", "2s", "--scale", "0.5"),
    FOLDER / "quickstart.yaml": ("--duration", "1s", "--scale", "0.5"),
    FOLDER / "realtime-voice.yaml": ("--duration", "9s", "--scale", "0.3"),
    FOLDER / "reconnect-storm.yaml": ("--duration", "3500ms", "--scale", "0.5"),
    FOLDER / "soak.yaml": ("--duration", "2500ms", "--scale", "0.2"),
    FOLDER / "spike.yaml": ("--scale", "0.5"),
    STARTERS / "chat.yaml": ("--duration", "7s"),
    STARTERS / "ci.yaml": ("--time-scale", "0.2"),
    STARTERS / "echo.yaml": ("--duration", "1s"),
    STARTERS / "feed.yaml": ("--duration", "1s"),
    STARTERS / "json-rpc.yaml": ("--duration", "1s"),
    STARTERS / "login.yaml": ("--duration", "1s"),
    STARTERS / "spike.yaml": ("--time-scale", "0.3"),
}


def test_none_is_forgotten() -> None:
    assert sorted(FOLDER.glob("*.yaml")) == sorted(path for path in SMALL if path.parent == FOLDER)
    assert sorted(path.stem for path in SMALL if path.parent == STARTERS) == sorted(TEMPLATES)


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.parametrize("scenario", SMALL, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_it_runs_and_passes(scenario: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("TARGET", "TOKEN")}
    # So short a run has few samples.
    options = ("--seed", "7", "--too-close", "pass", *SMALL[scenario])
    ran = run_undisturbed(scenario, tmp_path, *options, environment=environment)
    assert ran.exit_code == 0, ran.stdout
    # Made so small, it has fewer samples than its rules need, and says so.
    assert [line for line in ran.stderr.splitlines() if "warning:" in line and "samples here" not in line] == []
    assert "error" not in ran.stderr.lower()
    assert ran.summary.verdict.outcome == "passed"
    assert all(check.holds for check in ran.summary.verdict.checks)
    assert ran.summary.ledger.imbalances() == []
    assert ran.summary.ledger.messages.sent > 0
