"""The plan of a run: which users are held and which arrive, when, and of what type. Made before the load, of nothing
but the scenario and a seed.

A held user lives in a slot. Slots are filled in order and emptied newest first, so that equal numbers of two phases
are the same users. A slot's number is its user's index; the users that arrive have the indices above all slots.

A plan can be cut into shards, one for each process: a shard holds the slots and takes the arrivals whose numbers are its own
(``plan/split.py``), and has its share of ``iterations`` and ``max_users``. A shard can be cut again. So each of several
machines takes a shard, and cuts it for its own processes, whose number the other machines need not know. All shards
together are the whole plan, user by user, whatever their number. Only which users are dropped at ``max_users`` and which
users run which of the ``iterations`` depends on the cut: a process knows how many users it has itself, and not how many
the others have.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Literal

import msgspec
from msgspec.structs import replace

from loadws.plan.allocation import allocate, choose
from loadws.plan.arrivals import Spacing, arrivals, count_arrivals, expected_arrivals
from loadws.plan.needs import Needs, needs_of
from loadws.plan.split import Shard, shard
from loadws.scenario.model.model import Phase, Scenario, UserType
from loadws.scenario.model.steps import AnyStep, walk
from loadws.terms.units import NS_PER_S

Model = Literal["closed", "open", "mixed", "partly open"]


class UserChange(msgspec.Struct, frozen=True):
    """The beginning or end of a held user, ``at_ns`` after the phase's start."""

    at_ns: int
    slot: int
    start: bool


class Arrival(msgspec.Struct, frozen=True):
    """The arrival of a user, ``at_ns`` after the phase's start. ``number`` counts the arrivals of the whole run, from
    0.
    """

    number: int
    user: int
    at_ns: int


