"""One handler from before the load until the report is written, and always one part of the run that hears it, or will."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest
import trio

from loadws.engine.lifecycle import Lifecycle
from loadws.fleet.signals import Interrupted, Signals, ended_by, in_loop
from loadws.terms.errors import ExitCode

HEARD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def send(number: int) -> None:
    """To ourselves: the handler has run when this returns."""
    os.kill(os.getpid(), number)


def test_handlers_of_before_are_back_afterwards() -> None:
    before = [signal.getsignal(number) for number in HEARD]
    with Signals():
        assert all(signal.getsignal(number) not in before for number in HEARD)
    assert [signal.getsignal(number) for number in HEARD] == before


def test_each_part_hears_what_comes_while_it_listens() -> None:
    load: list[str] = []
    report: list[str] = []
    with Signals() as signals, signals.heard_by(load.append):
        send(signal.SIGINT)
        with signals.heard_by(report.append):
            send(signal.SIGTERM)
        send(signal.SIGHUP)
    assert (load, report, signals.heard) == (["Ctrl-C", "SIGHUP"], ["SIGTERM"], ["Ctrl-C", "SIGTERM", "SIGHUP"])


def test_what_comes_between_two_parts_is_heard_by_the_next() -> None:
    """Ctrl-C twice, and the second fell into the gap behind the load: it ended the process, and the report with it."""
    report: list[str] = []
    with Signals() as signals:
        send(signal.SIGINT)
        with signals.heard_by(None):
            send(signal.SIGINT)
        with signals.heard_by(report.append):
            assert report == ["Ctrl-C", "Ctrl-C"]
        with signals.heard_by(report.append):
            assert len(report) == 2  # once


def test_a_hang_up_that_is_ignored_stays_so() -> None:
    """``nohup loadws run ..`` goes on when its terminal closes."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals() as signals:
            send(signal.SIGHUP)
        assert signals.heard == []
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_first_ends_a_load_gracefully_and_the_second_at_once() -> None:
    told: list[str] = []

    async def main() -> Lifecycle:
        lifecycle = Lifecycle()
        with ended_by(signals, lifecycle, told.append):
            send(signal.SIGTERM)
            await lifecycle.stopping.wait()
            assert not lifecycle.users.cancel_called
            send(signal.SIGINT)
            while not lifecycle.users.cancel_called:
                await trio.lowlevel.checkpoint()
        return lifecycle

    with Signals() as signals:
        lifecycle = trio.run(main)
    assert (told, lifecycle.reason) == (["SIGTERM"], "SIGTERM")


def test_a_listener_in_the_loop_is_called_by_the_loop() -> None:
    """A handler runs between any two lines of the program: what it does there must not need the loop."""
    calls: list[Callable[[], object]] = []

    async def main() -> None:
        heard = trio.Event()

        def listen(_name: str) -> None:
            calls.append(trio.lowlevel.current_task)
            heard.set()

        with Signals() as signals, signals.heard_by(in_loop(listen)):
            send(signal.SIGINT)
            assert calls == []
            await heard.wait()

    trio.run(main)
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("name", "code"),
    [("Ctrl-C", ExitCode.INTERRUPTED), ("SIGTERM", ExitCode.TERMINATED), ("SIGHUP", ExitCode.TERMINATED)],
)
def test_a_run_that_never_began_says_so(name: str, code: ExitCode) -> None:
    error = Interrupted(name)
    assert str(error) == f"interrupted by {name} before the load began: nothing was run, and nothing is written"
    assert error.exit_code == code
