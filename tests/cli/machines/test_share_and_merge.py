"""``loadws shard`` and ``loadws merge`` from end to end: two shares against one target, and what they come to together."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from loadws.metrics.ledger import Ledger
from loadws.metrics.runinfo import RunInfo
from loadws.metrics.summary import Summary, from_json
from loadws.report.folder import read_info
from loadws.target.counts import Counts
from tests.cli.commands import run
from tests.kit.judged import RAN_WHOLE

pytestmark = pytest.mark.slow  # two shares and their target are processes, started once for all of these tests

LOADWS = (sys.executable, "-m", "loadws")
SCENARIO = """\
name: shared
target: builtin:echo
data: {people: {file: people.csv, order: unique}}
load: [{users: 5, arrivals: 8/s, for: 1s}]
graceful_stop: 3s
flow:
  - request: {name: ask, send: "{{ people.name }}"}
  - log: "{{ people.name }}"
  - think: 20ms
thresholds: ['response_time.p50 < 10h', 'error_rate == 0%', 'messages_sent > 20']
"""


@dataclass(frozen=True)
class Shares:
    """Two shares' folders, and what their one target had counted when both had ended."""

    folders: tuple[Path, Path]
    counts: Counts

    def copy(self, to: Path) -> tuple[Path, Path]:
        """Return copies that a test may spoil."""
        first, second = (to / f"copy-{number}" for number in range(2))
        for source, copy in zip(self.folders, (first, second), strict=True):
            shutil.copytree(source, copy)
        return first, second


@pytest.fixture(scope="module")
def shares(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shares]:
    folder = tmp_path_factory.mktemp("shares")
    scenario = folder / "shared.yaml"
    scenario.write_text(SCENARIO, "utf-8")
    (folder / "people.csv").write_text("name\n" + "".join(f"person-{number}\n" for number in range(99)), "utf-8")
    target = subprocess.Popen(
        [*LOADWS, "target", "--listen", "127.0.0.1:0", "--announce", "json"], stdout=subprocess.PIPE
    )
    with target:
        try:
            assert target.stdout is not None
            url = json.loads(target.stdout.readline())["url"]
            for index, processes in ((0, 1), (1, 2)):
                command = [
                    *LOADWS, "shard", str(scenario), "--of", "2", "--index", str(index), "--run-id", "7", "--quiet",
                    "--shares", "2,1",
                    "--target", url, "--out", str(folder / str(index)), "--processes", str(processes),
                ]  # fmt: skip
                ended = subprocess.run(command, capture_output=True, timeout=120, check=False, text=True)
                assert ended.returncode in RAN_WHOLE, ended.stderr
        finally:
            target.terminate()
        counts = Counts(**json.loads(target.stdout.readline())["counts"])
    folders = (folder / "0/shared/latest", folder / "1/shared/latest")
    first = read_info(folders[0]).share
    assert first is not None
    rewrite(folders[1], began_at=first.began_at)  # they ran one after the other, and are to count as made together
    yield Shares(folders, counts)


def merged(folder: Path) -> Path:
    [path] = (folder / "shared").glob("*-merged")
    return path


def summary_of(folder: Path) -> Summary:
    return from_json((folder / "summary.json").read_bytes())


def rewrite(folder: Path, **changes: object) -> None:
    """Change what a share's folder says of its share, or of its run."""
    info = read_info(folder)
    assert info.share is not None
    of_share = {name: value for name, value in changes.items() if name in info.share.__struct_fields__}
    share = msgspec.structs.replace(info.share, **of_share)
    rest = {name: value for name, value in changes.items() if name not in of_share}
    changed: RunInfo = msgspec.structs.replace(info, share=share, **rest)
    (folder / "run.json").write_bytes(msgspec.json.encode(changed))


def test_the_sum_is_what_the_target_counted(shares: Shares, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, "merge", *map(str, shares.folders), "--out", str(tmp_path))

    assert result.code in RAN_WHOLE, result.out + result.err
    assert "The shares began within" in result.err
    summary, parts = summary_of(merged(tmp_path)), [summary_of(folder) for folder in shares.folders]
    ledger, sum_of_parts = summary.ledger, Ledger()
    for part in parts:
        sum_of_parts.add(part.ledger)
    assert ledger.imbalances() == []
    assert ledger.messages.sent == shares.counts.messages_received == sum_of_parts.messages.sent > 0
    assert ledger.messages.received == shares.counts.messages_sent
    assert ledger.connections.opened == shares.counts.upgraded
    assert ledger.arrivals == sum_of_parts.arrivals
    assert [check.outcome for check in summary.verdict.checks] == ["passed"] * 3
    [answers] = summary.entries("response_time")
    assert answers.count == sum(part.entries("response_time")[0].count for part in parts)


