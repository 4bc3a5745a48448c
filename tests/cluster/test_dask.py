"""``loadws run --cluster`` with a real Dask scheduler and workers: counts, losses, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from loadws.metrics.summary import Summary, from_json
from loadws.report.folder import read_info
from loadws.target.counts import Counts
from tests.cli.commands import run
from tests.cluster.dask import Dask, dask
from tests.cluster.shares import children_of

pytestmark = pytest.mark.cluster
LOADWS = (sys.executable, "-m", "loadws")
WITHIN_S = 150
SCENARIO = """\
name: spread
target: builtin:echo
data: {people: {file: people.csv, order: unique}}
load: [{users: 6, for: DURATION}]
graceful_stop: 3s
flow:
  - request: {name: ask, send: "{{ people.name }}"}
  - think: 20ms
thresholds: ['response_time.p50 < 10h', 'error_rate < 1%']
"""


class Target:
    """``loadws target`` in a process of its own."""

    def __init__(self) -> None:
        command = [*LOADWS, "target", "--listen", "127.0.0.1:0", "--announce", "json"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self.url = json.loads(self._process.stdout.readline())["url"]

    def counts(self) -> Counts:
        """End it, and return what it counted."""
        self._process.terminate()
        assert self._process.stdout is not None
        counted = json.loads(self._process.stdout.readline())["counts"]
        self.close()
        return Counts(**counted)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture
def target() -> Iterator[Target]:
    target = Target()
    yield target
    target.close()


def scenario(folder: Path, duration: str) -> Path:
    path = folder / "spread.yaml"
    path.write_text(SCENARIO.replace("DURATION", duration), "utf-8")
    (folder / "people.csv").write_text("name\n" + "".join(f"person-{number}\n" for number in range(9)), "utf-8")
    return path


@contextmanager
def running(cluster: Dask, target: Target, folder: Path, duration: str, *more: str) -> Iterator[subprocess.Popen[str]]:
    command = [
        *LOADWS, "run", str(scenario(folder, duration)), "--target", target.url, "--cluster", cluster.address,
        "--processes", "2", "--out", str(folder), *more,
    ]  # fmt: skip
    process = subprocess.Popen(command, env=cluster.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def summary_of(folder: Path) -> Summary:
    return from_json((folder / "spread/latest/summary.json").read_bytes())


def wait_for_frames(process: subprocess.Popen[str], folder: Path, count: int) -> None:
    """Wait until a run's folder has so many frames."""
    until = time.monotonic() + WITHIN_S
    windows = folder / "spread/latest/windows.ndjson"
    while not windows.exists() or windows.read_bytes().count(b"\n") < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)


def test_two_workers_over_tls_make_what_the_target_counts(tmp_path: Path, target: Target) -> None:
    with dask(2, tls=True) as cluster, running(cluster, target, tmp_path, "1s", "--quiet") as process:
        assert cluster.address.startswith("tls://")
        out, err = process.communicate(timeout=WITHIN_S)
    assert process.returncode in (0, 4), out + err  # 4: of a machine that is busy
    counts, summary = target.counts(), summary_of(tmp_path)
    ledger = summary.ledger
    assert ledger.imbalances() == []
    assert ledger.messages.sent == counts.messages_received > 0
    assert ledger.messages.received == counts.messages_sent
    assert ledger.connections.opened == counts.upgraded
    info = read_info(tmp_path / "spread/latest")
    assert [machine.numbers for machine in info.machines] == [(0, 2), (1, 3)]
    assert sum(machine.sent for machine in info.machines) == counts.messages_received
    assert all(machine.clock for machine in info.machines)
    assert 'id="machines"' in (tmp_path / "spread/latest/report.html").read_text("utf-8")


def test_a_worker_that_is_killed_is_named_and_the_run_is_invalid(tmp_path: Path, target: Target) -> None:
    with dask(2) as cluster, running(cluster, target, tmp_path, "6s", "--tolerate-loss", "0") as process:
        wait_for_frames(process, tmp_path, 4)
        cluster.kill(1)
        out, err = process.communicate(timeout=WITHIN_S)
    assert process.returncode == 4, out + err
    summary = summary_of(tmp_path)
    assert summary.verdict.outcome == "invalid"
    assert summary.ledger.imbalances() == []
    lost = [machine for machine in read_info(tmp_path / "spread/latest").machines if machine.lost]
    assert len(lost) == 1
    assert lost[0].sent > 0  # what it had said is kept
    assert any("was lost, and its load was not applied" in reason for reason in summary.verdict.reasons)


def test_shares_end_with_their_coordinator(tmp_path: Path, target: Target) -> None:
    with dask(1) as cluster, running(cluster, target, tmp_path, "10m") as process:
        wait_for_frames(process, tmp_path, 2)
        shares = children_of(cluster.workers[0].pid)
        assert shares
        process.kill()
        until = time.monotonic() + WITHIN_S
        while any(Path(f"/proc/{pid}").exists() for pid in shares):
            assert time.monotonic() < until
            time.sleep(0.05)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--cluster 10.1.2.3:8786", "--cluster 10.1.2.3:8786 is no scheduler's address"),
        ("--cluster local:many", "--cluster local:many: how many workers?"),
        ("--cluster tcp://192.0.2.1:8786", "the scheduler speaks plain TCP, so the scenario, its secrets"),
        ("--cluster local:2 --once", "--once is one user, who needs no cluster"),
        ("--cluster tcp://127.0.0.1:1", "builtin:echo would run on this machine's own address"),
        (
            "--cluster tcp://127.0.0.1:1 --target ws://127.0.0.1:1",
            "the Dask scheduler at tcp://127.0.0.1:1 cannot be used",
        ),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_run(
    arguments: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loadws.cluster.dask.CONNECT_WITHIN_S", 1)
    result = run(capsys, "run", str(scenario(tmp_path, "1s")), "--out", str(tmp_path), *arguments.split())
    assert (result.code, result.out) == (2, "")
    assert said in result.err


def test_without_the_extra_the_line_that_installs_it_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    result = run(capsys, "run", str(scenario(tmp_path, "1s")), "--out", str(tmp_path), "--cluster", "local:2")
    assert result.code == 2
    assert result.err == (
        "loadws: --cluster needs Dask, which is not installed here\n  pip install 'loadws[cluster]'\n"
    )
    assert not os.path.lexists(tmp_path / "spread")
