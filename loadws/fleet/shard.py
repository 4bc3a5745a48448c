"""The order of one process of a run, and its results.

An order is plain data, so that it can go over a pipe or to another machine: the scenario's text and its overrides, not
the scenario. The results are one frame per second and a last one, and how the process ended.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from loadws.engine.coordination import Alone, Together
from loadws.engine.lifecycle import Lifecycle
from loadws.engine.load import Deliver, Load, run_load
from loadws.engine.runtime.facts import RunFacts
from loadws.fleet.wide_numbers import unpacked
from loadws.metrics.runinfo import Ending
from loadws.plan.plan import make_plan
from loadws.scenario.build import Loaded, Overrides, load_text
from loadws.scenario.model.model import Phase, Scenario
from loadws.transport.net.stamps import ReadLags
from loadws.transport.registry import transport


class ShardOrder(msgspec.Struct, frozen=True):
    """Process ``process`` of ``processes`` of share ``share`` of ``of``; a run on one machine is share 0 of 1.

    ``weights`` are those of all shares; empty: all are equal. ``env`` is the environment that the scenario's ``${NAME}`` and
    ``env()`` see.
    """

    path: str
    text: str
    overrides: Overrides
    env: dict[str, str]
    seed: int
    transport: str
    process: int = 0
    processes: int = 1
    share: int = 0
    of: int = 1
    weights: tuple[int, ...] = ()
    stamps: Literal["user", "kernel"] = "user"
    variables: dict[str, Any] = {}  # the variables that setup has set, ``packable``
    nonce: int = 0  # the same in every process of the run, and different in another run
    once: bool = False  # one user of each type runs its flow once, whatever the load is

    @property
    def number(self) -> int:
        """Return the process's number among those of all shares; from 0 in a run on one machine."""
        return self.share + self.of * self.process

    def of_process(self, process: int, processes: int) -> ShardOrder:
        """Return the order for one of several processes of this share."""
        return msgspec.structs.replace(self, process=process, processes=processes)


async def run_shard(
    order: ShardOrder,
    deliver: Deliver,
    lifecycle: Lifecycle,
    say: Callable[[str], None] | None = None,
    together: Together | None = None,
    loaded: Loaded | None = None,
) -> Ending:
    """Run one shard of a load to its end.

    ``together``: how to agree with the other shards; None where there is no other. ``loaded``: the scenario of the
    order, if this process has it already; None where the order came over a pipe.
    """
    loaded = load_order(order) if loaded is None else loaded
    facts = facts_of(order, loaded, say)
    whole = make_plan(loaded.scenario, order.seed, one_of_each=order.once)
    share = whole.shard_of(order.share, order.of, order.weights)
    plan = share.shard_of(order.process, order.processes).prepared()
    read_lags = ReadLags() if order.stamps == "kernel" else None
    load = Load(facts, plan, transport(order.transport, read_lags), read_lags, together or Alone())
    return await run_load(load, deliver, lifecycle)


def facts_of(order: ShardOrder, loaded: Loaded, say: Callable[[str], None] | None = None) -> RunFacts:
    """Return the facts of the run for a process with this order. ``loaded``: the scenario of the order."""
    return RunFacts(
        scenario=loaded.scenario,
        base=Path(order.path).parent,
        seed=order.seed,
        env=order.env,
        say=say,
        setup_values=unpacked(order.variables),
        nonce=order.nonce,
        machines=order.of,
        masker=loaded.masker,
    )


def load_order(order: ShardOrder) -> Loaded:
    """Parse the scenario of an order, as its overrides change it. Raises ``ScenarioError``."""
    loaded = load_text(order.text, Path(order.path), order.overrides, order.env)
    return replace(loaded, scenario=one_of_each_type(loaded.scenario)) if order.once else loaded


def one_of_each_type(scenario: Scenario) -> Scenario:
    """Return the scenario with a load of one user of each type, all at the same time. Each runs its flow once.

    A flow without end ends when the last user of the original load would have to leave.
    """
    spans = [phase.for_ for phase in scenario.load]
    longest = None if None in spans else sum(filter(None, spans)) + scenario.graceful_stop
    types = len(scenario.user_types)
    once = Phase.model_validate({"name": "once", "users": types, "iterations": types})
    once = once.model_copy(update={"for_": longest})
    return scenario.model_copy(update={"load": (once,)})
