"""``python -m tests.truth [CASE ...]``: print what loadws reports beside what its target did.

The exit code is 1 where a claim does not hold. Times depend on the machine's other work: run it where nothing else
runs. ``test_counts`` checks those claims of the same cases that no noise can break.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

from tests.truth import cost, fetching, gate, health, latency, stamps

CASES: dict[str, Callable[[], Iterator[str]]] = {
    "delay": latency.delay,
    "jitter": latency.jitter,
    "stall": latency.stall,
    "order": latency.order,
    "drop": latency.drop,
    "http": fetching.http,
    "stamps": stamps.stamps,
    "cost": cost.cost,
    "health": health.health,
    "gate": gate.gate,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.truth", description="Is what loadws says true?")
    parser.add_argument("case", nargs="*", metavar="CASE", help=f"which: {', '.join(CASES)} (default: all)")
    asked = parser.parse_args().case or list(CASES)
    if unknown := [name for name in asked if name not in CASES]:
        parser.error(f"there is no case {unknown[0]!r}; cases are: {', '.join(CASES)}")
    failed = False
    for name in asked:
        for table in CASES[name]():
            print(f"\n{table}", flush=True)
            failed |= "✘" in table
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
