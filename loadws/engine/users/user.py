"""A virtual user: sessions one after another (held), or one (arrived), on connections of its own.

Every session that begins ends as exactly one of completed, failed and cut off, and so does every arrival; ``Fate`` says
which. A held user is asked to leave (``leave``): it finishes its step, closes its connection and is gone. Only cancellation
cuts a user off.
"""

from __future__ import annotations

from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

import trio

from loadws.engine.runtime.connection.conversation import Conversation
from loadws.engine.runtime.connection.ends import end_kind, is_failure
from loadws.engine.runtime.reconnect import Healing
from loadws.engine.runtime.secrecy import UserSecrets
from loadws.engine.runtime.shared import Budget, Run, UserKind
from loadws.engine.runtime.strand import EndSession, EndTurn, Leave, Strand, run_flow
from loadws.engine.users.handlers import Handlers
from loadws.scenario.data.rows import DataError
from loadws.scenario.template.template import EvaluationError, Scope
from loadws.terms.masker import Masker
from loadws.terms.units import NS_PER_MS, NS_PER_S
from loadws.transport.base import Connection, End, HandshakeRefused
from loadws.transport.cookies import Jar
from loadws.transport.tls_memory import TlsMemory

if TYPE_CHECKING:
    from loadws.engine.runtime.parker import Parker
    from loadws.transport.http.client import HttpClient

GOING_AWAY = 1001
FIRST_RETRY_NS = 100 * NS_PER_MS
LAST_RETRY_NS = 5 * NS_PER_S
#: A function that was just handed an answer may wait for the close next: it has so long to say so.
FUNCTION_TURN_NS = 10 * NS_PER_MS


class Fate(Enum):
    """What became of a session; the values are the ledger's names."""

    COMPLETED = "completed"
    FAILED = "failed"
    CUT_OFF = "cut_off"


