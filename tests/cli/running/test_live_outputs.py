"""``--output`` from end to end: a run, and the files that it writes while it goes on."""

from __future__ import annotations

import csv
import io
import json
import signal
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import Result, run
from tests.kit.judged import RAN_WHOLE

SCENARIOS = Path(__file__).parent.parent.parent.parent / "scenarios"
HELD = """
target: builtin:echo
load: [{users: 3, for: 1200ms}]
flow: [{request: hello}, {think: 20ms}]
"""


def written(folder: Path, text: str = HELD) -> str:
    path = folder / "scenario.yaml"
    path.write_text(text)
    return str(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ("run",),
        ("run", "--processes", "2"),
        ("shard", "--of", "2", "--index", "1", "--run-id", "7"),
    ],
)
def test_a_run_writes_its_seconds_and_they_add_up_to_its_summary(
    command: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    live = tmp_path / "live.ndjson"
    live.write_text("of an older run\n")
    found = run(capsys, *command, written(tmp_path), "--out", str(tmp_path / "out"), "--output", f"ndjson={live}")
    assert found.code in RAN_WHOLE, found.err
    summary = summary_of(tmp_path, "scenario")
    assert sums(live) == sums_of(summary)
    assert sums(live)["messages_sent", (("phase", "phase-1"),)] == summary["ledger"]["messages"]["sent"] > 0
    assert summary["run"]["notes"] == []


@pytest.mark.slow
def test_deliveries_add_up_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Some are settled when the load is over."""
    live = tmp_path / "live.ndjson"
    options = ("--time-scale", "0.2", "--out", str(tmp_path / "out"), "--output", f"ndjson={live}")
    found = run(capsys, "run", str(SCENARIOS / "chat.yaml"), *options)
    assert found.code in (1, *RAN_WHOLE), found.err
    assert sums(live) == sums_of(summary_of(tmp_path, "chat"))
    assert sum(count for (metric, _), count in sums(live).items() if metric == "deliveries_expected") > 0


Sums = dict[tuple[str, tuple[tuple[str, str], ...]], int]


def sums(live: Path) -> Sums:
    """Return the count of each metric and set of labels in all seconds, where there is one."""
    found: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
    for row in map(json.loads, live.read_text().splitlines()):
        if row["type"] != "gauge":
            found[row["metric"], tuple(sorted({**row["labels"], "phase": row["phase"]}.items()))] += row["count"]
    return dict(+found)


def sums_of(summary: dict[str, Any]) -> Sums:
    """Return the same of a summary, without its entries for all steps or kinds together."""
    entries = [
        each for each in summary["metrics"] if each["kind"] != "gauge" and each["count"] and "phase" in each["labels"]
    ]
    several = {(each["name"], each["labels"]["phase"]) for each in entries if len(each["labels"]) > 1}
    return {
        (each["name"], tuple(sorted(each["labels"].items()))): each["count"]
        for each in entries
        if len(each["labels"]) > 1 or (each["name"], each["labels"]["phase"]) not in several
    }


def summary_of(folder: Path, scenario: str) -> dict[str, Any]:
    """Return the summary of the newest run."""
    summary: dict[str, Any] = json.loads((folder / "out" / scenario / "latest/summary.json").read_text())
    return summary


@pytest.mark.slow
def test_lines_on_stdout_are_alone_there(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "loadws", "run", written(tmp_path), "--out", str(tmp_path / "out")]
    done = subprocess.run([*command, "--output", "csv=-"], capture_output=True, text=True, check=False, timeout=120)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert {row["metric"] for row in rows} >= {"response_time", "users", "messages_sent"}
    assert "Report  " in done.stderr


def _size(file: Path) -> int:
    """Return the bytes of a file that another process makes; 0 until it is there."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


@pytest.mark.slow
def test_ctrl_c_ends_the_output_with_all_that_was_measured(tmp_path: Path) -> None:
    live = tmp_path / "live.ndjson"
    command = [sys.executable, "-m", "loadws", "run", written(tmp_path, HELD.replace("1200ms", "10m"))]
    options = ["--out", str(tmp_path / "out"), "--output", f"ndjson={live}"]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while not _size(live):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    assert process.returncode == 130
    rows = [json.loads(line) for line in live.read_text().splitlines()]
    summary = json.loads((tmp_path / "out/scenario/latest/summary.json").read_text())
    assert (
        sum(row["count"] for row in rows if row["metric"] == "messages_sent") == summary["ledger"]["messages"]["sent"]
    )


@pytest.mark.parametrize(
    ("arguments", "err"),
    [
        # an address that is none
        (("--prometheus", "9464"), "loadws: --output prometheus=9464: this is not HOST:PORT\n"),
        (("--output", "prometheus=h:99999"),
         "loadws: --output prometheus=h:99999: a port is a number from 1 to 65535\n"),

        # a kind that there is not
        (("--output", "grafana=h"), "loadws: --output: there is no output 'grafana'\n"),
        # a folder that there is not
        (("--output", "csv=none/live.csv"),
         "loadws: --output csv=none/live.csv: cannot be written: No such file or directory\n"),
        # what measures nothing
        (("--trace", "--output", "csv=a.csv"), "loadws: --trace measures nothing, so it goes without --output\n"),
        # two that write to one place
        (("--output", "csv=a", "--output", "ndjson=a"),
         "loadws: --output ndjson=a: another output is written there too\n"),
        # a comparison that is printed there
        (("--output", "csv=-", "--repeat", "2"),
         "loadws: stdout is for the comparison, so it goes without --output KIND=-\n"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_before_anything_runs(
    arguments: tuple[str, ...],
    err: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    found = run(capsys, "run", written(tmp_path), *arguments)
    assert found == Result(2, "", found.err)
    assert found.err.startswith(err)
    assert [path.name for path in tmp_path.iterdir()] == ["scenario.yaml"]


@pytest.mark.slow
def test_a_port_that_is_taken_is_told_before_anything_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("prometheus_client", reason="needs loadws[prometheus]")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        found = run(capsys, "run", written(tmp_path), "--out", str(tmp_path / "out"), "--prometheus", where)
    assert found == Result(
        2,
        "",
        f"loadws: --output prometheus={where}: cannot be listened on: Address already in use\n"
        "  name another port, or end the program that has this one\n",
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_receiver_that_hangs_costs_nothing_and_its_password_is_nowhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes connections and never answers. The output has its patience after the load, and the run ends as without."""
    monkeypatch.setenv("INFLUX_TOKEN", "t0ken-of-the-environment")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = f"127.0.0.1:{silent.getsockname()[1]}?db=d"
        options = ["--output", f"influxdb=http://me:pa55word@{where}", "--output", f"influxdb=http://{where}"]
        monkeypatch.setattr(sys, "argv", ["loadws", "run", "scenario.yaml", *options])
        found = run(capsys, "run", written(tmp_path), "--out", str(tmp_path / "out"), *options)
    assert found.code in RAN_WHOLE, found.err
    folder = tmp_path / "out/scenario/latest"
    notes = json.loads((folder / "summary.json").read_text())["run"]["notes"]
    for shown in (f"http://(masked)@{where}", f"http://{where}"):
        [note] = [note for note in notes if note.startswith(f"The output influxdb={shown} ")]
        assert "seconds: it did not answer within 2 s" in note or "had not finished 3 s after the load" in note
    said = found.out + found.err + "".join(path.read_text() for path in folder.iterdir())
    assert "(masked)@127.0.0.1" in said
    assert "pa55word" not in said
    assert "t0ken" not in said


@pytest.mark.slow
def test_what_was_lost_is_in_a_summary_that_is_made_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing listens there. The notes are part of the run's data, and so of each report of it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = f"127.0.0.1:{server.getsockname()[1]}"
    run(capsys, "run", written(tmp_path), "--out", str(tmp_path / "out"), "--output", f"influxdb=http://{where}?db=d")
    folder = tmp_path / "out/scenario/latest"
    (folder / "summary.json").unlink()
    report = run(capsys, "report", str(folder))
    assert report.code == 0, report.err
    [note] = json.loads((folder / "summary.json").read_text())["run"]["notes"]
    assert note.endswith(
        "seconds: Connection refused. The results of the run are complete without it."
    )  # fmt: skip


@pytest.mark.parametrize(
    ("option", "kind"),
    [(("--prometheus", "127.0.0.1:9464"), "prometheus=127.0.0.1:9464"), (("--output", "otlp"), "otlp=environment")],
)
def test_a_package_that_is_missing_is_told_with_what_installs_it(
    option: tuple[str, ...],
    kind: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("loadws.outputs.destinations.find_spec", lambda name: None)
    assert run(capsys, "run", written(tmp_path), *option) == Result(
        2,
        "",
        f"loadws: --output {kind}: this needs a package that is not installed\n"
        f"  pip install 'loadws[{kind.partition('=')[0]}]'\n",
    )
