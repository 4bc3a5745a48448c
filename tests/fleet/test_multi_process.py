"""Runs of several real processes: what they agree on, and what becomes of a run when one dies, hangs or is stopped."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
import pytest
import trio

from loadws.fleet import crew
from loadws.fleet.multi_process import Patience, Span, run_many
from loadws.fleet.process import Process, ProcessError, open_process
from loadws.fleet.shard import ShardOrder
from loadws.gate.verdict import judged
from loadws.metrics.frame import Frame
from loadws.metrics.runinfo import EarlyEnd, Ending, PhaseInfo
from loadws.metrics.summarising.summariser import Summariser
from loadws.metrics.summary import Summary
from loadws.scenario.build import Overrides
from loadws.terms.errors import ExitCode
from tests.kit import faults
from tests.kit.plain import run_info

#: Ends by itself only after an hour: whoever stops it is what is tested.
LONG = """
target: ws://127.0.0.1:1
graceful_stop: 10s
load: [{users: 6, for: 1h}]
flow: [{request: hello}, {think: 10ms}]
"""
INFO = run_info(scenario="many", processes=3)
IMPATIENT = Patience(start_s=60, quiet_s=2, silent_s=4, end_s=60)
Frames = Callable[["Fleet", Frame], str | None]


@dataclass
class Fleet:
    """What a run had, and left. ``pids`` are its processes' by number."""

    pids: list[int] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    ending: Ending = field(default_factory=lambda: Ending(0.0))

    def heard_of(self, process: int) -> int:
        return sum(frame.process == process for frame in self.frames)

    def kill(self, process: int, number: signal.Signals) -> None:
        os.kill(self.pids[process], number)

    def summary(self) -> Summary:
        phases = tuple(PhaseInfo(name, False, None) for name, _, _ in self.ending.phases) or INFO.phases
        info = msgspec.structs.replace(INFO, processes=len(self.pids), phases=phases)
        summariser = Summariser(info)
        for frame in self.frames:
            summariser.add(frame)
        summary = summariser.summary(self.ending)
        assert summary.ledger.imbalances() == []
        return judged(summary, info, self.ending)


def drive(
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    processes: int,
    on_frame: Frames = lambda fleet, frame: None,
    patience: Patience | None = None,
    target: Callable[[], AbstractAsyncContextManager[str]] = faults.echo,
) -> Fleet:
    """``on_frame`` may do things to the fleet, and returns the rule that is broken."""
    fleet = Fleet()

    @asynccontextmanager
    async def opened(number: int) -> Any:
        async with open_process(number) as process:
            fleet.pids.append(process.pid)
            yield process

    def take(frame: Frame) -> Generator[None, None, EarlyEnd | None]:
        fleet.frames.append(frame)
        yield
        rule = on_frame(fleet, frame)
        return None if rule is None else EarlyEnd(rule=rule)

    async def main() -> None:
        with trio.fail_after(60):
            async with target() as url:
                order = ShardOrder("many.yaml", text, Overrides(target=url), {}, 1, "native")
                fleet.ending = await run_many(
                    order, processes, Span(None, 10), take, notice=fleet.notices.append, patience=patience
                )

    monkeypatch.setattr(crew, "open_process", opened)
    trio.run(main)
    for pid in fleet.pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    return fleet


def stop_after_all_spoke(processes: int, fleet: Fleet, frame: Frame) -> str | None:
    return "enough" if all(fleet.heard_of(process) for process in range(processes)) else None


