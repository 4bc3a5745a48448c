"""Plain values that many tests begin with: units of time, scenarios of one flow, and the information about a run."""

from __future__ import annotations

from typing import Any

import msgspec

from loadws.metrics.runinfo import GeneratorMachine, PhaseInfo, RunInfo
from loadws.metrics.summary import SCHEMA_VERSION

#: Nanoseconds.
MS = 1_000_000
S = 1_000_000_000


def once(*steps: Any, **document: Any) -> dict[str, Any]:
    """Return a scenario in which one user runs these steps once; ``document`` has its other keys."""
    return {"load": [{"users": 1, "iterations": 1}], "flow": list(steps), **document}


def once_connected(*steps: Any, **document: Any) -> dict[str, Any]:
    """Return a scenario in which one user connects, and then runs these steps once."""
    return once("connect", *steps, **document)


def once_handling(*steps: Any, **on: Any) -> dict[str, Any]:
    """Return a scenario in which one user runs these steps once, with handlers by their events."""
    return once(*steps, on=on)


def run_info(**changed: Any) -> RunInfo:
    """Return the information about a run of one phase without rules, with some fields changed."""
    plain = RunInfo(
        schema_version=SCHEMA_VERSION,
        scenario="plain",
        started_at="2026-01-01T00:00:00Z",
        seed=1,
        transport="native",
        processes=1,
        loadws_version="0",
        model="closed",
        target="ws://127.0.0.1:1",
        phases=(PhaseInfo("phase-1", False, None),),
        rules=(),
        own_metrics=(),
        paced=True,
        expected_arrivals=0,
        command=(),
        plan={},
        machine=GeneratorMachine(),
        versions={},
    )
    return msgspec.structs.replace(plain, **changed)
