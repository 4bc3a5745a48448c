"""``loadws target`` as a process: what it announces, how it ends, and what it says it saw."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
from trio_websocket import open_websocket_url

TARGET = (sys.executable, "-m", "loadws", "target", "--listen", "127.0.0.1:0")


@contextmanager
def _target(*options: str) -> Iterator[subprocess.Popen[str]]:
    """Killed at the end, if it still lives."""
    with subprocess.Popen(
        [*TARGET, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def _talk(url: str, *texts: str) -> list[str | bytes]:
    async def main() -> list[str | bytes]:
        with trio.fail_after(10):
            async with open_websocket_url(url) as client:
                for text in texts:
                    await client.send_message(text)
                return [await client.get_message() for _ in texts]

    return trio.run(main)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_its_counts(number: signal.Signals) -> None:
    with _target("--announce", "json") as process:
        announced = json.loads(_line(process))
        assert _talk(announced["url"], "one", "two") == ["one", "two"]
        process.send_signal(number)
        rest, complaints = process.communicate(timeout=20)
    counts = json.loads(rest)["counts"]
    assert announced == {"url": announced["url"], "ca": None}
    assert (counts["upgraded"], counts["closed_by_peer"]) == (1, {"1000": 1})
    assert (counts["messages_received"], counts["messages_sent"], counts["bytes_sent"]) == (2, 2, 6)
    assert (process.returncode, complaints) == (0, "")


@pytest.mark.slow
def test_several_signals_at_once_end_it_with_its_counts_too() -> None:
    """A Ctrl-C goes to a whole process group, and what started it may pass another one on."""
    with _target("--announce", "json") as process:
        _line(process)
        for _ in range(200):
            process.send_signal(signal.SIGINT)
        rest, complaints = process.communicate(timeout=20)
    assert json.loads(rest)["counts"]["accepted"] == 0
    assert (process.returncode, complaints) == (0, "")


@pytest.mark.slow
def test_it_ends_with_its_stdin_where_that_was_asked_for() -> None:
    with _target("--announce", "json", "--until-stdin-closes") as process:
        _line(process)
        rest, complaints = process.communicate(timeout=20)  # closes stdin
    assert json.loads(rest)["counts"]["accepted"] == 0
    assert (process.returncode, complaints) == (0, "")


@pytest.mark.slow
def test_people_get_a_line_and_a_table() -> None:
    with _target("--mode", "json") as process:
        first = _line(process)
        process.terminate()
        table, _ = process.communicate(timeout=20)
    assert first.startswith("loadws target: json at ws://127.0.0.1:")
    assert first.endswith(", until Ctrl-C\n")
    assert table.splitlines()[0] == "          accepted  0"


@pytest.mark.slow
def test_the_certificate_to_trust_is_written_where_it_was_asked_for(tmp_path: Path) -> None:
    with _target("--announce", "json", "--tls-ca", str(tmp_path / "ca.pem")) as process:
        announced = json.loads(_line(process))
        assert announced["ca"] == str(tmp_path / "ca.pem")
        assert Path(announced["ca"]).read_text().startswith("-----BEGIN CERTIFICATE-----")
        assert announced["url"].startswith("wss://127.0.0.1:")


@pytest.mark.slow
def test_a_temporary_certificate_is_cleared_at_the_end() -> None:
    with _target("--announce", "json", "--tls") as process:
        ca_file = Path(json.loads(_line(process))["ca"])
        assert ca_file.is_file()
        process.terminate()
        process.communicate(timeout=20)
    assert not ca_file.exists()


@pytest.mark.slow
def test_a_certificate_that_cannot_be_written_is_a_clear_line(tmp_path: Path) -> None:
    missing = tmp_path / "no" / "ca.pem"
    with _target("--tls-ca", str(missing)) as process:
        out, complaints = process.communicate(timeout=20)
    assert complaints == f"loadws: cannot write the certificate to {missing}: No such file or directory\n"
    assert (process.returncode, out) == (2, "")


@pytest.mark.slow
def test_nobody_reading_its_output_is_no_error() -> None:
    with _target("--until-stdin-closes") as process:
        _line(process)
        assert process.stdout is not None
        process.stdout.close()
        assert process.stdin is not None
        process.stdin.close()
        assert process.stderr is not None
        assert (process.stderr.read(), process.wait(timeout=20)) == ("", 0)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "setsid"), reason="sessions are POSIX's")
def test_a_reset_connection_prints_nothing() -> None:
    """Over a real socket: bytes unread at the close make the kernel send a reset."""

    async def main(url: str) -> None:
        with trio.fail_after(10):
            stream = await trio.open_tcp_stream("127.0.0.1", int(url.rpartition(":")[2]))
            key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
            lines = (
                "GET / HTTP/1.1",
                "Host: t",
                "Connection: Upgrade",
                "Upgrade: websocket",
                "Sec-WebSocket-Version: 13",
            )
            await stream.send_all("\r\n".join((*lines, key, "", "")).encode())
            await stream.receive_some(1)
            await stream.aclose()

    with _target("--announce", "json") as process:
        trio.run(main, json.loads(_line(process))["url"])
        process.terminate()
        rest, complaints = process.communicate(timeout=20)
    assert (json.loads(rest)["counts"]["accepted"], complaints) == (1, "")
