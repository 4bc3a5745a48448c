"""A page in Chromium talks to npm's socket.io; its recording is imported, and the scenario does the same to that server."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from loadws.engine.lifecycle import Lifecycle
from loadws.fleet.shard import ShardOrder, run_shard
from loadws.importers.har.importing import import_har
from loadws.metrics.frame import Frame
from loadws.scenario.build import Overrides
from tests.engine.protocols.test_real_servers import PATIENCE_S, peer
from tests.importers.chromium_har import har_of
from tests.kit.tools import missing
from tests.report.browser import CHROMIUM, browser

pytestmark = [pytest.mark.browser, pytest.mark.servers, pytest.mark.slow]

STEPS = """\
  - emit: {name: join, event: join, args: [lobby]}
  - wait_for: {event: welcome}
  - emit: {name: add, event: add, args: [1, 40], ack: {}}
  - emit: {name: add, event: add, args: [2, 40], ack: {}}
  - emit: {name: add, event: add, args: [3, 40], ack: {}}
  - emit: {name: twice, event: twice, args: ["{{ 'AQI=' | frombase64 }}"], ack: {}}
"""
SECRET = "hunter2-hunter2-hunter2"


def test_what_a_page_did_is_done_again(tmp_path: Path) -> None:
    if CHROMIUM is None:
        missing("no chromium is installed")
    frames: list[Frame] = []

    async def deliver(frame: Frame) -> None:
        frames.append(frame)

    async def run(text: str) -> None:
        environment = {"TOKEN": SECRET, "COOKIE": ""}
        with trio.fail_after(PATIENCE_S):
            order = ShardOrder("real.yaml", text, Overrides(), environment, 1, "native")
            await run_shard(order, deliver, Lifecycle())

    with peer("socket_io.cjs") as (port,):
        with browser(tmp_path) as chromium, chromium.page(f"http://127.0.0.1:{port}/") as page:
            page.evaluate("window.done")
            recording = har_of(chromium, page)
        found = import_har(recording, Path("chromium.har"))
        assert 'protocol: {name: socket.io, namespace: /chat, auth: {token: "{{ token }}"}}' in found.text
        assert SECRET not in found.text
        flow = found.text.partition("\nflow:\n")[2].splitlines(keepends=True)
        assert "".join(line for line in flow if line.startswith(("  - emit", "  - wait_for"))) == STEPS
        assert [note.text for note in found.notes if note.is_loss] == []
        trio.run(run, found.text)
    assert [(error.kind, error.detail) for frame in frames for error in frame.errors] == []
    ledger = frames[-1].ledger
    assert ledger.imbalances() == []
    assert (ledger.sessions.failed, ledger.messages.answered) == (0, 4)
