"""The figures of a plan, for ``loadws plan``, ``run.json`` and the preflight checks.

The records' field names are the keys of ``plan`` in ``run.json``. Times are in seconds, rates in 1/s, memory in bytes.
"""

from __future__ import annotations

from math import ceil
from typing import Any

import msgspec

from loadws.plan.arrivals import Spacing
from loadws.plan.needs import FILES_OF_A_PROCESS, MEMORY_OF_A_PROCESS, Needs
from loadws.plan.plan import Model, Plan, PlannedPhase
from loadws.plan.split import Shard
from loadws.terms.units import NS_PER_S

MOST_POINTS = 120


class PhaseFigures(msgspec.Struct, frozen=True):
    """One phase. ``start_s`` and ``duration_s`` are None where iterations decide them."""

    name: str
    warmup: bool
    start_s: float | None
    duration_s: float | None
    iterations: int | None
    users_from: int
    users_to: int
    arrivals_from_per_s: float
    arrivals_to_per_s: float
    spacing: Spacing | None  # None: no user arrives
    max_users: int | None
    expected_arrivals: int


class NeedFigures(msgspec.Struct, frozen=True):
    """The needs of a plan's users if one process makes the whole load, and the needs of a single user."""

    connections: int
    descriptors: int
    ephemeral_ports: int
    memory_bytes: int
    connections_of_a_user: float
    descriptors_of_a_user: float
    memory_bytes_of_a_user: int
    memory_bytes_of_a_process: int
    memory_bytes_of_steps: int


class CurvePoint(msgspec.Struct, frozen=True):
    """The load at one moment: users held, and the rate of arrivals."""

    at_s: float
    users: int
    arrivals_per_s: float


class PlanFigures(msgspec.Struct, frozen=True):
    """A plan in figures. ``duration_s`` is None where iterations decide how long the load lasts."""

    model: Model
    seed: int
    duration_s: float | None
    graceful_stop_s: float
    phases: tuple[PhaseFigures, ...]
    held_most: int
    most_users: int
    expected_arrivals: int
    needs: NeedFigures
    curve: tuple[CurvePoint, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the figures as ``run.json`` keeps them: mappings, lists and plain values."""
        figures: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return figures


def figures_of(plan: Plan) -> PlanFigures:
    """Return the figures of a plan; those of a shard are its own part."""
    most = most_users(plan)
    return PlanFigures(
        model=plan.model,
        seed=plan.seed,
        duration_s=_seconds(plan.total_ns),
        graceful_stop_s=plan.graceful_stop_ns / NS_PER_S,
        phases=tuple(_phase(phase, plan.own) for phase in plan.phases),
        held_most=plan.own.part_of(plan.held_most),
        most_users=most,
        expected_arrivals=plan.own.part_of(plan.expected_arrivals),
        needs=need_figures(plan.needs, most),
        curve=tuple(curve(plan)),
    )


def need_figures(needs: Needs, users: int) -> NeedFigures:
    """Return the needs of ``users`` users in one process, and the parts of the sum."""
    connections = ceil(users * needs.connections_of_a_user)
    return NeedFigures(
        connections=connections,
        descriptors=ceil(users * needs.files_of_a_user) + FILES_OF_A_PROCESS,
        ephemeral_ports=connections,
        memory_bytes=MEMORY_OF_A_PROCESS + needs.memory_of_steps + users * needs.memory_of_a_user,
        connections_of_a_user=needs.connections_of_a_user,
        descriptors_of_a_user=needs.files_of_a_user,
        memory_bytes_of_a_user=needs.memory_of_a_user,
        memory_bytes_of_a_process=MEMORY_OF_A_PROCESS,
        memory_bytes_of_steps=needs.memory_of_steps,
    )


def most_users(plan: Plan) -> int:
    """Return the largest number of users that may exist at once: as if no arrived user left before the load ends.

    ``max_users`` bounds only the arrived users here, so the figure may be too high, never too low.
    """
    most, arrived = 0, 0.0
    for phase in plan.phases:
        coming = plan.own.of(phase.expected_arrivals)
        if phase.max_users is not None:  # users that are there already stay
            coming = max(0.0, min(coming, phase.max_users - arrived))
        arrived += coming
        most = max(most, plan.own.part_of(phase.held_most) + round(arrived))
    return most


def curve(plan: Plan) -> list[CurvePoint]:
    """Return users held and arrivals per second over time, at most 120 points: the ends of phases, the rest evenly spread.

    The curve ends with the first phase whose length is not known before the run.
    """
    timed = [phase for phase in plan.phases if phase.start_ns is not None]
    return [_point(timed, at_ns, plan.own) for at_ns in _moments(timed)]


def _moments(phases: list[PlannedPhase]) -> list[int]:
    ends = {moment for phase in phases for moment in _ends(phase)}
    latest = max(ends)
    spare = max(MOST_POINTS - len(ends), 0)
    moments = sorted(ends | {latest * number // (spare + 1) for number in range(1, spare + 1)})
    if len(moments) <= MOST_POINTS:
        return moments
    return [moments[number * (len(moments) - 1) // (MOST_POINTS - 1)] for number in range(MOST_POINTS)]


def _ends(phase: PlannedPhase) -> tuple[int, ...]:
    """Return a phase's first nanosecond, and its last where its length is known."""
    start_ns = phase.start_ns or 0
    return (start_ns, start_ns + phase.duration_ns - 1) if phase.duration_ns else (start_ns,)


def _point(phases: list[PlannedPhase], at_ns: int, own: Shard) -> CurvePoint:
    phase = [phase for phase in phases if (phase.start_ns or 0) <= at_ns][-1]
    offset_ns = at_ns - (phase.start_ns or 0)
    return CurvePoint(at_ns / NS_PER_S, own.part_of(phase.users_at(offset_ns)), own.of(phase.rate_at(offset_ns)))


def _phase(phase: PlannedPhase, own: Shard) -> PhaseFigures:
    return PhaseFigures(
        name=phase.name,
        warmup=phase.warmup,
        start_s=_seconds(phase.start_ns),
        duration_s=_seconds(phase.duration_ns),
        iterations=phase.iterations,
        users_from=own.part_of(phase.users_from),
        users_to=own.part_of(phase.users_to),
        arrivals_from_per_s=own.of(phase.rate_from),
        arrivals_to_per_s=own.of(phase.rate_to),
        spacing=phase.spacing if phase.expected_arrivals else None,
        max_users=phase.max_users,
        expected_arrivals=own.part_of(round(phase.expected_arrivals)),
    )


def _seconds(ns: int | None) -> float | None:
    return None if ns is None else ns / NS_PER_S
