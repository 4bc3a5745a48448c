"""Who is read when. That messages come through it is what ``test_conformance`` and ``test_native`` say."""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from itertools import pairwise

import pytest
import trio
import trio.testing

from loadws.transport.native import reactor
from loadws.transport.native.reactor import Reactor, TaskReactor, best_reactor

MakeReactor = Callable[[Callable[[], int]], Reactor]

each_reactor = pytest.mark.parametrize("make", [best_reactor, TaskReactor])
with_epoll = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has epoll")


class End:
    """One end of a pair of sockets, as an endpoint; ``far`` is the other."""

    read_size = 65_536

    def __init__(self, rows: list[tuple[str, object]]) -> None:
        self.tcp, self.far = socket.socketpair()
        self.tcp.setblocking(False)
        self.far.setblocking(False)
        self.rows = rows
        self.on_received: Callable[[], object] = lambda: None
        self.on_broken: Callable[[], None] = lambda: None

    def received(self, data: bytes, at_ns: int) -> None:
        self.rows.append((data.decode(), at_ns))
        self.on_received()

    def broke(self, error: OSError) -> None:
        self.rows.append(("broke", type(error)))
        self.on_broken()

    def writable(self) -> None:
        self.rows.append(("writable", 0))

    def cut_off(self) -> None:
        self.rows.append(("cut off", 0))

    def close(self) -> None:
        self.tcp.close()
        self.far.close()


class Clock:
    def __init__(self) -> None:
        self.ticks = 0

    def __call__(self) -> int:
        self.ticks += 1
        return self.ticks


@asynccontextmanager
async def running(make: MakeReactor, ends: list[End]) -> AsyncIterator[Reactor]:
    """The ends are added; they are closed at the end."""
    with closing(make(Clock())) as one:
        async with trio.open_nursery() as nursery:
            one.start(nursery)
            for end in ends:
                one.add(end)
            with trio.fail_after(20):
                yield one
            for end in ends:
                one.remove(end)
                end.close()
            nursery.cancel_scope.cancel()


@each_reactor
def test_what_comes_is_stamped_and_handed_over_up_to_the_end_of_tcp(make: MakeReactor) -> None:
    async def main() -> None:
        rows: list[tuple[str, object]] = []
        end = End(rows)
        async with running(make, [end]) as one:
            end.far.send(b"a")
            await trio.testing.wait_all_tasks_blocked()
            end.far.send(b"b")
            end.on_received = lambda: one.remove(end) if rows[-1][0] == "" else None
            end.far.shutdown(socket.SHUT_WR)
            await trio.testing.wait_all_tasks_blocked()
        assert "".join(str(what) for what, _ in rows) == "ab"
        assert rows[-1][0] == ""
        assert [at_ns for _, at_ns in rows] == list(range(1, len(rows) + 1))

    trio.run(main)


@with_epoll
def test_all_are_read_before_the_first_is_handed_over() -> None:
    """Else the stamps of the later ones would hold the time that the listeners of the first took."""

    async def main() -> None:
        rows: list[tuple[str, object]] = []
        clock = Clock()
        ends = [End(rows) for _ in range(5)]
        for end in ends:
            end.far.send(b"x")
            end.on_received = clock  # a listener takes its time
        async with running(lambda _: best_reactor(clock), ends):
            await trio.testing.wait_all_tasks_blocked()
        assert rows == [("x", 1), ("x", 2), ("x", 3), ("x", 4), ("x", 5)]

    trio.run(main)


@with_epoll
def test_others_have_their_turn_between_two_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reactor, "MOST_AT_ONCE", 2)

    async def main() -> None:
        rows: list[tuple[str, object]] = []
        turns: list[int] = []
        ends = [End(rows) for _ in range(20)]
        for end in ends:
            end.far.send(b"x")

        async def another() -> None:
            while len(rows) < 20:
                turns.append(len(rows))
                await trio.lowlevel.checkpoint()

        async with running(best_reactor, ends):
            await another()
        # trio shuffles the tasks of a turn: at most two batches can come between two of another's turns.
        assert all(turn % 2 == 0 for turn in turns)
        assert max(later - earlier for earlier, later in pairwise([0, *turns, 20])) <= 4

    trio.run(main)


@each_reactor
def test_who_was_removed_is_not_read_any_more(make: MakeReactor) -> None:
    async def main() -> None:
        rows: list[tuple[str, object]] = []
        end = End(rows)
        async with running(make, [end]) as one:
            await trio.testing.wait_all_tasks_blocked()
            one.remove(end)
            one.remove(end)
            end.far.send(b"x")
            await trio.testing.wait_all_tasks_blocked()
        assert rows == []

    trio.run(main)


@each_reactor
def test_writable_is_told_only_while_it_is_wanted(make: MakeReactor) -> None:
    async def main() -> None:
        rows: list[tuple[str, object]] = []
        end = End(rows)
        async with running(make, [end]) as one:
            await trio.testing.wait_all_tasks_blocked()
            assert rows == []
            one.want_writable(end, True)
            while not rows:
                await trio.lowlevel.checkpoint()
            one.want_writable(end, False)
            await trio.testing.wait_all_tasks_blocked()
            rows.clear()
            await trio.testing.wait_all_tasks_blocked()
            assert rows == []

    trio.run(main)


@each_reactor
def test_who_is_not_wanted_is_not_read_until_it_is(make: MakeReactor) -> None:
    async def main() -> None:
        rows: list[tuple[str, object]] = []
        end = End(rows)
        async with running(make, [end]) as one:
            for text in ("a", "b", "c"):
                one.want_readable(end, False)
                end.far.send(text.encode())
                await trio.testing.wait_all_tasks_blocked()
                assert rows == []
                one.want_readable(end, True)
                one.want_readable(end, True)
                await trio.testing.wait_all_tasks_blocked()
                assert [what for what, _ in rows] == [text]
                rows.clear()
            one.remove(end)
            one.want_readable(end, False)

    trio.run(main)


@each_reactor
def test_who_is_not_read_may_be_written(make: MakeReactor) -> None:
    async def main() -> None:
        rows: list[tuple[str, object]] = []
        end = End(rows)
        async with running(make, [end]) as one:
            end.far.send(b"x")
            one.want_readable(end, False)
            one.want_writable(end, True)
            while not rows:
                await trio.lowlevel.checkpoint()
            one.want_writable(end, False)
            await trio.testing.wait_all_tasks_blocked()
            assert {what for what, _ in rows} == {"writable"}

    trio.run(main)


@each_reactor
def test_a_reset_is_told_as_what_it_is(make: MakeReactor) -> None:
    async def main() -> None:
        rows: list[tuple[str, object]] = []
        end = End(rows)
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen()
            end.close()
            end.tcp = socket.create_connection(listening.getsockname())
            end.tcp.setblocking(False)
            end.far, _ = listening.accept()
        async with running(make, [end]) as one:
            end.on_broken = lambda: one.remove(end)
            end.far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            end.far.close()
            await trio.testing.wait_all_tasks_blocked()
        assert rows == [("broke", ConnectionResetError)]

    trio.run(main)


@each_reactor
def test_each_is_told_that_the_run_is_over(make: MakeReactor) -> None:
    async def main() -> None:
        rows: list[tuple[str, object]] = []
        async with running(make, [End(rows) for _ in range(3)]) as one:
            one.cut_off()
        assert rows == [("cut off", 0)] * 3

    trio.run(main)
