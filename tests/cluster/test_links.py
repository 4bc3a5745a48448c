"""Shares over links that are slow, uneven or cut: what becomes of the clocks' bounds, of the load, and of the share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
import trio

from loadws.cluster.coordinator import Patience
from loadws.cluster.processes import start_share
from loadws.cluster.share import SILENCE_S
from loadws.metrics.frame import Frame
from tests.cluster.links import Link
from tests.cluster.shares import LONG, SHORT, Run, load, prepared, result_of
from tests.kit.plain import MS

pytestmark = pytest.mark.cluster


@asynccontextmanager
async def ready_over(link: Link, text: str, patience: Patience | None = None) -> AsyncIterator[Run]:
    """A run of two shares that are ready, of which the second one is behind a link."""
    async with prepared(text, patience=patience) as run:
        near = run.coordinator.invitation(1)
        async with link.open(near.host, near.port):
            run.processes += [
                start_share(run.coordinator.invitation(0)),
                start_share(msgspec.structs.replace(near, host="127.0.0.1", port=link.port)),
            ]
            await run.coordinator.all_ready()
            yield run


@pytest.mark.parametrize(("up_s", "down_s"), [(0.1, 0.1), (0.2, 0.0), (0.0, 0.2)])
def test_a_slow_link_widens_the_bound_and_loses_nothing(up_s: float, down_s: float) -> None:
    """Both clocks are this machine's, so the true offset is 0: it must lie within the bound, however uneven the ways are."""

    async def main() -> None:
        async with ready_over(Link(up_s, down_s), SHORT) as run:
            await load(run)
            assert [process.wait(20) for process in run.processes] == [0, 0]
        assert (run.notices, run.ending.lost) == ([], ())
        near, far = (share.clock.best for share in run.coordinator.shares)
        assert near is not None and far is not None
        assert far.bound_ns >= 100 * MS > near.bound_ns
        assert abs(far.offset_ns) <= far.bound_ns
        print(f"offset {far.offset_ns / MS:.1f} ms, bound {far.bound_ns / MS:.1f} ms; near {near.bound_ns / MS:.2f} ms")
        summary = run.summary()
        assert summary.ledger.sessions.started == 6
        assert summary.ledger.messages.sent == summary.ledger.messages.answered > 0

    trio.run(main)


def test_a_share_whose_link_is_cut_is_named_and_stops_by_itself() -> None:
    """Nothing closes its connection: only silence tells, on both sides."""

    async def main() -> None:
        link = Link()

        def cut(run: Run, _frame: Frame) -> str | None:
            if run.all_heard():
                link.cut()
            return "enough" if run.notices else None

        async with ready_over(link, LONG, Patience(silent_s=2)) as run:
            await load(run, cut)
            assert run.coordinator.shares[1].lost == "was not heard of for 2 s"
            result = await result_of(run.processes[1])
            assert result.error == f"its coordinator was not heard of for {SILENCE_S:g} s"
            assert result.ending is not None
            heard = run.heard_of(1)
            await run.coordinator.fill(result)
            assert run.heard_of(1) >= heard

    trio.run(main)
