"""Every scenario that ships, and every template of ``loadws init``, is run against the target that it names, made small.

Real processes and real time: two at once, so that they take half of it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from loadws.cli.init import TEMPLATES
from loadws.metrics.summary import STALLED_SHARE, Summary, from_json

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
    STARTERS / "ci.yaml": ("--duration", "1s"),
    STARTERS / "echo.yaml": ("--duration", "1s"),
    STARTERS / "feed.yaml": ("--duration", "1s"),
    STARTERS / "json-rpc.yaml": ("--duration", "1s"),
    STARTERS / "login.yaml": ("--duration", "1s"),
    STARTERS / "spike.yaml": ("--time-scale", "0.3"),
}
Ran = subprocess.CompletedProcess[str]


def _run(scenario: Path, out: Path) -> Ran:
    command = [sys.executable, "-m", "loadws", "run", str(scenario), "--out", str(out), "--quiet", "--seed", "7"]
    command += ["--too-close", "pass"]  # so short a run has few samples
    environment = {name: value for name, value in os.environ.items() if name not in ("TARGET", "TOKEN")}
    return subprocess.run(
        [*command, *SMALL[scenario]], capture_output=True, text=True, timeout=120, check=False, env=environment
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Path, tuple[Path, Future[Ran]]]]:
    """Where each scenario's runs go, and what its command came to."""
    folders = {scenario: tmp_path_factory.mktemp(scenario.stem) for scenario in SMALL}
    with ThreadPoolExecutor(2) as pool:
        yield {scenario: (out, pool.submit(_run, scenario, out)) for scenario, out in folders.items()}


def _summary(out: Path) -> Summary:
    (written,) = out.glob("*/latest/summary.json")
    return from_json(written.read_bytes())


def test_none_is_forgotten() -> None:
    assert sorted(FOLDER.glob("*.yaml")) == sorted(path for path in SMALL if path.parent == FOLDER)
    assert sorted(path.stem for path in SMALL if path.parent == STARTERS) == sorted(TEMPLATES)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SMALL, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_it_runs_and_passes(scenario: Path, runs: dict[Path, tuple[Path, Future[Ran]]]) -> None:
    out, running = runs[scenario]
    ran = running.result()
    summary = _summary(out)
    if summary.applied.stalled_share > STALLED_SHARE:
        # All scenarios run at the same time, and a process that stands still for a moment measures little: once more.
        out = out / "again"
        ran = _run(scenario, out)
        summary = _summary(out)
    # A machine that is busy with other tests may stop a process for a moment, which is no fault of the scenario's.
    is_stalled = summary.applied.stalled_share > STALLED_SHARE
    assert ran.returncode == (3 if is_stalled else 0), ran.stdout
    # Made so small, it has fewer samples than its rules need, and says so.
    assert [line for line in ran.stderr.splitlines() if "warning:" in line and "samples here" not in line] == []
    assert "error" not in ran.stderr.lower()
    assert summary.verdict.outcome == ("inconclusive" if is_stalled else "passed")
    assert all(check.holds for check in summary.verdict.checks)
    assert summary.ledger.imbalances() == []
    assert summary.ledger.messages.sent > 0
