"""What a run says of its deliveries is what the server did with them, in one process and in several."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from loadws.metrics.summary import Summary, from_json
from loadws.target.counts import Counts

LOADWS = (sys.executable, "-m", "loadws")
USERS, TURNS = 12, 20
#: All are there before the first publishes, and stay until the last delivery's time is over.
SCENARIO = f"""\
name: agree
target: builtin:broadcast
seed: 1
load: [{{users: {USERS}, iterations: {USERS}}}]
graceful_stop: 10s
flow:
  - connect
  - think: 1s
  - repeat: {TURNS}
    do:
      - publish: {{probe: talk, send: {{json: {{op: say, probe: "{{{{ probe }}}}"}}}}, to: room}}
      - think: 10ms
  - think: 3300ms
on:
  message:
    - where: {{$.op: say}}
      deliver: {{probe: talk, id: $.probe, ordered: true, within: 3s}}
"""


def _run(folder: Path, processes: int, faults: tuple[str, ...]) -> tuple[Summary, Counts]:
    scenario = folder / "agree.yaml"
    scenario.write_text(SCENARIO, "utf-8")
    command = [*LOADWS, "target", "--listen", "127.0.0.1:0", "--mode", "broadcast", "--announce", "json", *faults]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as target:
        try:
            assert target.stdout is not None
            url = json.loads(target.stdout.readline())["url"]
            run = [*LOADWS, "run", str(scenario), "--target", url, "--out", str(folder), "--quiet"]
            subprocess.run([*run, "--processes", str(processes)], capture_output=True, timeout=60, check=False)
        finally:
            target.terminate()
        counts = json.loads(target.stdout.readline())["counts"]
    return from_json((folder / "agree" / "latest" / "summary.json").read_bytes()), Counts(**counts)


def _count(summary: Summary, metric: str) -> int:
    [entry] = summary.entries(metric, probe="talk")
    return entry.count


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_every_loss_duplicate_and_disorder_is_counted_once(processes: int, tmp_path: Path) -> None:
    faults = ("--drop", "4%", "--duplicate", "5%", "--reorder", "6%", "--seed", "3")
    summary, counts = _run(tmp_path, processes, faults)
    published = USERS * TURNS
    assert (counts.overflowed, counts.unsent) == (0, 0)
    assert min(counts.dropped, counts.duplicated, counts.reordered) > 0
    assert {
        "published": _count(summary, "probes_published"),
        "expected": _count(summary, "deliveries_expected"),
        "missing": _count(summary, "deliveries_missing"),
        "duplicate": _count(summary, "deliveries_duplicate"),
        "out of order": _count(summary, "deliveries_out_of_order"),
        "delivered": _count(summary, "delivery"),
    } == {
        "published": published,
        "expected": published * USERS,
        "missing": counts.dropped,
        "duplicate": counts.duplicated,
        "out of order": counts.reordered,
        "delivered": published * USERS - counts.dropped,
    }
    [delivery] = summary.entries("delivery", probe="talk")
    assert delivery.missing == counts.dropped
    for metric in ("late", "in_doubt", "unexpected", "unrecognised", "let_go"):
        assert _count(summary, f"deliveries_{metric}") == 0
    assert all(_count(summary, f"delivery_{which}") == published for which in ("first", "median", "last"))
    assert summary.ledger.imbalances() == []
    assert summary.ledger.messages.one_way == published
    rebuilt = subprocess.run([*LOADWS, "report", str(tmp_path / "agree" / "latest")], capture_output=True, check=False)
    assert rebuilt.returncode == 0, rebuilt.stderr
