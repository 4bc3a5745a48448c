"""The noise of runs that did the same work, and comparisons made of nothing but that noise.

The rows of a ``Noise`` are runs in the order of time, each with the value of five rules. A set of slices is a stretch
of neighbouring rows: it begins anywhere, runs forwards or backwards, wraps round at the end, and may have its sign
changed. So the slices keep their tails, the drift from one to the next and what the five values have in common. They
belong to A and B in ABBA or BAAB order at random, or by a coin for each pair.

``scaled`` gives every rule a chosen pair spread s, the standard deviation of the log ratio of neighbouring runs.
"""

from __future__ import annotations

import math
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Literal

from loadws.gate.check import observe
from loadws.gate.comparing.compare import Sides
from loadws.metrics.summary import Summary, from_json
from loadws.terms.comparisons import ComparisonRule, parse_comparison
from loadws.terms.errors import ExitCode
from loadws.terms.thresholds import parse_threshold

#: Five values of a run that users gate on; a threshold that says where each is found.
VALUES = {
    "response_time.p50": "response_time.p50 > 0s",
    "response_time.p90": "response_time.p90 > 0s",
    "response_time.p99": "response_time.p99 > 0s",
    "response_time.mean": "response_time.mean > 0s",
    "iterations.rate": "iterations.rate > 0/s",
}
#: Which rule is made worse where one is: the last is better when it is higher.
SLOWED = 2
MOST_RUNS = 200
#: How a run ends that is no sample.
NO_SAMPLE = (ExitCode.INCONCLUSIVE, ExitCode.INVALID)
#: Which side leads in a pair: by turns in every two pairs, with a coin for the first; or a coin for each.
Order = Literal["ABBA", "coin"]
SCENARIO = """
name: noise
target: builtin:echo?delay=10ms&jitter=1ms
graceful_stop: 1s
load:
  - {name: warm-up, users: 20, for: 300ms, warmup: true}
  - {name: steady, users: 20, for: 1500ms}
flow:
  - request: hello
"""


class NoNoise(Exception):
    """Runs that cannot be made, or read, or are too few."""


@dataclass(frozen=True, slots=True)
class Noise:
    """``rows``: the logarithms of each run's values, less their mean. ``name`` says where they come from."""

    name: str
    rows: tuple[tuple[float, ...], ...]

    @property
    def spreads(self) -> tuple[float, ...]:
        """The pair spread of each value: the root mean square of the log ratios of neighbours."""
        return tuple(
            math.sqrt(fmean((after - before) ** 2 for before, after in pairwise(column)))
            for column in zip(*self.rows, strict=True)
        )

    def scaled(self, spread: float) -> Noise:
        """Return the same noise with one pair spread for all values."""
        factors = [spread / own for own in self.spreads]
        rows = tuple(tuple(value * factor for value, factor in zip(row, factors, strict=True)) for row in self.rows)
        return Noise(f"{self.name}, scaled to a pair spread of {spread:.1%}", rows)

    def stretch(self, chance: random.Random, slices: int) -> list[tuple[float, ...]]:
        """Return neighbouring rows, as many as there are slices."""
        start, step, sign = chance.randrange(len(self.rows)), chance.choice((1, -1)), chance.choice((1, -1))
        rows = (self.rows[(start + step * index) % len(self.rows)] for index in range(slices))
        return [tuple(sign * value for value in row) for row in rows]


def rules(limit: str = "5%") -> list[ComparisonRule]:
    """Return five rules with one limit."""
    return [
        parse_comparison(f"{name} >= -{limit}" if name.startswith("iterations") else f"{name} <= +{limit}")
        for name in VALUES
    ]