@pytest.mark.slow
def test_processes_share_the_load_and_stop_together(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = drive(monkeypatch, LONG, 2, partial(stop_after_all_spoke, 2))

    summary = fleet.summary()
    assert fleet.ending.aborted_by == "enough"
    assert [frame.process for frame in fleet.frames if frame.last] in ([0, 1], [1, 0])
    assert [frame.ledger.sessions.started for frame in fleet.frames if frame.last] == [3, 3]
    assert summary.ledger.sessions.completed == 6
    assert [process.complete for process in summary.generator.processes] == [True, True]
    assert fleet.notices == []


@pytest.mark.slow
def test_a_process_that_dies_and_one_that_hangs_are_lost_and_the_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    struck: set[int] = set()

    def strike(fleet: Fleet, frame: Frame) -> str | None:
        for process, number in ((1, signal.SIGKILL), (2, signal.SIGSTOP)):
            if process not in struck and fleet.heard_of(process):
                struck.add(process)
                fleet.kill(process, number)
        return "enough" if len(fleet.notices) == 3 else None

    fleet = drive(monkeypatch, LONG, 3, strike, IMPATIENT)

    why = {lost.process: lost.why for lost in fleet.ending.lost}
    assert why == {1: "was ended by SIGKILL", 2: "said nothing for 4 s and was ended"}
    assert "Process 1 was ended by SIGKILL. The others go on, and the run is invalid." in fleet.notices
    assert "Process 2 has said nothing for 2 s." in fleet.notices
    summary = fleet.summary()
    assert [process.complete for process in summary.generator.processes] == [True, False, False]
    assert not summary.generator.healthy
    assert any("Process 1 was ended by SIGKILL" in warning for warning in summary.generator.warnings)
    assert summary.ledger.sessions.cut_off == 4  # two users of each lost process
    assert summary.ledger.connections.open_at_end == 4
    assert judged(summary, INFO, Ending(1.0)).verdict.exit_code == ExitCode.INVALID


@pytest.mark.slow
def test_phases_that_end_by_their_flows_end_for_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven flows over three processes, of which the third has no user: it must wait for the others all the same."""
    text = """
target: ws://127.0.0.1:1
load:
  - {name: some, users: 2, iterations: 7}
  - {name: more, users: 3, iterations: 6}
flow: [{request: hello}]
"""
    fleet = drive(monkeypatch, text, 3)

    assert fleet.ending.lost == ()
    (_, _, first_end), (_, second_start, _) = fleet.ending.phases
    # named by the parent, so the same for all but for their clocks' rounding
    assert abs(first_end - second_start) < 1e-3
    summary = fleet.summary()
    assert summary.ledger.messages.answered == 13
    by_process = {frame.process: frame.ledger.messages.answered for frame in fleet.frames if frame.last}
    assert by_process == {0: 4 + 2, 1: 3 + 2, 2: 0 + 2}


def test_a_fleet_of_which_one_cannot_start_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def opened(number: int) -> Any:
        async with open_process(number) as process:
            if number == 1:
                os.kill(process.pid, signal.SIGKILL)
            yield process

    fleet = Fleet(pids=[0, 0])
    taken: list[Frame] = []

    def take(frame: Frame) -> Generator[None, None, None]:
        taken.append(frame)
        yield

    async def main() -> None:
        with trio.fail_after(60):
            order = ShardOrder("many.yaml", LONG, Overrides(), {}, 1, "native")
            fleet.ending = await run_many(order, 2, Span(None, 10), take, notice=fleet.notices.append)

    monkeypatch.setattr(crew, "open_process", opened)
    trio.run(main)

    assert taken == []
    assert {lost.process: lost.why for lost in fleet.ending.lost} == {
        0: "was not begun with, as another process could not be",
        1: "was ended by SIGKILL",
    }
    assert "Process 1 was ended by SIGKILL. The run does not begin." in fleet.notices
    assert fleet.summary().verdict.exit_code == ExitCode.INVALID


@pytest.mark.slow
def test_a_process_that_fails_says_where(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A scenario that does not fit its order: what no check of the parent would let through."""
    fleet = drive(monkeypatch, "target: nowhere\n", 2)

    assert fleet.ending.defect is not None and fleet.ending.defect.startswith("ScenarioError")
    assert "Traceback" in capsys.readouterr().err
    assert fleet.summary().verdict.exit_code == ExitCode.DEFECT


def test_process_knows_itself() -> None:
    async def main() -> None:
        async with open_process(7) as process:
            assert isinstance(process, Process)
            process.lose("was not wanted")
            process.lose("again")
            assert (process.number, process.lost, process.is_over) == (7, "was not wanted", True)

    trio.run(main)


def test_a_process_that_cannot_be_started_is_a_limit_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    async def start() -> None:
        async with open_process(3):
            pass

    monkeypatch.setattr(trio.lowlevel, "open_process", refused)
    with pytest.raises(ProcessError) as error:
        trio.run(start)
    assert str(error.value) == "process 3 could not be started: Too many open files"
    assert error.value.exit_code is ExitCode.USAGE
