"""``loadws run --cluster`` with a real Dask scheduler and workers: counts, losses, and what is refused."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import trio

from loadws.metrics.runinfo import MachineInfo
from loadws.metrics.summary import from_json
from tests.cli.commands import run
from tests.cluster.commands import bounded, machines_of, running, scenario, started, summary_of
from tests.cluster.dask import LOOPBACK, Host, dask
from tests.cluster.processes import ended, family_of
from tests.cluster.target import CountingEcho, counting_echo
from tests.kit.judged import RAN_WHOLE

pytestmark = pytest.mark.cluster
#: When the coordinator is gone, every share has stopped after so long.
STOPPED_WITHIN_S = 10
#: Messages of each user after which every process has told of whole seconds: a user sends at most fifty per second.
SECONDS_IN = 120


def test_two_workers_over_tls_make_what_the_target_counts(tmp_path: Path) -> None:
    """And what the coordinator writes every second adds up to that."""
    live = tmp_path / "live.ndjson"

    async def main() -> None:
        output = ("--output", f"ndjson={live}")
        async with started(tmp_path, "2s", "--processes", "2", *output, tls=True) as scene:
            code = await scene.command.process.wait()
            assert code in RAN_WHOLE, scene.command.said
            agree(scene.target, tmp_path)
            rows = [json.loads(line) for line in live.read_text("utf-8").splitlines()]
            assert sum(row["count"] for row in rows if row["metric"] == "messages_sent") == scene.target.received
            assert "share 0 (" in scene.command.said

    bounded(main)
    machines = machines_of(tmp_path)
    assert [machine.numbers for machine in machines] == [(0, 2), (1, 3)]
    assert all(machine.clock and machine.checked for machine in machines)
    page = (tmp_path / "spread/latest/report.html").read_text("utf-8")
    for machine in machines:
        assert f'<a href="{machine.page}">' in page
        alone = from_json((tmp_path / "spread/latest" / machine.page).with_name("summary.json").read_bytes())
        assert alone.ledger.messages.sent == machine.sent
        assert alone.run.share == f"share {machine.share} of 2 ({machine.machine})"
        assert alone.verdict.checks == ()  # rules are about the whole load


def agree(target: CountingEcho, folder: Path) -> None:
    """Hold a run's ledger to what its target counted, to the message."""
    ledger = summary_of(folder).ledger
    assert ledger.imbalances() == []
    assert ledger.messages.sent == target.received > 0
    assert ledger.messages.received == target.sent
    assert ledger.connections.opened == target.opened
    assert sum(machine.sent for machine in machines_of(folder)) == target.received


def lost(machines: Sequence[MachineInfo]) -> list[MachineInfo]:
    return [machine for machine in machines if machine.lost]