def paired_set(
    noise: Noise, chance: random.Random, pairs: int, slowdown: float = 0.0, order: Order = "ABBA"
) -> list[Sides]:
    """Return the sides of the five rules in a set of pairs, in which B is slower by this fraction in one of them."""
    slices = noise.stretch(chance, 2 * pairs)
    a, b = [], []
    a_leads = False
    for pair in range(pairs):
        is_tied = order == "ABBA" and pair % 2 == 1
        a_leads = not a_leads if is_tied else chance.random() < 0.5
        first, second = slices[2 * pair : 2 * pair + 2]
        a.append(first if a_leads else second)
        b.append(second if a_leads else first)
    return [Sides(before, after) for before, after in zip(_columns(a), _columns(b, slowdown), strict=True)]


def unpaired_set(noise: Noise, chance: random.Random, runs: int) -> list[Sides]:
    """Return the sides of a baseline and of the runs that came after it, so many a side."""
    slices = noise.stretch(chance, 2 * runs)
    return [Sides(*sides) for sides in zip(_columns(slices[:runs]), _columns(slices[runs:]), strict=True)]


def _columns(rows: Sequence[Sequence[float]], slowdown: float = 0.0) -> list[list[float]]:
    columns = [[math.exp(value) for value in column] for column in zip(*rows, strict=True)]
    columns[SLOWED] = [value * (1 + slowdown) for value in columns[SLOWED]]
    return columns


# -- where noise comes from -------------------------------------------------------------------------------------------


def of_summaries(name: str, paths: Sequence[Path]) -> Noise:
    """Return the noise of runs by their summary.json, oldest first. Raises ``NoNoise``."""
    summaries = [from_json(path.read_bytes()) for path in paths]
    rows = [row for summary in sorted(summaries, key=_start) if (row := _row(summary))]
    if len(rows) < 8:
        raise NoNoise(f"{len(rows)} of {len(paths)} runs have all of {', '.join(VALUES)}; at least 8 are needed")
    means = [fmean(column) for column in zip(*rows, strict=True)]
    centred = (tuple(value - mean for value, mean in zip(row, means, strict=True)) for row in rows)
    return Noise(f"{name}, {len(rows)} runs", tuple(centred))


def made(runs: int, folder: Path) -> Iterator[Path]:
    """Run loadws so many times against its own echo target, which answers after 10 ± 1 ms; yield each summary.json.

    A run that is no sample, because loadws stood still or was late, is made again, as ``loadws ab`` does with a slice.

    Raises:
        NoNoise: A run failed, or too many were no samples.
    """
    scenario = folder / "noise.yaml"
    scenario.write_text(SCENARIO)
    command = [sys.executable, "-m", "loadws", "run", str(scenario), "-q", "--processes", "1", "--out", str(folder)]
    left, repeats = min(runs, MOST_RUNS), runs
    while left:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode in NO_SAMPLE and repeats:
            repeats -= 1
            continue
        if done.returncode != ExitCode.PASSED:
            raise NoNoise(f"{' '.join(command)} ended with {done.returncode}: {done.stdout.strip()[-300:]}")
        left -= 1
        yield (folder / "noise" / "latest" / "summary.json").resolve()


def made_up(seed: int, runs: int = 48) -> Noise:
    """Return noise of no run at all, for tests: a slow drift, common to all values, and heavy tails of each."""
    chance = random.Random(seed)
    drift, rows = 0.0, []
    for _ in range(runs):
        drift = 0.8 * drift + chance.gauss(0, 0.02)
        rows.append(tuple(drift + chance.gauss(0, 0.02) * (1 + 4 * (chance.random() < 0.05)) for _ in VALUES))
    return Noise(f"made up (seed {seed}), no real runs", tuple(rows))


def _row(summary: Summary) -> tuple[float, ...] | None:
    values = [observe(summary.metrics, parse_threshold(rule)).value for rule in VALUES.values()]
    known = [value for value in values if value and math.isfinite(value)]
    return tuple(map(math.log, known)) if len(known) == len(VALUES) else None


def _start(summary: Summary) -> str:
    return summary.run.started_at