class VirtualUser:
    """One user. ``conversation`` is its connection of now, or the last one; None before the session's first.

    ``named`` are those that have a name.
    """

    __slots__ = (
        "_cookies",
        "_fell_at_once",
        "_taken_from",
        "_tls_memory",
        "condemned",
        "conversation",
        "counted",
        "forked",
        "fruitless",
        "handlers",
        "has_connected",
        "healing",
        "http",
        "in_flow",
        "index",
        "is_held",
        "kind",
        "last_error",
        "leaving",
        "left_ns",
        "main",
        "named",
        "pausing",
        "run",
        "secrets",
        "sessions",
    )

    def __init__(self, run: Run, kind: UserKind, index: int, *, is_held: bool) -> None:
        self.run = run
        self.kind = kind
        self.index = index
        self.is_held = is_held
        self.sessions = 0
        self.leaving = False
        self.left_ns: int | None = None  # when it was asked to leave
        self.condemned = False  # the session is over: the next step says so
        self.in_flow = False  # a session's flow is under way
        self.counted = False  # among the ledger's held users
        self.has_connected = False
        self.forked: set[Strand] | None = None  # beside the main one: overlapping turns, branches
        self.last_error = ("", "")  # its kind, and what is said of it
        self.fruitless = 0  # sessions in a row that never got a connection
        self._tls_memory: TlsMemory | None = None
        self._taken_from: Budget | None = None  # what the flow of now was taken from
        self.pausing: set[Strand] = set()
        self.conversation: Conversation | None = None
        self.named: dict[str, Conversation] = {}
        self.healing: Healing | None = None  # while a flow runs that may reconnect by itself
        self.http: HttpClient | None = None  # the session's
        self._cookies: Jar | None = None
        self._fell_at_once = False  # the session lost its connection
        self.secrets = UserSecrets(run.secrets)
        self.main = Strand(self, Scope(user=index, seed=run.seed, clock=run.clock, env=run.env), 0)
        self.handlers = Handlers(self) if kind.has_handlers else None

    # -- its life -----------------------------------------------------------------------------------------------------

    async def live_held(self, begin_ns: int) -> None:
        """Sessions one after another, from ``begin_ns`` until it is asked to leave."""
        self.main.free_ns = begin_ns
        if self.kind.connects:
            self.counts_as_planned()
        ledger = self.run.recorder.ledger.sessions
        while await self._may_run_a_flow():
            ledger.started += 1
            fate = Fate.CUT_OFF
            try:
                fate = await self._session()
            finally:
                setattr(ledger, fate.value, getattr(ledger, fate.value) + 1)
            await self._rest()

    async def live_arrived(self, intended_ns: int, budget: Budget | None) -> None:
        """One session, which the plan wanted to begin at ``intended_ns``; its flow was taken from the budget already."""
        self.main.free_ns = self.main.intended_ns = intended_ns
        self._taken_from = budget
        ledger = self.run.recorder.ledger.arrivals
        fate = Fate.CUT_OFF
        try:
            fate = await self._session()
        finally:
            setattr(ledger, fate.value, getattr(ledger, fate.value) + 1)

    def let_go(self) -> None:
        """It is gone. Its parts refer to each other; apart they are freed at once, and the collector need not come.

        A connection that is still open at the cut-off may tell its end after this.
        """
        self.main.parker.let_go()
        del self.main
        self.handlers = self.conversation = None
        self.named.clear()

    def leave(self) -> None:
        """Ask it to go: a wait for nothing but time or a message ends at once, another step is finished first."""
        self.ask_to_leave()
        self.interrupt_pauses()

    def ask_to_leave(self) -> None:
        """Let it go at its next step; ``interrupt_pauses`` makes that now."""
        self.leaving = True
        if self.left_ns is None:
            self.left_ns = self.run.timers.now_ns()

    def condemn(self) -> None:
        """A handler said that the session ends: pauses do now, the next step will."""
        self.condemned = True
        self.interrupt_pauses()

    def interrupt_pauses(self) -> None:
        for strand in tuple(self.pausing):
            strand.parker.wake()

    async def _rest(self) -> None:
        """Between two sessions: after one that never got a connection, 100 ms to 5 s, growing."""
        if self.fruitless:
            wait_ns = min(FIRST_RETRY_NS << min(self.fruitless - 1, 16), LAST_RETRY_NS)
            await self.main.pause(self.run.timers.now_ns() + wait_ns)
        await trio.lowlevel.checkpoint()
        self.main.free_ns = self.run.timers.now_ns()

    # -- the flows that a phase has left ------------------------------------------------------------------------------

    async def _may_run_a_flow(self) -> bool:
        """Waits while the phase has no flows left; False once it is to leave, or its session is over."""
        while not (self.leaving or self.condemned):
            budget = self.run.budget
            if budget is None or budget.take():
                self._taken_from = budget
                return True
            self.run.idle.add(self)
            try:
                await self.main.pause(None)
            finally:
                self.run.idle.discard(self)
            self.main.free_ns = self.run.timers.now_ns()
        return False

    @property
    def _needs_leave(self) -> bool:
        """Whether the next flow is to be asked for; in a phase that only time ends, it is not."""
        return self.run.budget is not None or self.leaving or self.condemned

    def _flow_is_done(self) -> None:
        budget, self._taken_from = self._taken_from, None
        if budget is not None:
            budget.done()

    # -- a session ----------------------------------------------------------------------------------------------------

    async def _session(self) -> Fate:
        began_ns = self.main.free_ns
        self.conversation = None
        self.named.clear()
        self.main.begin_session()
        self._fell_at_once = False
        fruitless = self.fruitless = self.fruitless + 1  # until it opens a connection
        try:
            if self.kind.handlers_wait:
                fate = await self._with_handler_task()
            else:
                fate = await self._flow_then_close()
        finally:
            self._flow_is_done()
            self.condemned = False
            self.close_http()
            for conversation in self._conversations():
                conversation.forget_kept()
            self.sessions += 1
        lasted_ns = self.run.timers.now_ns() - began_ns
        if self._fell_at_once and lasted_ns < FIRST_RETRY_NS:
            self.fruitless = fruitless  # a server that accepts everything and closes at once is not hammered
        self.run.recorder.duration("session_time", None, began_ns, lasted_ns)
        return fate

    async def _with_handler_task(self) -> Fate:
        async with trio.open_nursery() as nursery:
            handlers = self.handlers
            assert handlers is not None
            nursery.start_soon(handlers.work)
            fate = await self._flow_then_close()
            await handlers.drain()
            nursery.cancel_scope.cancel()
        return fate

    async def _flow_then_close(self) -> Fate:
        fate = await (self._flow_with_healing() if self.kind.heals else self._flow())
        self._flow_is_done()
        await self._close_all()
        return fate

    def close_http(self) -> None:
        """End the session's HTTP: its connections are closed, and its cookies are forgotten."""
        http, self.http = self.http, None
        if self._cookies:
            self.secrets.cookies(self._cookies)
        self._cookies = None
        if http is not None:
            http.close()

    async def _flow_with_healing(self) -> Fate:
        async with trio.open_nursery() as nursery:
            self.healing = Healing(nursery)
            try:
                fate = await self._flow()
            finally:
                self.healing = None
            nursery.cancel_scope.cancel()
        return fate

    async def _close_all(self) -> None:
        """What is still open at the session's end; side by side, so that it takes one close timeout at most."""
        still_open = self.open_connections()
        if len(still_open) == 1:
            await self._close(still_open[0])
        elif still_open:
            async with trio.open_nursery() as nursery:
                for connection in still_open:
                    nursery.start_soon(self._close, connection)

    def open_connections(self) -> list[Connection]:
        """Return its connections that have not ended."""
        return [
            conversation.connection
            for conversation in self._conversations()
            if conversation.connection is not None and conversation.end is None
        ]

    async def close_everything(self) -> None:
        """Close what is open with 1001 (going away), all side by side: the user was cut off in the middle of something."""
        async with trio.open_nursery() as nursery:
            for connection in self.open_connections():
                nursery.start_soon(connection.close, GOING_AWAY)

    async def _close(self, connection: Connection) -> None:
        async with self.run.closings:
            await connection.close(1000)

    async def _flow(self) -> Fate:
        """Run a whole session's flow once; the inside of one again and again."""
        self.in_flow = True
        try:
            self._begin_variables()
            if self.kind.connect is None:
                await self._flow_once()
            else:
                await self.kind.connect(self.main)
                await self._flow_repeated()
        except Leave:
            return Fate.CUT_OFF if self.kind.connect is None else Fate.COMPLETED
        except (EndTurn, EndSession):
            return Fate.FAILED
        finally:
            self.in_flow = False
        return Fate.COMPLETED

    async def _flow_once(self) -> None:
        await run_flow(self.kind.flow, self.main)
        if self.main.interruption is not None:
            self.main.heed()
        if not self.main.lost_try:
            self.run.recorder.iterations += 1
        self._flow_is_done()

    async def _flow_repeated(self) -> None:
        main, recorder = self.main, self.run.recorder
        while True:
            waits = main.parker.waits
            for step in self.kind.flow:  # ``_flow_once``, without its two coroutines a turn
                if self.leaving or self.condemned:
                    main.heed()
                await step(main)
            if main.lost_try:
                main.lost_try = False
            else:
                recorder.iterations += 1
            if self._taken_from is not None:
                self._flow_is_done()
            if not self.is_held:
                return
            if self._needs_leave and not await self._may_run_a_flow():
                main.heed()
            main.scope.iteration += 1
            if main.parker.waits == waits:
                await trio.lowlevel.checkpoint()  # a flow that waits for nothing must not keep the loop

    def _begin_variables(self) -> None:
        """The scenario's variables, and a row of each of its data files."""
        scope = self.main.scope
        scope.iteration += self.sessions > 0  # it counts on over the user's sessions
        scope.extra = {}
        scope.variables.clear()
        for name, feed in self.run.feeds.items():
            try:
                row = feed.row(self.index, self.sessions, self.run.seed)
            except DataError as error:
                self.report("data", name, str(error))
                raise EndSession from None
            if row is None:
                self.report("data_exhausted", name, f"the data source {name!r} has no row for user {self.index}")
                self.leaving = True
                raise EndSession
            scope.variables[name] = row
        try:
            for name, compiled in self.run.variables.items():
                scope.variables[name] = compiled(scope)
            scope.variables.update(self.run.shared)
            self.secrets.remember(scope.variables)
        except EvaluationError as error:
            self.report("template", "variables", str(error))
            raise EndSession from None

    def counts_as_planned(self) -> None:
        """Count it among the ledger's held users, once: when it begins, or when it first connects from Python."""
        if self.is_held and not self.counted:
            self.counted = True
            self.run.recorder.ledger.users.planned += 1

    def has_opened(self) -> None:
        """Note that it has got the answer to an upgrade that its scenario expects."""
        if self.is_held and not self.has_connected:
            self.has_connected = True
            self.run.recorder.ledger.users.connected += 1

    # -- its connections ----------------------------------------------------------------------------------------------

    def take_up(self, conversation: Conversation) -> None:
        """From now on it is the one under its name. What the one before had kept was never claimed."""
        name = conversation.name
        before = self.conversation if name is None else self.named.get(name)
        if before is not None:
            before.forget_kept()
        if name is None:
            self.conversation = conversation
        else:
            self.named[name] = conversation

    def put_down(self, conversation: Conversation) -> None:
        """It never opened: there is none under its name."""
        if conversation is self.conversation:
            self.conversation = None
        elif conversation.name is not None and self.named.get(conversation.name) is conversation:
            del self.named[conversation.name]

    @property
    def tls_memory(self) -> TlsMemory:
        """The TLS sessions that its next connections can take up; only users of wss:// have one."""
        if self._tls_memory is None:
            self._tls_memory = TlsMemory()
        return self._tls_memory

    @property
    def cookies(self) -> Jar:
        """The session's cookies, of its upgrades and its ``http`` steps."""
        if self._cookies is None:
            self._cookies = Jar()
        return self._cookies

    def _conversations(self) -> tuple[Conversation, ...]:
        unnamed = () if self.conversation is None else (self.conversation,)
        return (*unnamed, *self.named.values())

    def expects_close(self, conversation: Conversation, end: End) -> bool:
        """Return whether the scenario asked for this end: it lists the code, or waits for a close next."""
        opener = conversation.opener
        if opener is not None and end.by == "peer" and end.code in opener.expected_closes:
            return True
        return any(conversation.name in strand.awaited_close for strand in self.strands())

    def add_strand(self, strand: Strand) -> None:
        """Remember a strand beside the main one, for ``cut_off_from``."""
        if self.forked is None:
            self.forked = set()
        self.forked.add(strand)

    def remove_strand(self, strand: Strand) -> None:
        if self.forked is not None:
            self.forked.discard(strand)

    def strands(self) -> tuple[Strand, ...]:
        """Return the strands of its flow, without those of its handlers."""
        return (self.main, *self.forked) if self.forked else (self.main,)

    def lost(self, conversation: Conversation, *, is_a_try: bool, handled_by: frozenset[Parker]) -> None:
        """Deal with a connection that ended and should not have: count it, and end what it was opened for.

        ``is_a_try``: no step was trying anything on it, so the loss is a failed try of its own.
        """
        if is_a_try and self.kind.has_calls:
            decide = partial(self._lost_unless_awaited, conversation, handled_by)
            self.run.timers.call_at(self.run.timers.now_ns() + FUNCTION_TURN_NS, decide)
            return
        if is_a_try:
            self._count_loss(conversation)
        if conversation.healing is None:
            self.cut_off_from(conversation, handled_by=handled_by)

    def _lost_unless_awaited(self, conversation: Conversation, handled_by: frozenset[Parker]) -> None:
        if conversation.is_judged:
            return
        self._count_loss(conversation)
        if conversation.healing is None and conversation in self._conversations():
            self.cut_off_from(conversation, handled_by=handled_by)

    def _count_loss(self, conversation: Conversation) -> None:
        end = conversation.end
        if end is not None and is_failure(end, is_healed=conversation.healing is not None):
            self.run.recorder.outcome(end_kind(end), "connection", end.at_ns, failed=True)
            conversation.report_end("connection")

    def cut_off_from(self, conversation: Conversation, *, handled_by: frozenset[Parker]) -> None:
        """End the innermost turn in which the connection was opened, else the session, whatever step is running.

        Strands that wait at ``handled_by`` are left to their step, which fails by the loss and knows its ``on_failure``.
        """
        if self.leaving or not self.in_flow:
            return
        inside = [strand for strand in self.strands() if conversation.turn in strand.turns]
        self._fell_at_once = not inside
        for strand in inside or self.strands():
            if strand.parker not in handled_by:
                if strand is self.main and not inside:
                    self.condemned = True
                strand.cut_short(EndTurn(conversation.turn) if inside else EndSession())

    # -- what others tell it ------------------------------------------------------------------------------------------

    def masker(self) -> Masker:
        """Return what hides the secrets of the run and of this user. Ask for it when there is a text to hide them in."""
        self._remember_variables()
        if self._cookies:
            self.secrets.cookies(self._cookies)
        return self.secrets.masker()

    def masked_name(self, name: str) -> str:
        """Return a name that a template made, of a counter, without secrets."""
        self._remember_variables()
        return self.secrets.name(name)

    def _remember_variables(self) -> None:
        main = getattr(self, "main", None)  # a user that was let go has none
        if main is not None:
            self.secrets.remember(main.scope.variables)

    def report(self, kind: str, step: str, detail: str, refusal: HandshakeRefused | None = None) -> None:
        """Count an error, once, and tell the ``error`` handler."""
        run = self.run

        def masker() -> Masker:
            if refusal is not None:
                self.secrets.look_at_answer(refusal.status, refusal.headers, refusal.body)
            return self.masker()

        run.recorder.error(
            kind,
            step,
            detail,
            run.timers.now_ns(),
            user=self.index,
            status=refusal.status if refusal else None,
            headers=dict(refusal.headers) if refusal else None,
            body=refusal.body if refusal else None,
            masker=masker,
        )
        if run.tracer is not None:
            run.tracer.note(f"error {kind} in {step}: {detail}")
        if self.handlers is not None:
            self.handlers.on_error(kind, detail)
        self.last_error = (kind, detail)  # whatever its handler has met with meanwhile