@pytest.mark.parametrize(("tolerated", "code", "outcome"), [("0", 4, "invalid"), ("1", 3, "inconclusive")])
def test_a_worker_that_is_killed_in_the_load_is_named(tolerated: str, code: int, outcome: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with started(tmp_path, "8s", "--tolerate-loss", tolerated) as scene:
            await scene.target.reached(6, SECONDS_IN)
            scene.cluster.workers[1].kill()
            await scene.command.says(r"(Share \d .*The others go on)")
            # 4 with a tolerated loss: of a machine that is busy
            assert await scene.command.process.wait() in {code, 4}, scene.command.said

    bounded(main)
    summary = summary_of(tmp_path)
    assert summary.verdict.outcome in {outcome, "invalid"}
    assert summary.ledger.imbalances() == []
    [machine] = lost(machines_of(tmp_path))
    assert machine.sent > 0  # what it had said is kept
    assert any("was lost, and its load was not applied" in reason for reason in summary.verdict.reasons)


def test_a_worker_that_is_killed_before_the_load_is_named(tmp_path: Path) -> None:
    """Killed when all are ready, and before the start that they wait for."""

    async def main() -> None:
        async with started(tmp_path, "2s") as scene:
            await scene.command.says(r"(share 1 \(.*process)")
            scene.cluster.workers[1].kill()
            assert await scene.command.process.wait() == 4, scene.command.said
            assert "The others go on" in scene.command.said
            assert scene.target.opened <= 6

    bounded(main)
    assert len(lost(machines_of(tmp_path))) == 1


def test_a_worker_that_is_killed_after_the_load_takes_nothing_with_it(tmp_path: Path) -> None:
    """Killed when all connections are closed: its share has told everything, or is named. Never a hang."""

    async def main() -> None:
        async with started(tmp_path, "2s") as scene:
            await scene.target.reached(6, 1)
            await scene.target.left()
            scene.cluster.workers[1].kill()
            assert await scene.command.process.wait() in (0, 4), scene.command.said
            if not lost(machines_of(tmp_path)):
                agree(scene.target, tmp_path)

    bounded(main)


def test_a_worker_that_stands_still_is_named(tmp_path: Path) -> None:
    """Its share too: a machine that stops stops with all its processes."""

    async def main() -> None:
        async with started(tmp_path, "10s") as scene:
            await scene.target.reached(6, SECONDS_IN)
            stopped = family_of(scene.cluster.workers[1].pid)
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            try:
                await scene.command.says(r"(Share \d .* was not heard of for 4 s\. The others go on)")
                assert await scene.command.process.wait() == 4, scene.command.said
            finally:
                for pid in stopped:
                    os.kill(pid, signal.SIGKILL)

    bounded(main)
    assert len(lost(machines_of(tmp_path))) == 1


def test_a_worker_that_returns_with_the_same_address_loads_nothing(tmp_path: Path) -> None:
    """Dask begins a pinned task anew when a worker with its address is there again."""

    async def main() -> None:
        async with started(tmp_path, "60s", "--tolerate-loss", "1") as scene:
            await scene.target.reached(6, SECONDS_IN)
            scene.cluster.workers[1].kill()
            await scene.command.says(r"(The others go on)")
            opened = scene.target.opened
            await scene.cluster.start_worker(LOOPBACK, scene.cluster.ports[1])
            assert scene.cluster.ports[-1] == scene.cluster.ports[1]
            await scene.command.says(r"(was started again, and was refused)")
            assert scene.target.opened == opened == 6
            scene.command.process.send_signal(signal.SIGINT)
            await scene.command.process.wait()
            assert scene.target.opened == 6

    bounded(main)
    assert summary_of(tmp_path).ledger.connections.opened <= 6


def test_shares_end_with_their_coordinator(tmp_path: Path) -> None:
    async def main() -> None:
        async with started(tmp_path, "10m") as scene:
            await scene.target.reached(6, 10)
            shares = [pid for worker in scene.cluster.workers for pid in family_of(worker.pid) if pid != worker.pid]
            assert len(shares) >= 2
            scene.command.kill()
            with trio.fail_after(STOPPED_WITHIN_S):
                await scene.target.left()
            for pid in shares:
                await ended(pid)

    bounded(main)


def test_two_runs_at_once_on_one_cluster_do_not_meet(tmp_path: Path) -> None:
    async def main() -> None:
        folders = [tmp_path / name for name in ("one", "other")]
        for folder in folders:
            folder.mkdir()
        async with counting_echo() as one, counting_echo() as other, dask(2) as cluster:
            async with (
                running(cluster, one, folders[0], "2s", "--processes", "1") as first,
                running(cluster, other, folders[1], "2s", "--processes", "1") as second,
            ):
                for command in (first, second):
                    assert await command.process.wait() in (0, 4), command.said
            agree(one, folders[0])
            agree(other, folders[1])

    bounded(main)


def test_a_worker_without_loadws_is_named(tmp_path: Path) -> None:
    """It has Dask, and importing loadws fails there."""
    folder = tmp_path / "bare"
    folder.mkdir()
    (folder / "loadws.py").write_text("raise ImportError('there is no loadws here')\n", "utf-8")
    bare = Host(prefix=("sh", "-c", f"cd '{folder}' && exec \"$@\"", "sh"))  # Python looks there first

    async def main() -> None:
        async with (
            counting_echo() as target,
            dask([LOOPBACK, bare]) as cluster,
            running(cluster, target, tmp_path, "1s") as command,
        ):
            assert await command.process.wait() == 2, command.said
            assert "these workers cannot run loadws:" in command.said
            assert f":{cluster.ports[1]}: " in command.said and f":{cluster.ports[0]}: " not in command.said
            assert "install the same loadws on each worker" in command.said
            assert target.opened == 0

    bounded(main)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--cluster 10.1.2.3:8786", "--cluster 10.1.2.3:8786 is no scheduler's address"),
        ("--cluster local:many", "--cluster local:many: how many workers?"),
        ("--cluster tcp://192.0.2.1:8786", "the scheduler speaks plain TCP, so the key of this run"),
        ("--cluster local:2 --once", "--once is one user of each type, which need no cluster"),
        (
            "--cluster tls://127.0.0.1:1 --target ws://127.0.0.1:1",
            "Dask's settings on this machine name no certificates",
        ),
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
