"""The built-in target: started for a run, stopped after it, and gone when the run is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
import trio
from trio_websocket import ConnectionClosed, open_websocket_url, wrap_client_stream

from loadws.scenario.checks.connecting.target import BUILTIN_MODES, BUILTIN_OPTIONS
from loadws.target import builtin
from loadws.target.builtin import open_builtin
from loadws.target.options import MODES
from loadws.terms.errors import TargetError

HOLDER = """
import trio
from loadws.target.builtin import open_builtin

async def main():
    async with open_builtin("echo") as url:
        print(url, flush=True)
        await trio.sleep_forever()

trio.run(main)
"""


async def _echo(url: str, text: str) -> str | bytes:
    with trio.fail_after(10):
        async with open_websocket_url(url) as client:
            await client.send_message(text)
            return await client.get_message()


async def _is_listening(url: str) -> bool:
    try:
        stream = await trio.open_tcp_stream("127.0.0.1", int(url.rpartition(":")[2]))
    except OSError:
        return False
    await stream.aclose()
    return True


@pytest.mark.slow
def test_it_serves_as_long_as_the_block() -> None:
    async def main() -> None:
        async with open_builtin("echo") as url:
            assert url.startswith("ws://127.0.0.1:")
            assert await _echo(url, "hi") == "hi"
        assert not await _is_listening(url)

    trio.run(main)


@pytest.mark.slow
def test_an_error_in_the_block_stops_it_too_and_comes_out_as_it_is() -> None:
    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            async with open_builtin("json") as url:
                raise ZeroDivisionError
        assert not await _is_listening(url)

    trio.run(main)


@pytest.mark.slow
def test_a_cancelled_run_stops_it() -> None:
    async def main() -> None:
        with trio.CancelScope() as scope:
            async with open_builtin("echo") as url:
                scope.cancel()
                await trio.lowlevel.checkpoint()
        assert not await _is_listening(url)

    trio.run(main)


def test_a_mode_that_is_none_is_refused() -> None:
    async def main() -> None:
        with pytest.raises(TargetError) as raised:
            async with open_builtin("chat"):
                pass
        assert str(raised.value) == "there is no target builtin:chat"
        assert raised.value.advice == "one of " + ", ".join(f"builtin:{mode}" for mode in MODES)

    trio.run(main)


@pytest.mark.parametrize(
    ("program", "message"),
    [
        # it dies, and says why
        ("import sys; sys.exit('no room')", "the built-in target did not start: no room"),
        # it dies without a word
        ("pass", "the built-in target did not start: it said nothing"),
        # it says something else
        ("print('hello')", "the built-in target did not start: it said nothing"),
    ],
)
def test_one_that_does_not_start_says_why(program: str, message: str) -> None:
    async def main() -> None:
        with pytest.raises(TargetError) as raised:
            async with builtin._open_announced((sys.executable, "-c", program)):
                pass
        assert str(raised.value) == message

    trio.run(main)


def test_one_that_never_announces_itself_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builtin, "START_WITHIN_S", 0.01)
    silent = (sys.executable, "-c", "import sys; sys.stdin.read()")

    async def main() -> None:
        with pytest.raises(TargetError, match="it said nothing"):
            async with builtin._open_announced(silent):
                pass

    trio.run(main)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "getpgid"), reason="sessions are POSIX's")
def test_it_does_not_outlive_a_run_that_was_killed() -> None:
    async def main(url: str) -> None:
        with trio.fail_after(20):
            while await _is_listening(url):
                await trio.lowlevel.checkpoint()

    with subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        url = holder.stdout.readline().strip()
        holder.send_signal(signal.SIGKILL)
        holder.stdout.close()
    trio.run(main, url)


@pytest.mark.slow
def test_faults_stand_behind_the_mode() -> None:
    async def main() -> None:
        async with open_builtin("echo?close-after=1:4001&delay=1ms") as url, trio.open_nursery() as nursery:
            stream = await trio.open_tcp_stream("127.0.0.1", int(url.rpartition(":")[2]))
            async with stream:  # trio-websocket leaves TCP open where the server closes first
                client = await wrap_client_stream(nursery, stream, "target.test", "/")
                await client.send_message("x")
                assert await client.get_message() == "x"
                with pytest.raises(ConnectionClosed) as closed:
                    await client.get_message()
            assert closed.value.reason is not None and closed.value.reason.code == 4001

    trio.run(main)


def test_a_fault_that_there_is_not_is_said() -> None:
    async def main() -> None:
        async with open_builtin("echo?listen=0.0.0.0:80"):
            pass

    with pytest.raises(TargetError, match="has no option 'listen'"):
        trio.run(main)


def test_what_validate_allows_is_what_there_is() -> None:
    assert (builtin.FAULTS, MODES) == (BUILTIN_OPTIONS, BUILTIN_MODES)
