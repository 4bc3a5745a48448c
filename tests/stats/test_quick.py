"""``python -m tests.stats --quick``: the whole proof in short, on made-up noise, and the noise of run folders."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import stdev

import msgspec
import pytest

from loadws.gate.comparing.compare import Measured
from loadws.metrics.summary import MetricEntry, to_json
from tests.report.example import summary
from tests.stats import noise
from tests.stats.__main__ import main


def floats(measured: Sequence[Measured]) -> list[float]:
    return [value for value in measured if isinstance(value, float)]


@pytest.mark.slow
def test_no_claim_is_refuted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick"]) == 0
    out = capsys.readouterr().out
    assert "made up (seed 1), no real runs" in out
    assert [title for title in "(a) (b) (c)".split() if title not in out] == []
    assert "✘" not in out


def test_noise_that_is_missing_or_too_little_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--noise", str(tmp_path / "*")]) == 2
    assert "no noise: 0 of 0 runs have all of response_time.p50" in capsys.readouterr().err


def test_a_set_of_pairs_is_neighbouring_slices_by_turns() -> None:
    """With rows that count up, the two of a pair differ by one, and each side leads in one of every two pairs."""
    counting = noise.Noise("counting", tuple((float(index),) * 5 for index in range(100)))
    [sides, *_] = noise.paired_set(counting, random.Random(1), 12)
    order = [before < after for before, after in zip(floats(sides.baseline), floats(sides.candidate), strict=True)]
    assert all(one != other for one, other in zip(order[::2], order[1::2], strict=True))
    assert len(set(order[::2])) == 2


def test_a_slow_down_is_in_one_value_only() -> None:
    source = noise.made_up(1)
    equal, slower = (noise.paired_set(source, random.Random(1), 12, slowdown) for slowdown in (0.0, 0.1))
    for index, (ours, theirs) in enumerate(zip(equal, slower, strict=True)):
        factor = 1.1 if index == noise.SLOWED else 1.0
        assert ours.baseline == theirs.baseline
        assert [value * factor for value in ours.candidate if isinstance(value, float)] == pytest.approx(
            theirs.candidate
        )


def test_scaled_noise_has_the_spread_that_was_asked_for() -> None:
    scaled = noise.made_up(2).scaled(0.03)
    assert scaled.spreads == pytest.approx([0.03] * 5)
    column = [row[0] for row in scaled.rows]
    assert stdev([after - before for before, after in pairwise(column)]) == pytest.approx(0.03, rel=0.05)


def test_a_run_that_is_no_sample_is_made_again_but_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 3 or 4: loadws stood still, as it may on a machine that others use. 1 is no noise at all."""
    for codes, made in [([3, 0, 4, 0], 2), ([3, 3, 3], None), ([0, 1], None)]:
        ends = iter(codes)
        monkeypatch.setattr(
            subprocess, "run", lambda command, ends=ends, **_: subprocess.CompletedProcess(command, next(ends), "")
        )
        if made is None:
            with pytest.raises(noise.NoNoise, match=f"ended with {codes[-1]}"):
                list(noise.made(2, tmp_path))
        else:
            assert len(list(noise.made(2, tmp_path))) == made


@pytest.mark.slow
def test_noise_is_read_from_the_summaries_of_runs(tmp_path: Path) -> None:
    iterations = MetricEntry("iterations", {}, "counter", "1", 100, per_s=50.0)
    run = summary(seconds=20)
    run = msgspec.structs.replace(run, metrics=(*run.metrics, iterations))
    paths = [tmp_path / f"{number}.json" for number in range(8)]
    for path in paths:
        path.write_bytes(to_json(run))
    read = noise.of_summaries("eight runs", paths)
    assert read.name == "eight runs, 8 runs"
    assert len(read.rows) == 8
    assert [value for row in read.rows for value in row] == pytest.approx([0.0] * 40, abs=1e-9)
