"""``python -m tests.stats``: what the comparisons claim, by simulation with noise of real runs.

(a) false alarms where A and B are the same, (b) how often a slow-down is found, by its size, the pair spread and the
number of pairs, (c) how often each interval contains the truth. The noise comes from ``--runs`` runs against our own echo
target, made now, or from the runs that ``--noise`` names. Marks: ✔ proven, ? too few comparisons to tell, ✘ refuted, and
then the exit code is 1.
"""

from __future__ import annotations

import argparse
import glob
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from loadws.fleet.machine.identity import machine_name
from tests.stats import alarms, coverage, power
from tests.stats.noise import MOST_RUNS, Noise, NoNoise, made, made_up, of_summaries


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _options(arguments)
    try:
        source = _noise(asked)
    except NoNoise as why:
        print(f"no noise: {why}", file=sys.stderr)
        return 2
    failed = False
    for table in _tables(source, asked):
        print(f"\n{table}", flush=True)
        failed |= "✘" in table
    return int(failed)


def _tables(source: Noise, asked: argparse.Namespace) -> Iterator[str]:
    comparisons = asked.comparisons
    yield alarms.table(source, comparisons, asked.seed)
    yield from power.curves(source, power.COARSE if asked.quick else power.FINE, asked.seed)
    cases = power.CASES[-2:-1] if asked.quick else power.CASES
    yield power.needed(source, cases, max(comparisons, 80) // 4, asked.seed)
    yield coverage.table(source, comparisons, asked.seed)


def _noise(asked: argparse.Namespace) -> Noise:
    if asked.quick:
        return made_up(asked.seed)
    if asked.noise:
        folders = map(Path, glob.glob(asked.noise))  # noqa: PTH207  Path.glob refuses an absolute pattern
        paths = [folder / "summary.json" for folder in folders if not folder.is_symlink()]
        return of_summaries(f"runs {asked.noise}", [path for path in paths if path.is_file()])
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for path in made(asked.runs, Path(folder)):
            paths.append(path)
            print(f"\rrun {len(paths)} of {asked.runs}", end="", file=sys.stderr, flush=True)
        where = f"on {machine_name()}, {datetime.now(UTC):%Y-%m-%d}"
        return of_summaries(f"runs against builtin:echo, delay 10 ± 1 ms, {where}", paths)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.stats", description=__doc__)
    parser.add_argument(
        "--runs", type=int, default=32, metavar="N", help=f"runs to make, 8 to {MOST_RUNS} (default 32)"
    )
    parser.add_argument("--noise", metavar="GLOB", help="run folders to take the noise from, instead of making runs")
    parser.add_argument(
        "--comparisons", type=int, default=4_000, metavar="N", help="simulated comparisons (default 4000)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a few comparisons of made-up noise, in seconds")
    asked = parser.parse_args(arguments)
    if asked.quick:
        asked.comparisons = 20
    if not 8 <= asked.runs <= MOST_RUNS:
        parser.error(f"--runs: between 8 and {MOST_RUNS}")
    return asked


if __name__ == "__main__":
    raise SystemExit(main())