class PlannedPhase(msgspec.Struct, frozen=True):
    """One phase. ``start_ns`` is since the run's start; None after a phase whose length only its iterations decide.

    ``first_arrival`` is the number of its first arrival. Rates are in 1/s.
    """

    index: int
    name: str
    warmup: bool
    start_ns: int | None
    duration_ns: int | None
    iterations: int | None
    users_from: int
    users_to: int
    rate_from: float
    rate_to: float
    spacing: Spacing
    max_users: int | None
    first_arrival: int = 0

    def users_at(self, offset_ns: int) -> int:
        """Return how many users are held after all changes that are due up to ``offset_ns``."""
        ramp = abs(self.users_to - self.users_from)
        if not ramp or not self.duration_ns:
            return self.users_to
        # The number of multiples of T/ramp up to the offset, with the 0th: a rise begins with it, a fall does not.
        passed = -(-(offset_ns + 1) * ramp // self.duration_ns)
        if self.users_to > self.users_from:
            return self.users_from + min(passed, ramp)
        return self.users_from - min(passed - 1, ramp)

    def rate_at(self, offset_ns: int) -> float:
        """Return the arrivals per second expected at ``offset_ns``."""
        if not self.duration_ns:
            return self.rate_to
        return self.rate_from + (self.rate_to - self.rate_from) * offset_ns / self.duration_ns

    @property
    def expected_arrivals(self) -> float:
        return expected_arrivals(self.rate_from, self.rate_to, self.duration_ns or 0)

    @property
    def held_most(self) -> int:
        return max(self.users_from, self.users_to)

    def shard_of(self, part: Shard, before: Shard) -> PlannedPhase:
        """Return the phase with the ``part`` of what is counted; this phase is that of the shard ``before``.

        Users and arrivals keep the whole plan's figures: a shard tells its own by their numbers. Where users are only held,
        flows are shared by the parts that have a user: without one they would never end.
        """
        held = before.part_of(self.held_most if self.duration_ns else self.users_to)
        runners = part if self.expected_arrivals else part.among(held)
        return replace(
            self,
            iterations=None if self.iterations is None else runners.part_of(self.iterations),
            max_users=None if self.max_users is None else part.part_of(self.max_users),
        )


class Plan(msgspec.Struct, frozen=True, dict=True):
    """The plan of a run. ``weights`` are the user types', in the scenario's order; ``needs`` are the machine's
    resources for it.

    ``own`` is the part of the whole plan that this is. ``number`` is its own among all parts; the parts that it is cut
    into are ``number``, ``number + stride``, and so on.

    ``one_of_each``: it holds one user of each type, in the scenario's order, and each of them runs its flow once.
    """

    seed: int
    model: Model
    phases: tuple[PlannedPhase, ...]
    weights: tuple[float, ...]
    graceful_stop_ns: int
    own: Shard = Shard()  # it never changes
    number: int = 0
    stride: int = 1
    needs: Needs = msgspec.field(default_factory=Needs)
    one_of_each: bool = False

    @cached_property
    def _held_types(self) -> array[int]:
        """Return the type of each slot. It is computed when asked for: of a plan with too many users, only the figures
        are used.
        """
        if self.one_of_each:
            return array("H", range(len(self.weights)))
        return allocate(self.weights, self.held_most, self.seed)

    @property
    def held_most(self) -> int:
        """Return the most users held at once in the whole plan, which is the number of slots."""
        return max(phase.held_most for phase in self.phases)

    @property
    def expected_arrivals(self) -> int:
        return round(sum(phase.expected_arrivals for phase in self.phases))

    @property
    def total_ns(self) -> int | None:
        """Return how long the load lasts, without its graceful stop; None where iterations decide."""
        last = self.phases[-1]
        return None if last.start_ns is None or last.duration_ns is None else last.start_ns + last.duration_ns

    def shard_of(self, index: int, count: int, weights: Sequence[int] = ()) -> Plan:
        """Return part ``index`` of ``count`` of this plan, which may be a shard of another one itself.

        Parts are equal, or by their ``weights`` where this is the whole plan.
        """
        part = shard(index, count, weights)
        assert self.own == Shard() or part == Shard(index, count)
        own = part if self.own == Shard() else self.own.cut(index, count)
        phases = tuple(phase.shard_of(part, self.own) for phase in self.phases)
        number = self.number + self.stride * index
        return replace(self, own=own, number=number, stride=self.stride * count, phases=phases)

    def prepared(self) -> Plan:
        """Return the plan after computing everything that its load would otherwise have to wait for."""
        _ = self._held_types
        return self

    def changes(self, phase: PlannedPhase, held_before: int) -> Iterator[UserChange]:
        """Yield this shard's held users that begin and leave in a phase, in the order of time, until ``users_to`` are
        held.

        At once ``held_before`` becomes ``users_from`` (a phase without fixed time has no ramp: ``users_to``). A rise
        by d over T starts one more at 0, T/d, 2T/d, …; a fall stops one more at T/d, 2T/d, … T.
        """
        first = phase.users_from if phase.duration_ns else phase.users_to
        ramp = abs(phase.users_to - first)
        yield from self._mine((0, slot, start) for slot, start in _steps(held_before, first))
        late = 0 if phase.users_to > first else 1
        ramped = enumerate(_steps(first, phase.users_to), start=late)
        yield from self._mine(
            ((phase.duration_ns or 0) * number // ramp, slot, start) for number, (slot, start) in ramped
        )

    def _mine(self, changes: Iterator[tuple[int, int, bool]]) -> Iterator[UserChange]:
        return (UserChange(at_ns, slot, start) for at_ns, slot, start in changes if self.own.has(slot))

    def arrivals(self, phase: PlannedPhase) -> Iterator[Arrival]:
        """Yield this shard's arrivals of a phase, in the order of time."""
        if phase.duration_ns is None:
            return
        offsets = arrivals(phase.rate_from, phase.rate_to, phase.duration_ns, phase.spacing, self.seed, phase.index)
        for number, at_ns in enumerate(offsets, start=phase.first_arrival):
            if self.own.has(number):
                yield Arrival(number, self.held_most + number, at_ns)

    def user_type(self, user: int) -> int:
        """Return the index of a user's type: that of ``allocation`` for a held user, a drawn one for a user that
        arrives.
        """
        if user < len(self._held_types):
            return self._held_types[user]
        return choose(self.weights, user, self.seed)


def _steps(before: int, after: int) -> Iterator[tuple[int, bool]]:
    """Yield (slot, whether it starts) from one number of held users to another: the oldest first up, the newest first
    down.
    """
    if after >= before:
        return ((slot, True) for slot in range(before, after))
    return ((slot, False) for slot in range(before - 1, after - 1, -1))


def make_plan(scenario: Scenario, seed: int, *, one_of_each: bool = False) -> Plan:
    """Return the plan. A ramp without ``from`` begins where the phase before ended, or at 0; a phase without ``users``
    holds none.

    ``one_of_each``: the scenario's load is one user of each type (``one_of_each_type``).
    """
    phases: list[PlannedPhase] = []
    for phase in scenario.load:
        phases.append(_planned(phase, phases[-1] if phases else None))
    return Plan(
        seed=seed,
        model=_model(scenario, phases),
        phases=_numbered(phases, seed),
        weights=tuple(user_type.weight for user_type in scenario.user_types),
        graceful_stop_ns=scenario.graceful_stop,
        needs=needs_of(scenario),
        one_of_each=one_of_each,
    )


def _planned(phase: Phase, before: PlannedPhase | None) -> PlannedPhase:
    index = before.index + 1 if before else 0
    users, rate = phase.users, phase.arrivals
    users_before, rate_before = (before.users_to, before.rate_to) if before else (0, 0.0)
    return PlannedPhase(
        index=index,
        name=phase.name or f"phase-{index + 1}",
        warmup=phase.warmup,
        start_ns=_end_ns(before),
        duration_ns=phase.for_,
        iterations=phase.iterations,
        users_from=0 if users is None else users_before if users.from_ is None else users.from_,
        users_to=users.to if users else 0,
        rate_from=0.0 if rate is None else rate_before if rate.from_ is None else rate.from_,
        rate_to=rate.to if rate else 0.0,
        spacing=phase.spacing,
        max_users=phase.max_users,
    )


def _end_ns(phase: PlannedPhase | None) -> int | None:
    if phase is None:
        return 0
    if phase.start_ns is None or phase.duration_ns is None:
        return None
    return phase.start_ns + phase.duration_ns


def _numbered(phases: list[PlannedPhase], seed: int) -> tuple[PlannedPhase, ...]:
    """Return the phases with their arrivals numbered through all phases, which are counted before the load by drawing
    them.
    """
    numbered, first = [], 0
    arriving = [phase.index for phase in phases if phase.expected_arrivals]
    for phase in phases:
        numbered.append(replace(phase, first_arrival=first))
        if arriving and phase.index < arriving[-1]:
            first += count_arrivals(
                phase.rate_from, phase.rate_to, phase.duration_ns or 0, phase.spacing, seed, phase.index
            )
    return tuple(numbered)


def _model(scenario: Scenario, phases: list[PlannedPhase]) -> Model:
    """Return the model in the terms of Schroeder, Wierman, Harchol-Balter, "Open Versus Closed: A Cautionary Tale",
    NSDI 2006.
    """
    if not any(phase.expected_arrivals for phase in phases):
        return "closed"
    if any(phase.held_most for phase in phases):
        return "mixed"
    return "partly open" if any(_lives_long(user_type) for user_type in scenario.user_types) else "open"


def _lives_long(user_type: UserType) -> bool:
    """Return whether an arrived user stays for more than one exchange: its flow loops, or pauses for a second or more.

    What a ``while`` or a templated ``repeat`` will do is not known before the run; it counts as a loop.
    """
    return any(_goes_on(step) for _, step in walk(user_type.flow))


def _goes_on(step: AnyStep) -> bool:
    pace = step.pace()
    is_loop = step.inside == "again" and (pace.interval_ns is not None or pace.times not in (0, 1))
    return is_loop or pace.pause_ns >= NS_PER_S