def test_a_folder_that_a_pattern_finds_twice_is_one(
    shares: Shares, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``reports/shared/*`` has the newest run also as ``latest``."""
    first, second = shares.copy(tmp_path)
    (tmp_path / "latest").symlink_to(second.name, target_is_directory=True)
    found = run(capsys, "merge", str(first), str(second), str(tmp_path / "latest"), "--out", str(tmp_path / "out"))
    assert found.code in RAN_WHOLE, found.err
    assert summary_of(merged(tmp_path / "out")).ledger.messages.sent == shares.counts.messages_received


def test_every_row_goes_to_one_user_of_one_share(shares: Shares) -> None:
    said = []
    for folder in shares.folders:
        lines = (folder / "windows.ndjson").read_text("utf-8").splitlines()
        said.append({line["text"] for frame in map(json.loads, lines) for line in frame.get("logs", ())})
    assert said[0] and said[1]
    assert not said[0] & said[1]


def test_each_share_has_its_weight_of_the_held_users(shares: Shares) -> None:
    held = [read_info(folder).plan["held_most"] for folder in shares.folders]
    sessions = [summary_of(folder).ledger.sessions.started for folder in shares.folders]
    assert held == sessions == [3, 2]  # of 5 users, by 2 to 1: every third number is the second share's


def test_a_share_is_not_judged_and_says_so(shares: Shares) -> None:
    for folder in shares.folders:
        verdict = summary_of(folder).verdict
        assert verdict.checks == ()
        assert any("its rules are judged when all shares are merged" in reason for reason in verdict.reasons)


def test_each_machine_has_a_page(shares: Shares, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "merge", *map(str, shares.folders), "--out", str(tmp_path))

    folder = merged(tmp_path)
    page = (folder / "report.html").read_text("utf-8")
    for index in (0, 1):
        assert f'<a href="machines/{index}/report.html">' in page
        assert (folder / f"machines/{index}/report.html").stat().st_size > 1_000
    info = read_info(folder)
    assert [machine.numbers for machine in info.machines] == [(0,), (1, 3)]
    assert all(machine.began_at for machine in info.machines)


def test_a_merged_run_is_rebuilt_from_its_folder(
    shares: Shares, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "merge", *map(str, shares.folders), "--out", str(tmp_path))
    folder = merged(tmp_path)
    before = summary_of(folder)
    (folder / "summary.json").unlink()

    assert run(capsys, "report", str(folder)).code == 0
    assert summary_of(folder) == before


def test_a_share_that_was_killed_makes_the_run_invalid_and_a_tolerated_one_inconclusive(
    shares: Shares, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, killed = shares.copy(tmp_path)
    for name in ("summary.json", "report.html"):
        (killed / name).unlink()
    windows = killed / "windows.ndjson"
    windows.write_text("".join(windows.read_text("utf-8").splitlines(keepends=True)[:1]), "utf-8")

    invalid = run(capsys, "merge", str(first), str(killed), "--out", str(tmp_path / "strict"))
    verdict = summary_of(merged(tmp_path / "strict")).verdict
    assert (invalid.code, verdict.outcome) == (4, "invalid")
    assert any("its run was killed before its end" in reason for reason in verdict.reasons)

    run(capsys, "merge", str(first), str(killed), "--out", str(tmp_path / "lax"), "--tolerate-loss", "1")
    verdict = summary_of(merged(tmp_path / "lax")).verdict
    assert any("its load was not applied: its run was killed" in reason for reason in verdict.reasons)
    assert summary_of(merged(tmp_path / "lax")).ledger.imbalances() == []
    assert verdict.outcome in ("inconclusive", "invalid")  # a busy machine may make the other share invalid
    assert (merged(tmp_path / "lax") / "machines/1/summary.json").exists()


def test_a_missing_share_is_named_and_can_be_tolerated(
    shares: Shares, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = str(shares.folders[1])
    result = run(capsys, "merge", second, "--out", str(tmp_path))
    assert (result.code, result.err) == (
        2,
        "loadws: these shares do not make one run:\n"
        "  of 2 shares 1 is missing: 0\n"
        "  name their folders too, or merge without them: --tolerate-loss 1\n",
    )

    assert run(capsys, "merge", second, "--out", str(tmp_path), "--tolerate-loss", "1").code in (3, 4)
    info = read_info(merged(tmp_path))
    assert [machine.lost for machine in info.machines] == ["nothing of it is there", None]


def test_a_share_that_is_named_twice_is_said_where_another_is_missing(
    shares: Shares, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, _ = shares.copy(tmp_path)
    (tmp_path / "link").symlink_to(first.name, target_is_directory=True)
    result = run(capsys, "merge", str(first), str(first), str(tmp_path / "link"), "--out", str(tmp_path))
    assert result.code == 2
    assert f"is missing: 1\n  {first} is named twice\n  {tmp_path / 'link'} is the same as {first}\n" in result.err


def test_shares_that_were_made_one_after_the_other_are_no_load(
    shares: Shares, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = shares.copy(tmp_path)
    rewrite(first, began_at="2026-07-31T12:00:00.000000Z")
    rewrite(second, began_at="2026-07-31T12:00:05.000000Z")
    assert run(capsys, "merge", str(first), str(second), "--out", str(tmp_path)).code in (3, 4)
    verdict = summary_of(merged(tmp_path)).verdict
    assert (
        "The load was not applied: The shares began up to 5 s apart (by their machines' clocks), so that 44.4% of the "
        "load of phase 'phase-1' was missing on average (max_dropped is 1%): give all shares the same --start-at."
    ) in verdict.reasons  # by weights of 2 and 1: 1 - (4 + 1) / 9


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"run_id": "8"}, "has another run id than"),
        ({"of": 3, "index": 2}, "has another number of shares (--of) than"),
        ({"weights": ()}, "has another split (--shares) than"),
        ({"seed": 8}, "has another seed than"),
        ({"fingerprint": "0123"}, "has another plan (scenario, data or options) than"),
        ({"loadws_version": "0.0"}, "has another loadws than"),
        ({"index": 0}, "is share 0, as"),
    ],
)
def test_shares_of_different_runs_are_refused(
    changes: dict[str, object], said: str, shares: Shares, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = shares.copy(tmp_path)
    rewrite(second, **changes)
    result = run(capsys, "merge", str(first), str(second), "--out", str(tmp_path), "--tolerate-loss", "1")
    assert result.code == 2
    assert f"  {second} {said} " in result.err


def test_what_is_no_share_is_refused(shares: Shares, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "merge", *map(str, shares.folders), "--out", str(tmp_path))
    result = run(capsys, "merge", str(merged(tmp_path)), "--out", str(tmp_path))
    assert result.code == 2
    assert "is a merged run already" in result.err


@pytest.mark.parametrize("spoiled", ["intervals.hlog", "windows.ndjson"])
def test_a_corrupt_share_is_named(
    spoiled: str, shares: Shares, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = shares.copy(tmp_path)
    text = (second / spoiled).read_text("utf-8")
    at = text.index("Tag=") if spoiled == "intervals.hlog" else 0
    (second / spoiled).write_text(text[:at] + "x" + text[at + 1 :] if at == 0 else text[:at] + "Tag=x," + text[at:])
    result = run(capsys, "merge", str(first), str(second), "--out", str(tmp_path))
    assert result.code == 2
    assert f"loadws: {second} cannot be merged: " in result.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--of 2 --index 0", "a share needs the seed that all shares of its run have"),
        ("--of 2 --index 2 --run-id a", "--index 2: of 2 shares the indices are 0 to 1"),
        ("--of 0 --index 0 --run-id a", "--of 0: a run has 1 to 256 shares"),
        ("--of 2 --index 0 --run-id a --start-at 2020-01-01T00:00:00Z", "--start-at 2020-01-01T00:00:00Z was"),
        ("--of 2 --index 0 --run-id a --start-at noon", "--start-at 'noon' is no date and time"),
        ("--of 2 --run-id a", "--index"),
        ("--of 2 --index 0 --run-id a --shares 3,1,1", "--shares 3,1,1 has 3 weights, and there are 2 shares"),
        ("--of 2 --index 0 --run-id a --shares 4095,4096", "--shares 4095,4096: the weights come to 8,191"),
        ("--of 2 --index 0 --run-id a --shares 3,0", "'3,0' are no weights"),
        ("--of 2 --index 0 --run-id a --shares 3;1", "'3;1' are no weights"),
        ("--of 2 --index 0 --run-id a --shares cores", "--shares cores needs to know the cores of all machines"),
    ],
)
def test_what_a_share_must_be_told(
    arguments: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text("target: ws://127.0.0.1:1\nload: [{users: 1, for: 1s}]\nflow: [{request: x}]\n", "utf-8")
    result = run(capsys, "shard", str(scenario), *arguments.split(), "--out", str(tmp_path))
    assert result.code == 2
    assert said in result.err
