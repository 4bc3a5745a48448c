"""A coordinator and its shares, as processes of this machine: what becomes of a run when one dies, hangs or returns."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Awaitable, Callable

import msgspec
import pytest
import trio

from loadws.cluster.coordinator import ClusterError, Coordinator, Patience
from loadws.cluster.messages import Facts, Prepared, Result
from loadws.cluster.processes import run_share, start_share
from loadws.metrics.frame import Frame
from tests.cluster.processes import children_of
from tests.cluster.shares import LONG, SHORT, Run, load, ready, result_of, works

pytestmark = pytest.mark.cluster
IMPATIENT = Patience(silent_s=2)


def when_all_heard(run: Run, _frame: Frame) -> str | None:
    return "enough" if run.all_heard() else None


def test_two_shares_of_two_processes_make_one_load() -> None:
    async def main() -> None:
        async with ready(SHORT, shares=2, processes=2) as run:
            await load(run)
            assert [process.wait(20) for process in run.processes] == [0, 0]
        summary = run.summary()
        assert sorted({frame.process for frame in run.frames}) == [0, 1, 2, 3]
        assert summary.ledger.sessions.started == 6
        assert summary.ledger.messages.sent == summary.ledger.messages.answered > 0
        assert all(process.complete for process in summary.generator.processes)
        assert (run.ending.lost, run.notices) == ((), [])
        assert all(share.clock.best and share.clock.best.bound_ns < 10**9 for share in run.coordinator.shares)

    trio.run(main)


def test_a_rule_ends_all_shares() -> None:
    async def main() -> None:
        async with ready() as run:
            await load(run, when_all_heard)
        assert run.ending.aborted_by == "enough"
        assert run.summary().ledger.sessions.completed == 6

    trio.run(main)


INVALID = "the run is invalid."
INCONCLUSIVE = "its load counts as not applied: the run is at best inconclusive."


@pytest.mark.parametrize(
    ("number", "tolerated", "why", "means"),
    [
        (signal.SIGKILL, 0, "is gone: its connection was closed", INVALID),
        (signal.SIGSTOP, 0, "was not heard of for 2 s", INVALID),
        (signal.SIGKILL, 1, "is gone: its connection was closed", INCONCLUSIVE),
    ],
)
def test_a_share_that_dies_or_hangs_is_named_and_the_others_go_on(
    number: signal.Signals, tolerated: int, why: str, means: str
) -> None:
    async def main() -> None:
        struck = False
        heard_then = 0

        def strike(run: Run, frame: Frame) -> str | None:
            nonlocal struck, heard_then
            if run.all_heard() and not struck:
                struck = True
                run.kill(1, number)
            if run.notices and not heard_then:
                heard_then = run.heard_of(0)
            return "enough" if heard_then and run.heard_of(0) > heard_then else None

        async with ready(patience=IMPATIENT, tolerated=tolerated) as run:
            await load(run, strike)
            share = run.coordinator.shares[1]
            assert share.lost == why
            assert run.notices == [f"S{share.name[1:]} {why}. The others go on, and {means}"]
        assert [lost.process for lost in run.ending.lost] == [1]
        strict, lax = run.summary(), run.summary(tolerated=1)
        assert any("was lost, and its load was not applied" in reason for reason in strict.verdict.reasons)
        assert not strict.generator.healthy
        assert lax.generator.healthy or any("Process 0" in warning for warning in lax.generator.warnings)
        assert run.heard_of(1) > 0  # what it had said is kept

    trio.run(main)


def test_a_lost_process_of_a_share_is_told_at_once() -> None:
    async def main() -> None:
        struck = False

        def strike(run: Run, frame: Frame) -> str | None:
            nonlocal struck
            if run.all_heard() and not struck:
                struck = True
                os.kill(child_of(run.processes[1]), signal.SIGKILL)
            return "enough" if run.notices else None

        async with ready(shares=2, processes=2) as run:
            await load(run, strike)
            name = run.coordinator.shares[1].name
        [notice] = run.notices
        assert notice.startswith(f"{name}: Process ")
        assert notice.endswith("was ended by SIGKILL. The others go on, and this machine counts as lost.")
        assert [lost.process % 2 for lost in run.ending.lost] == [1]

    trio.run(main)


def child_of(process: subprocess.Popen[bytes]) -> int:
    """Return a process that a share has started."""
    return children_of(process.pid)[0]


def test_a_share_that_wakes_up_too_late_stops_and_leaves_its_frames() -> None:
    async def main() -> None:
        def strike(run: Run, frame: Frame) -> str | None:
            if run.all_heard() and not run.notices:
                run.kill(1, signal.SIGSTOP)
            return "enough" if run.notices else None

        async with ready(patience=IMPATIENT) as run:
            await load(run, strike)
            run.kill(1, signal.SIGCONT)
            result = await result_of(run.processes[1])
            assert result.error
            heard = run.heard_of(1)
            await run.coordinator.fill(result)
            assert run.heard_of(1) - heard == len([each for each in result.unconfirmed if each.number > heard])

    trio.run(main)


def test_a_share_that_dies_before_the_load_keeps_it_from_beginning() -> None:
    async def main() -> None:
        with trio.fail_after(60):
            coordinator = Coordinator(works(LONG, "ws://127.0.0.1:1", 2, 1), lambda _: None, Patience(ready_s=30))
            async with coordinator.listening("127.0.0.1"):
                processes = [start_share(coordinator.invitation(index)) for index in range(2)]
                try:
                    while coordinator.shares[1].channel is None:
                        await coordinator.changed()
                    processes[1].kill()
                    with pytest.raises(ClusterError, match=r"share 1 .* is gone: its connection was closed"):
                        await coordinator.all_ready()
                finally:
                    for process in processes:
                        process.kill()
                        process.communicate()

    trio.run(main)


def test_a_share_that_dies_after_its_load_has_told_everything() -> None:
    """Its load is over and it has been thanked, while that of the other goes on."""

    async def main() -> None:
        texts = (LONG, LONG.replace("1h", "1s"))

        def strike(run: Run, frame: Frame) -> str | None:
            if run.coordinator.shares[1].ending is None:
                return None
            run.kill(1, signal.SIGKILL)
            return "enough" if run.heard_of(0) > 3 else None

        async with ready(texts) as run:
            await load(run, strike)
            assert run.coordinator.shares[1].lost is None
        assert (run.notices, run.ending.lost) == ([], ())
        assert run.summary().ledger.sessions.started == 6

    trio.run(main)


def test_a_share_that_is_started_again_loads_nothing() -> None:
    """As a cluster does that runs a lost task once more."""

    async def main() -> None:
        again: list[subprocess.Popen[bytes]] = []

        def strike(run: Run, frame: Frame) -> str | None:
            if run.all_heard() and not again:
                run.kill(1, signal.SIGKILL)
                again.append(start_share(run.coordinator.invitation(1)))
            return "enough" if again and again[0].poll() is not None else None

        async with ready() as run:
            await load(run, strike)
            out, _ = again[0].communicate()
        result = msgspec.msgpack.decode(out, type=Result)
        assert result == Result(1, error="this share was started before: it runs once, and is not begun again")
        assert any(notice.endswith("was started again, and was refused: a share runs once.") for notice in run.notices)
        assert run.summary().ledger.sessions.started <= 6

    trio.run(main)


def test_without_a_coordinator_a_share_ends_and_says_so() -> None:
    async def main() -> None:
        coordinator = Coordinator(works(LONG, "ws://127.0.0.1:1", 1, 1), lambda _: None)
        async with coordinator.listening("127.0.0.1"):
            invitation = coordinator.invitation(0)
        packed = await trio.to_thread.run_sync(run_share, msgspec.msgpack.encode(invitation))
        result = msgspec.msgpack.decode(packed, type=Result)
        assert result.error.startswith("the coordinator at 127.0.0.1:")

    with_deadline(main)


def test_when_its_coordinator_is_gone_a_share_stops_its_load() -> None:
    async def main() -> None:
        async with ready() as run:
            with trio.move_on_after(30) as scope:
                await load(run, lambda run, frame: scope.cancel() if run.all_heard() else None)
            for share in run.coordinator.shares:
                assert share.channel is not None
                await share.channel.aclose()
            for process in run.processes:
                result = await result_of(process)
                assert process.returncode == 0
                assert result.error == "its coordinator is gone"
                assert result.ending is not None

    trio.run(main)


def test_a_share_without_the_key_is_not_served() -> None:
    async def main() -> None:
        coordinator = Coordinator(works(LONG, "ws://127.0.0.1:1", 1, 1), lambda _: None)
        async with coordinator.listening("127.0.0.1"):
            invitation = msgspec.structs.replace(coordinator.invitation(0), key=b"guessed")
            result = await result_of(start_share(invitation))
            assert result.error == "its coordinator is gone"
            assert coordinator.shares[0].channel is None

    with_deadline(main)


def test_two_runs_at_once_do_not_meet() -> None:
    async def main() -> None:
        async with ready(SHORT) as one, ready(SHORT) as other, trio.open_nursery() as nursery:
            nursery.start_soon(load, one)
            nursery.start_soon(load, other)
        for run in (one, other):
            assert run.ending.lost == ()
            assert run.summary().ledger.sessions.started == 6

    trio.run(main)


def test_shares_with_other_versions_are_named() -> None:
    coordinator = Coordinator(works(LONG, "ws://127.0.0.1:1", 2, 1), lambda _: None, Patience(ready_s=0))
    for share, python in zip(coordinator.shares, ("3.11.1", "3.12.1"), strict=True):
        share.facts = Facts(f"host{share.index}", 1, 1, {"loadws": "1", "Python": python})
        share.prepared = Prepared(1, "user")
    with pytest.raises(ClusterError) as refused:
        trio.run(coordinator.all_ready)
    assert str(refused.value) == (
        "the shares could not be made ready:\n"
        "  share 1 (host1) has Python 3.12.1, and share 0 (host0) has Python 3.11.1: install the same on each"
    )


def with_deadline(main: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        with trio.fail_after(60):
            await main()

    trio.run(bounded)
