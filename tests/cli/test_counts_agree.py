"""What a run counted is what the server counted, also where the server refuses, drops answers and closes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from loadws.metrics.ledger import Ledger
from loadws.metrics.summary import from_json
from loadws.target.counts import Counts

LOADWS = (sys.executable, "-m", "loadws")
#: The load ends by its number of sessions, and no session ends by itself at the message at which the server closes: two
#: closes that cross on the wire would be either side's own.
SCENARIO = """\
name: agree
target: builtin:echo
seed: 1
load: [{users: 10, iterations: 60}]
graceful_stop: 3s
users:
  - name: until the server closes
    flow: [connect, {repeat: 20, do: [{request: {send: "grün {{ user.index }}", reply: {within: 500ms}}}, {think: 10ms}]}]
  - name: for some messages
    flow: [connect, {repeat: 4, do: [{request: {send: "rot {{ user.index }}", reply: {within: 500ms}}}, {think: 10ms}]}]
"""


def _run_against(faults: tuple[str, ...], folder: Path) -> tuple[Ledger, Counts]:
    scenario = folder / "agree.yaml"
    scenario.write_text(SCENARIO, "utf-8")
    target = subprocess.Popen(
        [*LOADWS, "target", "--listen", "127.0.0.1:0", "--announce", "json", *faults], stdout=subprocess.PIPE
    )
    with target:
        try:
            assert target.stdout is not None
            url = json.loads(target.stdout.readline())["url"]
            command = [*LOADWS, "run", str(scenario), "--target", url, "--out", str(folder), "--quiet"]
            subprocess.run(command, capture_output=True, timeout=60, check=False)
        finally:
            target.terminate()
        counts = json.loads(target.stdout.readline())["counts"]
    return from_json((folder / "agree" / "latest" / "summary.json").read_bytes()).ledger, Counts(**counts)


@pytest.mark.slow
def test_both_sides_agree_on_every_fault_at_once(tmp_path: Path) -> None:
    faults = ("--reject", "503:0.3", "--close-after", "9:1001", "--drop", "3%", "--delay", "5ms", "--jitter", "5ms")
    ledger, counts = _run_against(faults, tmp_path)
    assert ledger.imbalances() == []
    assert ledger.connections.attempted == counts.accepted
    assert ledger.connections.opened == counts.upgraded
    assert ledger.refusals == counts.refused
    assert ledger.connections.closed_by_peer == counts.closed_by_us
    assert ledger.connections.closed_by_us == sum(counts.closed_by_peer.values())
    assert ledger.messages.sent == counts.messages_received
    assert ledger.messages.received == counts.messages_sent
    assert (ledger.bytes.sent, ledger.bytes.received) == (counts.bytes_received, counts.bytes_sent)
    assert (ledger.connections.lost, ledger.connections.failed, counts.lost, counts.broken) == (0, 0, 0, 0)
    assert min(counts.refused["503"], counts.dropped, counts.closed_by_us, ledger.connections.closed_by_us) > 0
