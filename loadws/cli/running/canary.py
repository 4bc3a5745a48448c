"""The canary: loadws' own echo target, measured for a second before a run.

The product is not involved. Where the canary changes together with the product's values, the machine changed, and not
the product.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from loadws.fleet.shard import ShardOrder
from loadws.fleet.signals import Signals
from loadws.fleet.single_process import run_local
from loadws.metrics.frame import Frame
from loadws.metrics.histograms.histogram import LatencyHistogram
from loadws.scenario.overrides import Overrides
from loadws.target.builtin import open_builtin

_SCENARIO = """\
name: canary
target: builtin:echo
graceful_stop: 1s
load:
  - {name: settling, users: 1, for: 200ms, warmup: true}
  - {name: measured, users: 1, for: 1s}
flow:
  - request: canary
"""
_MEDIAN = 50.0


async def measure_canary(signals: Signals, transport: str, say: Callable[[str], None]) -> float | None:
    """Return the median service time of one user's echoes in nanoseconds; None where a signal came, or there was no
    answer.
    """
    answers = LatencyHistogram()

    def take(frame: Frame) -> Generator[None, None, None]:
        for part in frame.histograms:
            if part.name == "service_time" and part.labels.get("phase") == "measured":
                answers.add(LatencyHistogram.decode(part))
        yield

    async with open_builtin("echo") as url:
        order = ShardOrder("canary.yaml", _SCENARIO, Overrides(target=url, transport=transport), {}, 1, transport)
        await run_local(order, take, say, signals=signals)
    return None if signals.heard or not answers.count else answers.percentiles((_MEDIAN,))[0]
