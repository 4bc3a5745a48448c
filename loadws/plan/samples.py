"""Estimate how many samples a rule will be judged by, where the plan tells it: schedules, pauses, arrivals, sessions.

The estimate may be too high, as if answers needed no time; so a rule that has too few samples by it has too few in the
run. A loop without a pause runs as fast as the server answers, and ``if``, ``pick``, ``while``, functions and handlers
are decided by the run: the number is then unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from loadws.plan.passes import Counted, Unknown, pass_through
from loadws.plan.plan import Plan, PlannedPhase
from loadws.scenario.model.measured import verbs_measuring
from loadws.scenario.model.model import Scenario, UserType
from loadws.scenario.model.step_names import walk_user_types
from loadws.scenario.model.steps import AnyStep, walk
from loadws.terms.metrics import TABLE
from loadws.terms.thresholds import Threshold
from loadws.terms.units import NS_PER_S


def expected_samples(scenario: Scenario, plan: Plan, threshold: Threshold) -> float | None:
    """Return about how many samples the rule's metric will have in the time that it judges; None where nothing is known."""
    counted = _counted_by(scenario, threshold)
    if counted is None or _has_pings_of_its_own(scenario, threshold):
        return None
    phase_wanted = threshold.labels.get("phase")
    try:
        return sum(
            _in_phase(_Users(scenario, plan, phase, held_before), counted, threshold)
            for phase, held_before in _with_held_before(plan)
            if (not phase.warmup if phase_wanted is None else phase.name == phase_wanted)
        )
    except Unknown:
        return None


def _counted_by(scenario: Scenario, threshold: Threshold) -> Counted | None:
    """Return which steps give the metric a sample; None for a metric whose samples are not counted by steps."""
    verbs, metric, wanted = verbs_measuring(threshold.metric), threshold.metric, threshold.labels.get("step")
    measures = [measure for measure in scenario.measure if measure.name == metric]
    if any(measure.from_.step is None for measure in measures):
        return None  # messages begin it, and the file does not say how many come
    if metric in TABLE and (not verbs or TABLE[metric].kind != "histogram"):
        return None

    def counted(step: AnyStep) -> float:
        if wanted is not None and step.label != wanted:
            return 0.0
        if metric not in TABLE:
            begins = sum(measure.from_.step == step.label for measure in measures)
            return float(begins or metric in {own.name for _, own in step.own_metrics()})
        return float(metric in step.measured())

    return counted


def _has_pings_of_its_own(scenario: Scenario, threshold: Threshold) -> bool:
    """Return whether keep-alive pings, which no step sends, are among the samples."""
    is_kept = threshold.metric == "ping_time" and threshold.labels.get("step", "keepalive") == "keepalive"
    return is_kept and scenario.connection.ping is not None


def _with_held_before(plan: Plan) -> Iterator[tuple[PlannedPhase, int]]:
    held = 0
    for phase in plan.phases:
        yield phase, held
        held = phase.users_to


class _Users(msgspec.Struct, frozen=True):
    """The users of one phase. ``held_before``: how many users were held when it began."""

    scenario: Scenario
    plan: Plan
    phase: PlannedPhase
    held_before: int

    def mean(self, of: Callable[[UserType], float]) -> float:
        """Return the mean over the user types, by their weights."""
        types = [user_type for _, user_type in walk_user_types(self.scenario)]
        return sum(each.weight * of(each) for each in types) / sum(each.weight for each in types)

    @property
    def held(self) -> float:
        """Return how many users are held, on average."""
        phase = self.phase
        return (phase.users_from + phase.users_to) / 2 if phase.duration_ns else phase.users_to

    @property
    def started(self) -> int:
        """Return how many held users begin in this phase."""
        first = self.phase.users_from if self.phase.duration_ns else self.phase.users_to
        return max(0, first - self.held_before) + max(0, self.phase.users_to - first)


def _in_phase(users: _Users, counted: Counted, threshold: Threshold) -> float:
    total = 0.0
    if users.held or users.started:
        total += users.mean(lambda user_type: _of_held(users, user_type, counted, threshold))
    if users.phase.expected_arrivals:
        total += users.phase.expected_arrivals * users.mean(lambda each: _of_session(users, each, counted, threshold))
    return total


def _connects_unasked(users: _Users, user_type: UserType, threshold: Threshold) -> float:
    """Return the samples of the connect that precedes a flow without a connect step."""
    if user_type.is_whole_session or "connect" not in verbs_measuring(threshold.metric):
        return 0.0
    return float(threshold.labels.get("step", "connect") == "connect")


def _of_session(users: _Users, user_type: UserType, counted: Counted, threshold: Threshold) -> float:
    _refuse_unknown(users, user_type, counted, threshold)
    return _connects_unasked(users, user_type, threshold) + pass_through(user_type.flow, counted).count


def _of_held(users: _Users, user_type: UserType, counted: Counted, threshold: Threshold) -> float:
    """Return the samples of all held users, as if all were of this type."""
    _refuse_unknown(users, user_type, counted, threshold)
    unasked = users.started * _connects_unasked(users, user_type, threshold)
    if not any(counted(step) for _, step in walk(user_type.flow)):
        return unasked
    return unasked + min(_by_time(users, user_type, counted), _by_iterations(users, user_type, counted))


def _by_time(users: _Users, user_type: UserType, counted: Counted) -> float:
    if users.phase.duration_ns is None:
        return float("inf")
    seconds = users.phase.duration_ns / NS_PER_S
    for index, step in enumerate(user_type.flow):
        pace = step.pace()
        if pace.interval_ns is not None and pace.is_endless:  # the rest is never reached
            turns = users.held * seconds * NS_PER_S / pace.interval_ns
            before = pass_through(user_type.flow[:index], counted).count
            return users.started * before + turns * pass_through(step.inner(), counted).count
    once = pass_through(user_type.flow, counted)
    if not once.pause_s:
        raise Unknown
    return users.held * (seconds // once.pause_s + 1) * once.count


def _by_iterations(users: _Users, user_type: UserType, counted: Counted) -> float:
    if users.phase.iterations is None:
        return float("inf")
    return users.phase.iterations * pass_through(user_type.flow, counted).count


def _refuse_unknown(users: _Users, user_type: UserType, counted: Counted, threshold: Threshold) -> None:
    """Check that the number can be known before the run.

    Raises:
        Unknown: Handlers may run counted steps, a function is called, or a policy may connect again.
    """
    handled = (step for flow in user_type.on.flows() for _, step in walk(flow))
    may_heal = bool(users.scenario.connection.reconnect) and "connect" in verbs_measuring(threshold.metric)
    if may_heal or user_type.is_in_python or any(counted(step) for step in handled):
        raise Unknown
