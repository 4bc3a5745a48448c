"""A plan in figures: what the console, ``loadws plan`` and the report say of a load before it runs."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

from loadws.plan.needs import FILES_OF_A_PROCESS, MEMORY_OF_A_PROCESS, Needs
from loadws.terms.units import NS_PER_S

if TYPE_CHECKING:
    from loadws.plan.plan import Plan, PlannedPhase

MOST_POINTS = 120


def describe(plan: Plan) -> dict[str, Any]:
    """Return the figures of a plan, JSON-able. Times in s, rates in 1/s, memory in bytes."""
    most = most_users(plan)
    return {
        "model": plan.model,
        "seed": plan.seed,
        "duration_s": _seconds(plan.total_ns),
        "graceful_stop_s": plan.graceful_stop_ns / NS_PER_S,
        "phases": [_row(phase) for phase in plan.phases],
        "held_most": plan.held_most,
        "most_users": most,
        "expected_arrivals": plan.expected_arrivals,
        "needs": describe_needs(plan.needs, most),
        "curve": curve(plan),
    }


def describe_needs(needs: Needs, users: int) -> dict[str, Any]:
    """Return what so many users need in one process, and of what it is made."""
    return {
        "connections": ceil(users * needs.connections_of_a_user),
        "descriptors": ceil(users * needs.files_of_a_user) + FILES_OF_A_PROCESS,
        "ephemeral_ports": ceil(users * needs.connections_of_a_user),
        "memory_bytes": MEMORY_OF_A_PROCESS + needs.memory_of_steps + users * needs.memory_of_a_user,
        "connections_of_a_user": needs.connections_of_a_user,
        "descriptors_of_a_user": needs.files_of_a_user,
        "memory_bytes_of_a_user": needs.memory_of_a_user,
        "memory_bytes_of_a_process": MEMORY_OF_A_PROCESS,
        "memory_bytes_of_steps": needs.memory_of_steps,
    }


def most_users(plan: Plan) -> int:
    """The most users that may be there at once: as many as if nobody who arrives left before the load ends.

    ``max_users`` is taken for the arrived users alone, so that this errs to the safe side.
    """
    most, arrived = 0, 0.0
    for phase in plan.phases:
        coming = phase.expected_arrivals
        if phase.max_users is not None:  # holds nobody back that is there already
            coming = max(0.0, min(coming, phase.max_users - arrived))
        arrived += coming
        most = max(most, phase.held_most + round(arrived))
    return most


def curve(plan: Plan) -> list[dict[str, float]]:
    """Users held and arrivals a second over time, at most 120 points: the ends of phases first, the rest spread evenly.

    It ends where a phase begins whose length nobody knows.
    """
    timed = [phase for phase in plan.phases if phase.start_ns is not None]
    return [_point(timed, at_ns) for at_ns in _moments(timed)]


def _moments(phases: list[PlannedPhase]) -> list[int]:
    ends = {moment for phase in phases for moment in _ends(phase)}
    latest = max(ends)
    spare = max(MOST_POINTS - len(ends), 0)
    moments = sorted(ends | {latest * number // (spare + 1) for number in range(1, spare + 1)})
    if len(moments) <= MOST_POINTS:
        return moments
    return [moments[number * (len(moments) - 1) // (MOST_POINTS - 1)] for number in range(MOST_POINTS)]


def _ends(phase: PlannedPhase) -> tuple[int, ...]:
    """A phase's first nanosecond and its last, where it has one."""
    start_ns = phase.start_ns or 0
    return (start_ns, start_ns + phase.duration_ns - 1) if phase.duration_ns else (start_ns,)


def _point(phases: list[PlannedPhase], at_ns: int) -> dict[str, float]:
    phase = [phase for phase in phases if (phase.start_ns or 0) <= at_ns][-1]
    offset_ns = at_ns - (phase.start_ns or 0)
    return {
        "at_s": at_ns / NS_PER_S,
        "users": phase.users_at(offset_ns),
        "arrivals_per_s": phase.rate_at(offset_ns),
    }


def _row(phase: PlannedPhase) -> dict[str, Any]:
    return {
        "name": phase.name,
        "warmup": phase.warmup,
        "start_s": _seconds(phase.start_ns),
        "duration_s": _seconds(phase.duration_ns),
        "iterations": phase.iterations,
        "users_from": phase.users_from,
        "users_to": phase.users_to,
        "arrivals_from_per_s": phase.rate_from,
        "arrivals_to_per_s": phase.rate_to,
        "spacing": phase.spacing if phase.expected_arrivals else None,
        "max_users": phase.max_users,
        "expected_arrivals": round(phase.expected_arrivals),
    }


def _seconds(ns: int | None) -> float | None:
    return None if ns is None else ns / NS_PER_S
