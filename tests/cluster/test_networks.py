"""Workers on machines with addresses of their own, over TLS: their counts, and a cable that is pulled out."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from tests.cluster.commands import bounded, machines_of, running, summary_of
from tests.cluster.dask import dask
from tests.cluster.networks import network
from tests.cluster.processes import ended, family_of
from tests.cluster.target import counting_echo
from tests.cluster.test_dask import SECONDS_IN, agree

pytestmark = pytest.mark.cluster


def test_machines_with_addresses_of_their_own_make_what_the_target_counts(tmp_path: Path) -> None:
    async def main() -> None:
        with network(2) as net:
            async with (
                counting_echo(net.here.address) as target,
                dask(net.machines, tls=True, at=net.here) as cluster,
                running(cluster, target, tmp_path, "2s", "--processes", "2") as command,
            ):
                assert await command.process.wait() in (0, 4), command.said  # 4: of a machine that is busy
                agree(target, tmp_path)
                if net.links:
                    assert target.hosts == {machine.address: 3 for machine in net.machines}

    bounded(main)
    assert [machine.opened for machine in machines_of(tmp_path)] == [3, 3]


def test_a_machine_whose_cable_is_pulled_out_is_named_and_its_share_stops(tmp_path: Path) -> None:
    async def main() -> None:
        with network(2) as net:
            if not net.links:
                pytest.skip("loopback has no cable to pull out; tests/cluster/test_links.py cuts a relay")
            async with (
                counting_echo(net.here.address) as target,
                dask(net.machines, tls=True, at=net.here) as cluster,
                running(cluster, target, tmp_path, "12s", "--tolerate-loss", "1") as command,
            ):
                await target.reached(6, SECONDS_IN)
                shares = [pid for pid in family_of(cluster.workers[1].pid) if pid != cluster.workers[1].pid]
                net.pull_out(1)
                pulled_at = trio.current_time()
                await command.says(r"(was not heard of for 4 s\. The others go on)")
                print(f"named {trio.current_time() - pulled_at:.1f} s after the cable was pulled out")
                for pid in shares:
                    await ended(pid)
                print(f"all of its share's processes had ended {trio.current_time() - pulled_at:.1f} s after")
                assert await command.process.wait() in (3, 4), command.said

    bounded(main)
    [machine] = [machine for machine in machines_of(tmp_path) if machine.lost]
    assert machine.sent > 0
    assert summary_of(tmp_path).ledger.imbalances() == []
