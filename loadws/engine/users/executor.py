"""Carry out the plan: users begin and leave at its times, whatever the server does.

Phases follow each other at their intended times, not when the previous one happens to be done. Held users carry over
from phase to phase; arrived ones live until their session is done. After the last phase held users leave, all users get
the graceful stop, and a user that is then not done is cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import trio

from loadws.engine.coordination import Together
from loadws.engine.lifecycle import Lifecycle
from loadws.engine.runtime.compiled import CompiledUser
from loadws.engine.runtime.parker import Parker
from loadws.engine.runtime.shared import FlowQuota, Shared
from loadws.engine.users.user import Forget, VirtualUser
from loadws.plan.plan import Arrival, Plan, PlannedPhase
from loadws.terms.units import NS_PER_S

#: How many users begin or leave before the loop has its turn: a few milliseconds of work.
AT_ONCE = 32
#: How long the close handshakes of users that were cut off may take.
GOODBYE_S = 1.0


@dataclass(slots=True)
class _End:
    """The time at which a phase ends, if it is known; ``at_ns`` is None while only the end of its flows will tell."""

    at_ns: int | None


class Executor:
    """The executor of one shard of a plan. ``phases`` fills with (name, start, end) of each phase as it really was, in
    seconds.
    """

    def __init__(
        self, plan: Plan, shared: Shared, users: Sequence[CompiledUser], lifecycle: Lifecycle, together: Together
    ) -> None:
        self._plan = plan
        self._shared = shared
        self._users = users
        self._lifecycle = lifecycle
        self._together = together
        self._held: dict[int, VirtualUser] = {}
        self._start_ns = 0
        self._changes = 0
        self.phases: list[tuple[str, float, float]] = []

    async def execute(self, start_ns: int) -> None:
        """Run every phase; return when the last user has ended. ``start_ns`` is the intended time of the plan's
        beginning.
        """
        self._start_ns = start_ns
        with self._lifecycle.users:
            async with trio.open_nursery() as users:
                self._shared.load_ended_ns = await self._run_phases(users, start_ns)
                self._shared.recorder.end_load()
                await self._let_all_leave()
                # The deadline cuts off users that are not done by then; when the nursery empties earlier, none is left.
                self._lifecycle.users.deadline = trio.current_time() + self._plan.graceful_stop_ns / NS_PER_S

    # -- phases -------------------------------------------------------------------------------------------------------

    async def _run_phases(self, users: trio.Nursery, start_ns: int) -> int:
        """Run the phases one after another, and return when the last one ended."""
        held = 0
        for phase in self._plan.phases:
            if self._lifecycle.stopping.is_set():
                break
            self._shared.recorder.begin_phase(phase.index, start_ns)
            end_ns = await self._run_phase(phase, held, start_ns, users)
            self.phases.append((phase.name, self._seconds(start_ns), self._seconds(end_ns)))
            held, start_ns = self._settle_held(phase, end_ns - start_ns), end_ns
        return start_ns

    async def _run_phase(self, phase: PlannedPhase, held: int, start_ns: int, users: trio.Nursery) -> int:
        """Run a phase until its intended end, until its flows are done, or until the run is stopped."""
        iterations, one_each = phase.iterations, self._plan.one_of_each
        self._shared.quota = FlowQuota(iterations, one_each=one_each) if iterations is not None else None
        planned_end_ns = None if phase.duration_ns is None else start_ns + phase.duration_ns
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._hold_users, phase, held, start_ns, users)
            nursery.start_soon(self._let_users_arrive, phase, start_ns, users)
            end_ns = await self._end_of(phase, planned_end_ns)
            if end_ns != planned_end_ns:  # else both tasks end by themselves: nothing is planned after it
                nursery.cancel_scope.cancel()
        quota, self._shared.quota = self._shared.quota, None
        if quota is not None:
            quota.wake_idle()  # a user that had no flow left in this phase goes on in the next
        return end_ns

    async def _end_of(self, phase: PlannedPhase, planned_end_ns: int | None) -> int:
        """Wait for the end of a phase and return it: its planned time, the end of its last flow, or when the run is
        stopped.
        """
        parker = Parker(self._shared.timers)
        end = _End(planned_end_ns)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_wake_after, self._lifecycle.stopping, parker)
            if self._shared.quota is not None:
                nursery.start_soon(self._await_flows, phase.index, self._shared.quota, end, parker)
            while await parker.wait(end.at_ns):
                if self._lifecycle.stopping.is_set():
                    end.at_ns = self._shared.timers.now_ns()
                    break
            nursery.cancel_scope.cancel()
        assert end.at_ns is not None
        return end.at_ns

    async def _await_flows(self, phase: int, quota: FlowQuota, end: _End, parker: Parker) -> None:
        """End the phase when every process has run its share of the flows, and not later than planned."""
        await quota.over.wait()
        flows_end_ns = await self._together.flows_done(phase, self._shared.timers)
        end.at_ns = flows_end_ns if end.at_ns is None else min(flows_end_ns, end.at_ns)
        parker.wake()

    # -- held users ---------------------------------------------------------------------------------------------------

    async def _hold_users(self, phase: PlannedPhase, held: int, start_ns: int, users: trio.Nursery) -> None:
        parker = Parker(self._shared.timers)
        forget = self._forget_held  # bound once for all of many users
        for change in self._plan.changes(phase, held):
            await self._until(start_ns + change.at_ns, parker)
            if change.start:
                self._begin_held(change.slot, start_ns + change.at_ns, users, forget)
            elif (user := self._held.pop(change.slot, None)) is not None:
                user.leave()
            await self._breathe()

    def _begin_held(self, slot: int, begin_ns: int, users: trio.Nursery, forget: Forget) -> None:
        user = VirtualUser(self._shared, self._users[self._plan.user_type(slot)], slot, is_held=True)
        self._held[slot] = user
        users.start_soon(user.live_held, begin_ns, forget, name="held user")  # trio would make each a name

    async def _forget_held(self, user: VirtualUser) -> None:
        await self._forget(user)
        if self._held.get(user.state.index) is user:
            del self._held[user.state.index]
            self._end_without_users()
        user.let_go()

    def _end_without_users(self) -> None:
        """End a phase of so many flows whose held users have all gone by themselves: their data ran out."""
        if not self._held and self._shared.quota is not None:
            self._shared.quota.give_up()

    async def _let_all_leave(self) -> None:
        """Tell all users to leave before the first goes: none begins another turn while thousands close connections."""
        users = tuple(self._held.values())
        for user in users:
            user.state.ask_to_leave()
        for user in users:
            user.state.interrupt_pauses()
            await self._breathe()

    def _settle_held(self, phase: PlannedPhase, lasted_ns: int) -> int:
        """Return how many users the plan holds at a phase's end. Where a change was cut short, it is the number
        reached.
        """
        held = phase.users_at(lasted_ns)
        for slot in [slot for slot in self._held if slot >= held]:
            self._held.pop(slot).leave()
        return held

    # -- arrivals -----------------------------------------------------------------------------------------------------

    async def _let_users_arrive(self, phase: PlannedPhase, start_ns: int, users: trio.Nursery) -> None:
        parker = Parker(self._shared.timers)
        for arrival in self._plan.arrivals(phase):
            await self._until(start_ns + arrival.at_ns, parker)
            self._arrive(arrival, phase, start_ns + arrival.at_ns, users)
            await self._breathe()

    def _arrive(self, arrival: Arrival, phase: PlannedPhase, intended_ns: int, users: trio.Nursery) -> None:
        """Begin an arrival at once, or drop and count it: above ``max_users``, or with no flow left in the phase."""
        arrivals = self._shared.recorder.ledger.arrivals
        arrivals.planned += 1
        quota = self._shared.quota
        is_full = phase.max_users is not None and self._shared.recorder.users.value >= phase.max_users
        if is_full or (quota is not None and not quota.take(arrival.user)):
            arrivals.dropped += 1
            return
        compiled = self._users[self._plan.user_type(arrival.user)]
        user = VirtualUser(self._shared, compiled, arrival.user, is_held=False)
        self._shared.recorder.users.rise()
        users.start_soon(user.live_arrived, intended_ns, quota, self._forget_arrived, name="arrived user")

    async def _forget_arrived(self, user: VirtualUser) -> None:
        await self._forget(user)
        user.let_go()

    async def _forget(self, user: VirtualUser) -> None:
        """Close the open connections of a user that was cut off, unless the run has to end at once, and count it out."""
        if not self._lifecycle.is_at_once and user.state.open_connections():
            with trio.CancelScope(shield=True, deadline=trio.current_time() + GOODBYE_S):
                await user.close_everything()
        self._shared.recorder.users.fall()

    # -- time ---------------------------------------------------------------------------------------------------------

    async def _breathe(self) -> None:
        """Let the loop have its turn while many users begin or leave at one moment."""
        self._changes += 1
        if self._changes % AT_ONCE == 0:
            await trio.lowlevel.checkpoint()

    async def _until(self, at_ns: int, parker: Parker) -> None:
        if self._shared.timers.now_ns() < at_ns:
            await parker.wait(at_ns)

    def _seconds(self, at_ns: int) -> float:
        return (at_ns - self._start_ns) / NS_PER_S


async def _wake_after(event: trio.Event, parker: Parker) -> None:
    await event.wait()
    parker.wake()
