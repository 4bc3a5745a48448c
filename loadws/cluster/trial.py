"""A short trial of a share's rate on its machine, before the load, where that machine was not calibrated.

The rate that the share will make at most is sent to an echo beside it, by as many processes as the share has. That takes
about three seconds, and answers one question only: whether this machine can send so much in time. ``loadws calibrate``
finds out how much it can. Shares on one machine have their trials at the same time, as they have their loads.
"""

from __future__ import annotations

import msgspec

from loadws.fleet.machine.calibrate import Effort, Paced, keeps_up, makes, pace
from loadws.target.builtin import open_builtin
from loadws.terms.errors import LoadwsError
from loadws.terms.units import format_count, format_duration

#: Below this, per process and second, nothing is tried: every machine that runs loadws at all sends a multiple of it.
SURE_PER_S = 500.0
USERS_OF_A_PROCESS = 100
_EFFORT = Effort(warmup_s=0.5, judged_s=1.5)
_ADVICE = "give it a smaller share (--shares), use more machines, or plan a lower rate"


class Trial(msgspec.Struct, frozen=True):
    """A trial to be made. ``neighbours`` shares on this machine, itself among them, have theirs at the same time."""

    per_s: float
    users: int
    processes: int
    transport: str
    neighbours: int = 1


class Tried(msgspec.Struct, frozen=True):
    """The result of a trial, in words. ``notice`` is a warning, empty where the machine kept up."""

    checked: str
    notice: str = ""


def trial_of(per_s: float | None, users: int, processes: int, transport: str, neighbours: int) -> Trial | None:
    """Return the trial that a share needs; None where its rate is unknown, or so low that every machine can make it."""
    if per_s is None or per_s <= SURE_PER_S * processes:
        return None
    return Trial(per_s, min(users, USERS_OF_A_PROCESS * processes), processes, transport, neighbours)


async def try_rate(trial: Trial) -> Tried:
    """Make the trial. One that cannot be made is no error: the load itself will show what the machine can do."""
    try:
        async with open_builtin("echo", trial.processes * trial.neighbours) as url:
            paced = await pace(
                url, trial.transport, _EFFORT, trial.per_s, max(1, trial.users), trial.processes, apart=True
            )
    except LoadwsError as error:
        return Tried(f"its rate could not be tried: {error}")
    return outcome(trial, paced)


def outcome(trial: Trial, paced: Paced) -> Tried:
    """Return the outcome of a trial in words."""
    planned = f"{format_count(round(trial.per_s))} messages per second"
    lag = "" if paced.send_lag_p99_ns is None else f"send lag p99 {format_duration(paced.send_lag_p99_ns)}"
    if keeps_up(paced, trial.per_s):
        return Tried(f"kept up with {planned} in a trial, {lag}")
    if makes(paced, trial.per_s):
        late = f"sent {planned} late in a trial, {lag or 'with too few for a send lag p99'}"
        return Tried(late, f"it {late}: what it measures will have that lag too; {_ADVICE}")
    made = f"made {format_count(round(paced.made_per_s))} of {planned} in a trial"
    return Tried(made, f"it {made}, and cannot make its share of the load: expect an invalid run; {_ADVICE}")
