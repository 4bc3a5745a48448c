"""The life of a virtual user: sessions one after another (held), or one (arrived).

Every session that begins ends as exactly one of completed, failed and cut off, and so does every arrival; ``Fate`` says
which. A held user is asked to leave (``leave``): it finishes its step, closes its connection and ends. Only a
cancellation cuts a user off.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum

import trio

from loadws.engine.runtime.compiled import CompiledUser
from loadws.engine.runtime.connection.conversation import Conversation
from loadws.engine.runtime.connection.measuring import Measuring
from loadws.engine.runtime.flow_control import EndSession, EndTurn, Leave
from loadws.engine.runtime.reconnect import Healing
from loadws.engine.runtime.shared import FlowQuota, Shared
from loadws.engine.runtime.strand import Strand, run_flow
from loadws.engine.runtime.user_state import NO_CONNECTIONS, UserState
from loadws.engine.users.handlers import Handlers
from loadws.scenario.template.template import EvaluationError, Scope
from loadws.terms.units import NS_PER_MS, NS_PER_S

GOING_AWAY = 1001
FIRST_RETRY_NS = 100 * NS_PER_MS
LAST_RETRY_NS = 5 * NS_PER_S


class Fate(Enum):
    """The outcome of a session; the values are the ledger's names."""

    COMPLETED = "completed"
    FAILED = "failed"
    CUT_OFF = "cut_off"


#: What the executor does for a user that has gone.
Forget = Callable[["VirtualUser"], Awaitable[None]]


