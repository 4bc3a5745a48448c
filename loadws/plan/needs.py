"""What one user and one process of a load need: connections, open files, memory.

The numbers are estimates, on Linux with Python 3.11. Measured were 26 KB for a user over trio-websocket; 300 KiB for
zlib's two windows of a connection that compresses with context takeover, once they are full; 53 MiB and 19 open files
for a worker, 69 MiB and 29 open files for a parent of three. With 1,000 request steps of six histograms each, a step
needed 26 KB, in the one process that sums up.
"""

from __future__ import annotations

import msgspec

from loadws.scenario.model.features import keeps_windows
from loadws.scenario.model.model import Scenario, UserType
from loadws.scenario.model.step_names import walk_steps
from loadws.scenario.model.steps import AnyStep, Flow, walk

MEMORY_OF_A_PROCESS = 96 << 20
MEMORY_OF_A_USER = 16 << 10
MEMORY_OF_A_CONNECTION = 16 << 10
MEMORY_OF_WINDOWS = 304 << 10
MEMORY_OF_A_HISTOGRAM = 4 << 10
#: Open files of a process besides its connections: its files and pipes, the interpreter's own, and some to spare.
FILES_OF_A_PROCESS = 64
#: Metrics that only few connections and requests have, and counts, which are no histograms.
_SELDOM = frozenset({"proxy_time", "stray_messages", "tries_not_begun"})
#: Names of connections; None is the one without a name.
_Names = frozenset[str | None]


class Needs(msgspec.Struct, frozen=True):
    """The needs of a scenario for any number of users. For one user: means over the user types, by their weights.

    ``connections_of_a_user`` are those that are certainly open at once, ``files_of_a_user`` these and one for HTTP
    where it asks over HTTP. ``memory_of_steps`` is for the measurements of each step, in the one process that sums up.
    """

    connections_of_a_user: float = 1.0
    files_of_a_user: float = 1.0
    memory_of_a_user: int = MEMORY_OF_A_USER + MEMORY_OF_A_CONNECTION
    memory_of_steps: int = 0


def needs_of(scenario: Scenario) -> Needs:
    """Return what a scenario needs of this machine while it runs."""
    of_connection = MEMORY_OF_A_CONNECTION + (MEMORY_OF_WINDOWS if keeps_windows(scenario) else 0)
    types = scenario.user_types
    weights = sum(each.weight for each in types)
    connections = sum(each.weight * _connections(each) for each in types) / weights
    http = sum(each.weight for each in types if _asks_over_http(each)) / weights
    return Needs(
        connections_of_a_user=connections,
        files_of_a_user=connections + http,
        memory_of_a_user=round(MEMORY_OF_A_USER + connections * of_connection),
        memory_of_steps=_histograms(scenario) * MEMORY_OF_A_HISTOGRAM,
    )


def _asks_over_http(user_type: UserType) -> bool:
    return any(step.uses_http for _, step in walk(user_type.flow))


# -- connections ------------------------------------------------------------------------------------------------------


def _connections(user_type: UserType) -> int:
    """Return how many connections a user of this type certainly has open at once."""
    if not user_type.is_whole_session:
        return 1
    return max(1, _most_open(user_type.flow, frozenset())[0])


def _most_open(flow: Flow, before: _Names) -> tuple[int, _Names]:
    """Return the most connections that are open at once in a flow, and those that are open after it."""
    most, now = len(before), before
    for step in flow:
        most_of_step, now = _most_open_in(step, now)
        most = max(most, most_of_step)
    return most, now


def _most_open_in(step: AnyStep, before: _Names) -> tuple[int, _Names]:
    effect = step.effect()
    if step.inside == "together":
        return _side_by_side(step, before)
    if effect == "opens":
        after = before | {step.connection}
    elif effect in ("closes", "drops") or step.awaits() == "close":
        after = before - {step.connection}
    elif step.inside == "one" or step.is_opaque:
        after = before  # what these open is decided by the run
    else:
        return _one_after_another(step, before)
    return len(after), after


def _one_after_another(step: AnyStep, before: _Names) -> tuple[int, _Names]:
    most, now = len(before), before
    for _, steps in step.children():
        most_inside, now = _most_open(steps, now)
        most = max(most, most_inside)
    return most, now


def _side_by_side(step: AnyStep, before: _Names) -> tuple[int, _Names]:
    branches = [_most_open(branch, before) for _, branch in step.children()]
    more = sum(most - len(before) for most, _ in branches)
    return len(before) + more, before.union(*(after for _, after in branches))


# -- histograms -------------------------------------------------------------------------------------------------------


def _histograms(scenario: Scenario) -> int:
    """Return how many histograms are kept: of each metric and step name one."""
    kept = {(metric, step.label) for _, step in walk_steps(scenario) for metric in _timed(step)}
    return len(kept) + len({measure.name for measure in scenario.measure})


def _timed(step: AnyStep) -> frozenset[str]:
    own = {metric.name for _, metric in step.own_metrics() if metric.kind == "histogram"}
    return step.measured() - _SELDOM | own
