"""The dashboard as a run has it: a process that starts, hangs or dies, and a whole course with a browser."""

from __future__ import annotations

import http.client
import io
import json
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from trio_websocket import open_websocket_url

from loadws.cli.usage import with_places
from loadws.dashboard import dashboard as output_module
from loadws.dashboard.at import At
from loadws.dashboard.dashboard import Dashboard
from loadws.dashboard.messages import Ready, send
from loadws.terms.errors import OutputError, UsageError
from tests.metrics.driven import driven
from tests.metrics.made_up import counted, frame, info, times
from tests.report import example

LOCAL = At("127.0.0.1", 0)
_READY = "import sys, time; sys.stdout.buffer.write({0!r}); sys.stdout.flush(); {1}"


def _stub(then: str) -> tuple[str, ...]:
    """Return a process that says it listens, and then does something else than a dashboard does."""
    ready = io.BytesIO()
    send(ready, Ready(5))
    return (sys.executable, "-c", _READY.format(ready.getvalue(), then))


def test_without_the_option_there_is_no_process() -> None:
    dashboard = Dashboard(None, print)
    with dashboard.opened():
        dashboard.begin(info())
        driven(dashboard.adding(frame(0)))
        assert dashboard.finish(example.summary()) == []
        dashboard.show(Path("report.html"))


@pytest.mark.slow
def test_a_busy_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(UsageError) as caught, Dashboard(At("127.0.0.1", port), print).opened():
            pass
    assert f"127.0.0.1:{port} cannot be listened on" in str(caught.value)
    assert "--dashboard 127.0.0.1:0" in caught.value.advice


def test_a_process_that_does_not_start_is_told() -> None:
    with pytest.raises(OutputError), Dashboard(LOCAL, print, (sys.executable, "-c", "")).opened():
        pass
    with pytest.raises(OutputError), Dashboard(LOCAL, print, ("/nowhere/python",)).opened():
        pass


def test_a_process_that_dies_costs_the_run_nothing() -> None:
    dashboard = Dashboard(LOCAL, lambda _: None, _stub("sys.exit(1)"))
    with dashboard.opened():
        assert dashboard._process is not None
        dashboard._process.wait()
        dashboard.begin(info())
        for second in range(5):
            driven(dashboard.adding(frame(second)))
        [problem] = dashboard.finish(example.summary())
        dashboard.show(Path(__file__))
    assert problem.startswith("The dashboard failed and missed 5 of 5 updates: ")
    assert problem.endswith("The results of the run are complete without it.")


@pytest.mark.slow
def test_a_process_that_ends_by_a_defect_says_which() -> None:
    dashboard = Dashboard(LOCAL, lambda _: None)
    broken = msgspec.structs.replace(times("response_time", [1.0], step="a"), payload="no histogram")
    with dashboard.opened():
        assert dashboard._process is not None
        dashboard.begin(info())
        driven(dashboard.adding(frame(0, histograms=(broken,))))
        assert dashboard._process.wait(60) == 1
        driven(dashboard.adding(frame(1)))
        missed, why = dashboard.finish(example.summary())
    assert missed.startswith("The dashboard failed and missed 1 of 2 updates: BrokenPipeError")
    assert why.startswith("Its process ended: HistogramError: ")
    assert why.endswith(" This is a defect of loadws; please report it.")


def test_a_process_that_hangs_costs_the_run_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_module, "PATIENCE_S", 0.1)
    monkeypatch.setattr(output_module, "REPORT_WITHIN_S", 0.1)
    monkeypatch.setattr(output_module, "MOST_FRAMES", 3)
    dashboard = Dashboard(LOCAL, lambda _: None, _stub("time.sleep(600)"))
    large = counted("errors", 1, kind="x" * 200_000)
    with dashboard.opened():
        dashboard.begin(info())
        for second in range(50):
            driven(dashboard.adding(frame(second, counters=(large,))))
        [problem] = dashboard.finish(example.summary())
        dashboard.show(Path(__file__))
    assert problem.startswith("The dashboard had not finished 0.1 s after the load, was given up, and missed ")


@pytest.mark.slow
def test_a_run_from_its_first_second_to_its_report(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    report.write_text("<!doctype html><title>the report</title>")
    told: list[str] = []
    dashboard = Dashboard(LOCAL, told.append)
    with dashboard.opened():
        [line] = told
        assert line.startswith("Dashboard  http://127.0.0.1:")
        port = int(line.rstrip("/").rsplit(":", 1)[1])
        dashboard.begin(info())
        for second in range(3):
            driven(dashboard.adding(frame(second, counters=(counted("messages_received", 7),))))
        seen: list[dict[str, Any]] = []
        looks_on = threading.Event()
        browser = threading.Thread(target=trio.run, args=(_look_on, port, seen, looks_on))
        browser.start()
        assert looks_on.wait(60)
        assert dashboard.finish(example.summary()) == []
        dashboard.show(report)
        browser.join(60)
    assert any(state.get("clock", "").startswith("3 s") for state in seen)
    assert any(state.get("over") for state in seen)
    assert seen[-1]["report"] is True
    assert seen[-1]["fetched"] == "<!doctype html><title>the report</title>"


async def _look_on(port: int, seen: list[dict[str, Any]], looks_on: threading.Event) -> None:
    """Watch a run as the page does, and fetch its report in the end."""
    with trio.fail_after(60):
        async with open_websocket_url(f"ws://127.0.0.1:{port}/live") as connection:
            while not seen or not seen[-1].get("report"):
                seen.append(json.loads(await connection.get_message()))
                if not seen[-1].get("waiting"):
                    looks_on.set()
            seen[-1]["fetched"] = await trio.to_thread.run_sync(_fetched, port)


def _fetched(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/report")
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def test_beyond_loopback_it_is_said_loudly() -> None:
    told: list[str] = []
    with Dashboard(At("0.0.0.0", 0), told.append, _stub("time.sleep(600)")).opened():
        pass
    assert told[0].startswith("warning: 0.0.0.0 is not loopback: all who reach this machine can watch the run")


@pytest.mark.parametrize(
    ("given", "parsed"),
    [
        (["run", "--dashboard", "a.yaml"], ["run", "--dashboard=127.0.0.1:0", "a.yaml"]),
        (["run", "a.yaml", "--dashboard"], ["run", "a.yaml", "--dashboard=127.0.0.1:0"]),
        (["run", "a.yaml", "--dashboard", "--quiet"], ["run", "a.yaml", "--dashboard=127.0.0.1:0", "--quiet"]),
        (["run", "a.yaml", "--dashboard", "127.0.0.1:8090"], ["run", "a.yaml", "--dashboard", "127.0.0.1:8090"]),
        (["run", "a.yaml", "--dashboard", "[::1]:0"], ["run", "a.yaml", "--dashboard", "[::1]:0"]),
        (["run", "a.yaml", "--dashboard=:1"], ["run", "a.yaml", "--dashboard=:1"]),
        (["run", "--dashboard", "C:/load/a.yaml"], ["run", "--dashboard=127.0.0.1:0", "C:/load/a.yaml"]),
        (["run", "--prometheus", "a.yaml"], ["run", "--prometheus=127.0.0.1:9464", "a.yaml"]),
        (["run", "a.yaml", "--prometheus", "[::1]:9"], ["run", "a.yaml", "--prometheus", "[::1]:9"]),
    ],
)
def test_its_address_may_be_left_out(given: list[str], parsed: list[str]) -> None:
    assert with_places(given) == parsed