class VirtualUser:
    """One user: ``state`` is what its steps see, ``main`` the strand of its flow."""

    __slots__ = ("_compiled", "_handlers", "_sessions", "_shared", "_taken_from", "main", "state")

    def __init__(self, shared: Shared, compiled: CompiledUser, index: int, *, is_held: bool) -> None:
        self._shared = shared
        self._compiled = compiled
        self._sessions = 0
        self._taken_from: FlowQuota | None = None  # the quota that the current flow was taken from
        self.state = UserState(shared, compiled.traits, index, is_held=is_held)
        scope = Scope(user=index, seed=shared.facts.seed, clock=shared.clock, env=shared.facts.env)
        scope.stale_rows = set() if shared.supplies.by_turn else None
        self.main = self.state.main = Strand(self.state, scope, 0)
        if compiled.traits.measures:
            beside = self.main.beside()
            self.state.measuring = Measuring(compiled.traits.measures, shared.recorder, shared.timers, beside.scope)
        self._handlers = Handlers(compiled.handlers, self.main) if compiled.handlers else None
        self.state.handlers = self._handlers

    # -- its life -----------------------------------------------------------------------------------------------------

    async def live_held(self, begin_ns: int, forget: Forget) -> None:
        """Run sessions one after another, from ``begin_ns`` until it is asked to leave; then call ``forget``.

        It is the task itself: a coroutine around it would take 280 bytes in each of many users.
        """
        self._shared.recorder.users.rise()
        try:
            self.main.free_ns = begin_ns
            if self._compiled.connects:
                self.state.count_as_planned()
            ledger = self._shared.recorder.ledger.sessions
            while await self._may_run_a_flow():
                waits = self.main.parker.waits
                ledger.started += 1
                fate = Fate.CUT_OFF
                try:
                    fate = await self._session()
                finally:
                    setattr(ledger, fate.value, getattr(ledger, fate.value) + 1)
                await self._rest(has_waited=self.main.parker.waits != waits)
        finally:
            await forget(self)

    async def live_arrived(self, intended_ns: int, quota: FlowQuota | None, forget: Forget) -> None:
        """Run one session, which the plan starts at ``intended_ns``; then call ``forget``.

        Its flow has been taken from the quota already.
        """
        self.main.free_ns = self.main.intended_ns = intended_ns
        self._taken_from = quota
        ledger = self._shared.recorder.ledger.arrivals
        fate = Fate.CUT_OFF
        try:
            fate = await self._session()
        finally:
            setattr(ledger, fate.value, getattr(ledger, fate.value) + 1)
            await forget(self)

    def leave(self) -> None:
        """Ask it to leave. A wait for only time or a message ends at once; any other step is finished first."""
        self.state.ask_to_leave()
        self.state.interrupt_pauses()

    def let_go(self) -> None:
        """Break the references between its parts, so that they are freed at once, without the garbage collector.

        A connection that is still open at the cut-off may report its end later.
        """
        self.main.parker.let_go()
        self.state.main = self.state.handlers = self.state.current = self._handlers = None
        self.state.named = NO_CONNECTIONS
        del self.main

    async def _rest(self, *, has_waited: bool) -> None:
        """Wait between two sessions: after one that never got a connection, from 100 ms up to 5 s, longer each time.

        Where the session waited for nothing, others have their turn.
        """
        without = self.state.sessions_without_connection
        if without:
            wait_ns = min(FIRST_RETRY_NS << min(without - 1, 16), LAST_RETRY_NS)
            await self.main.pause(self._shared.timers.now_ns() + wait_ns)
        if not has_waited:
            await trio.lowlevel.checkpoint()
        self.main.free_ns = self._shared.timers.now_ns()

    # -- the flows that a phase has left ------------------------------------------------------------------------------

    async def _may_run_a_flow(self) -> bool:
        """Wait while the phase has no flows left. Return False once the user has to leave, or its session is over."""
        while not self.state.is_to_go:
            quota = self._shared.quota
            if quota is None or quota.take(self.state.index):
                self._taken_from = quota
                return True
            quota.idle.add(self.state.interrupt_pauses)
            try:
                await self.main.pause(None)
            finally:
                quota.idle.discard(self.state.interrupt_pauses)
            self.main.free_ns = self._shared.timers.now_ns()
        return False

    def _flow_is_done(self) -> None:
        quota, self._taken_from = self._taken_from, None
        if quota is not None:
            quota.done()

    # -- a session ----------------------------------------------------------------------------------------------------

    async def _session(self) -> Fate:
        state, began_ns = self.state, self.main.free_ns
        state.begin_session()
        self.main.begin_session()
        without = state.sessions_without_connection = state.sessions_without_connection + 1  # until it opens one
        try:
            if self._compiled.handlers.wait:
                fate = await self._with_handler_task()
            else:  # ``_flow_then_close``, without its coroutine in each of many users
                fate = await self._any_flow()
                self._flow_is_done()
                await self._close_all()
        finally:
            self._flow_is_done()
            state.end_session()
            self._sessions += 1
        lasted_ns = self._shared.timers.now_ns() - began_ns
        if state.fell_at_once and lasted_ns < FIRST_RETRY_NS:
            state.sessions_without_connection = without  # a server that accepts and closes at once is not hammered
        self._shared.recorder.duration("session_time", None, began_ns, lasted_ns)
        return fate

    async def _with_handler_task(self) -> Fate:
        async with trio.open_nursery() as nursery:
            handlers = self._handlers
            assert handlers is not None
            nursery.start_soon(handlers.work)
            fate = await self._flow_then_close()
            await handlers.drain()
            nursery.cancel_scope.cancel()
        return fate

    async def _flow_then_close(self) -> Fate:
        fate = await self._any_flow()
        self._flow_is_done()
        await self._close_all()
        return fate

    def _any_flow(self) -> Awaitable[Fate]:
        return self._flow_with_healing() if self._compiled.heals else self._driven_flow()

    async def _flow_with_healing(self) -> Fate:
        async with trio.open_nursery() as nursery:
            self.state.healer = Healing(nursery, self.main)
            try:
                fate = await self._driven_flow()
            finally:
                self.state.healer = None
            nursery.cancel_scope.cancel()
        return fate

    async def _close_all(self) -> None:
        """Close the open connections at the session's end, all at once, so that this lasts one close timeout at most."""
        still_open = self.state.open_connections()
        if len(still_open) == 1:
            await self._close(still_open[0])
        elif still_open:
            async with trio.open_nursery() as nursery:
                for connection in still_open:
                    nursery.start_soon(self._close, connection)

    async def close_everything(self) -> None:
        """Close all open connections at once, with 1001 (going away): the user was cut off."""
        async with trio.open_nursery() as nursery:
            for connection in self.state.open_connections():
                nursery.start_soon(connection.close, GOING_AWAY)

    async def _close(self, connection: Conversation) -> None:
        async with self._shared.closings:
            await connection.close(1000)

    def _driven_flow(self) -> Awaitable[Fate]:
        return self.main.parker.drive(self._flow())

    async def _flow(self) -> Fate:
        """Run a whole session's flow once; run the flow inside a session again and again.

        The turns have no coroutine of their own, because each that waits takes over 200 bytes in each of many users, and
        what ends a turn is written out here, because it is done as often as a message is sent.
        """
        connect, main, state, shared = self._compiled.connect, self.main, self.state, self._shared
        state.in_flow = True
        try:
            self._begin_variables()
            if connect is None:
                await self._flow_once()
                return Fate.COMPLETED
            await connect(main)
            scope = main.scope
            while True:
                waits = main.parker.waits
                for step in self._compiled.flow:
                    if state.leaving or state.condemned:
                        main.heed()
                    await step(main)
                if main.lost_try:
                    main.lost_try = False
                else:
                    shared.recorder.iterations += 1
                if self._taken_from is not None:
                    self._flow_is_done()
                if not state.is_held:
                    return Fate.COMPLETED
                # In a phase that only time ends, no flow has to be taken.
                is_free = shared.quota is None and not state.leaving and not state.condemned
                if not is_free and not await self._may_run_a_flow():
                    main.heed()
                scope.iteration += 1
                if scope.stale_rows is not None:
                    main.begin_turn()
                if main.parker.waits == waits:
                    await main.breathe()  # a flow that waits for nothing must not keep the loop
        except Leave:
            return Fate.CUT_OFF if connect is None else Fate.COMPLETED
        except (EndTurn, EndSession):
            return Fate.FAILED
        finally:
            state.in_flow = False

    async def _flow_once(self) -> None:
        await run_flow(self._compiled.flow, self.main)
        if self.main.interruption is not None:
            self.main.heed()
        if not self.main.lost_try:
            self._shared.recorder.iterations += 1
        self._flow_is_done()

    def _begin_variables(self) -> None:
        """Set the scenario's variables, and a row of each of its data files.

        Raises:
            EndSession: That fails.
        """
        state, shared, scope = self.state, self._shared, self.main.scope
        scope.iteration += self._sessions > 0  # it continues over the user's sessions
        scope.extra = {}
        scope.variables.clear()
        self.main.begin_turn()
        for name in shared.supplies.by_session:
            state.rows_taken.pop(name, None)
        for supply in shared.supplies.at_session:
            self.main.take_row(supply, self._sessions)
        try:
            for name, compiled in shared.variables.items():
                scope.variables[name] = compiled(scope)
            scope.variables.update(shared.facts.setup_values)
            state.secrets.remember(scope.variables)
        except EvaluationError as error:
            state.report("template", "variables", str(error))
            raise EndSession from None
