"""A virtual user as its steps, its handlers and its connections see it. ``users.user`` runs its sessions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from types import MappingProxyType
from typing import Protocol

import msgspec

from loadws.engine.runtime.connection.conversation import Conversation, HandlerHooks
from loadws.engine.runtime.connection.ends import end_kind, is_failure
from loadws.engine.runtime.connection.measuring import CompiledMeasure, Measuring
from loadws.engine.runtime.delivering import Delivering
from loadws.engine.runtime.flow_control import EndSession, EndTurn, FlowInterrupted
from loadws.engine.runtime.parker import Parker
from loadws.engine.runtime.secrecy import UserSecrets
from loadws.engine.runtime.shared import Shared
from loadws.scenario.template.template import Scope
from loadws.terms.masker import Masker
from loadws.terms.units import NS_PER_MS
from loadws.transport.base import End, HandshakeRefused
from loadws.transport.cookies import Jar
from loadws.transport.http.client import HttpClient
from loadws.transport.tls_memory import TlsMemory

#: A Python function that has just received an answer may next wait for the close: it has this time to begin that.
FUNCTION_TURN_NS = 10 * NS_PER_MS


class Execution(Protocol):
    """A line of execution of a user (a ``Strand``), as far as the user itself uses it."""

    scope: Scope
    parker: Parker
    turns: tuple[int, ...]
    awaited_close: tuple[str | None, ...]

    def cut_short(self, why: FlowInterrupted) -> None: ...


class Healer(Protocol):
    """An object that opens connections in place of those that are lost."""

    def begin(self, lost: Conversation) -> None: ...


class UserTraits(msgspec.Struct, frozen=True):
    """What holds for all users of one type.

    ``plain_requests`` are the names of requests without ``where`` by the name of their connection: a message that nothing
    claims there may be the answer that such a request should have had. ``has_calls``: some step is a Python function.
    ``measures`` are the scenario's. ``type_name`` is empty outside of the load.
    """

    deliverings: tuple[Delivering, ...] = ()
    plain_requests: Mapping[str | None, Sequence[str]] = msgspec.field(default_factory=dict)
    has_calls: bool = False
    measures: tuple[CompiledMeasure, ...] = ()
    type_name: str = ""


#: The named connections of a user that has none: shared by many users.
NO_CONNECTIONS: Mapping[str, Conversation] = MappingProxyType({})


class UserState:
    """The state of one user.

    ``current`` is its connection without a name, the open one or the last; None before the session's first. ``named``
    are the others. ``leaving``: it was asked to leave, at ``left_ns``. ``condemned``: its session is over, and ends at
    its next step. ``in_flow``: a session's flow is under way. ``_pausing`` are the parkers of strands beside the main one
    that wait only for time or a message. ``forked`` are the strands beside the main one: overlapping turns and branches.
    ``last_error``: (kind, detail). ``sessions_without_connection`` counts the sessions in a row that never opened one.
    ``rows_taken`` counts the rows that it took of each data source that it goes through for itself. ``fell_at_once``: the
    session lost its connection outside of any turn. ``healer`` is set while a flow runs that may reconnect by itself.
    """

    __slots__ = (
        "_cookies",
        "_counted",
        "_has_connected",
        "_http",
        "_pausing",
        "_rows_taken",
        "_tls_memory",
        "condemned",
        "current",
        "fell_at_once",
        "forked",
        "handlers",
        "healer",
        "in_flow",
        "index",
        "is_held",
        "last_error",
        "leaving",
        "left_ns",
        "main",
        "measuring",
        "named",
        "secrets",
        "sessions_without_connection",
        "shared",
        "traits",
    )

    def __init__(self, shared: Shared, traits: UserTraits, index: int, *, is_held: bool) -> None:
        self.shared = shared
        self.traits = traits
        self.index = index
        self.is_held = is_held
        self.leaving = False
        self.left_ns: int | None = None
        self.condemned = False
        self.in_flow = False
        self.main: Execution | None = None
        self.forked: set[Execution] | None = None
        self._pausing: tuple[Parker, ...] = ()
        self.last_error = ("", "")
        self._rows_taken: dict[str, int] | None = None  # most scenarios have no data, and there may be many users
        self.sessions_without_connection = 0
        self.fell_at_once = False
        self.current: Conversation | None = None
        self.named: Mapping[str, Conversation] = NO_CONNECTIONS
        self.measuring: Measuring | None = None
        self.handlers: HandlerHooks | None = None
        self.healer: Healer | None = None
        self.secrets = UserSecrets(shared.secrets)
        self._counted = False  # among the ledger's held users
        self._has_connected = False
        self._http: HttpClient | None = None  # the session's
        self._cookies: Jar | None = None
        self._tls_memory: TlsMemory | None = None

    # -- its end ------------------------------------------------------------------------------------------------------

    @property
    def is_to_go(self) -> bool:
        """Return whether it was asked to leave, or a handler ended its session: a step that only waits may then end."""
        return self.leaving or self.condemned

    def ask_to_leave(self) -> None:
        """Let the user leave at its next step; ``interrupt_pauses`` makes that now."""
        self.leaving = True
        if self.left_ns is None:
            self.left_ns = self.shared.timers.now_ns()

    def condemn(self) -> None:
        """End the session: pauses end now, and the flow at its next step."""
        self.condemned = True
        self.interrupt_pauses()

    def interrupt_pauses(self) -> None:
        """Wake every strand that waits only for time or a message."""
        main = self.main
        if main is not None and main.parker.is_pausing:
            main.parker.wake()
        for parker in self._pausing:
            parker.wake()

    @contextmanager
    def ends_early(self, parker: Parker) -> Iterator[None]:
        """Let ``interrupt_pauses`` end the waits of a parker."""
        self._pausing = (*self._pausing, parker)
        try:
            yield
        finally:
            self._pausing = tuple(each for each in self._pausing if each is not parker)

    def begin_session(self) -> None:
        """Forget the state of the previous session."""
        self.current = None
        self.named = NO_CONNECTIONS
        self.fell_at_once = False

    def end_session(self) -> None:
        """Forget the session's HTTP connections, its cookies and its kept messages."""
        self.condemned = False
        self.close_http()
        if self.measuring is not None:
            self.measuring.end_session()
        for conversation in self.conversations():
            conversation.clear_inbox()

    # -- its connections ----------------------------------------------------------------------------------------------

    @property
    def plain_requests(self) -> Mapping[str | None, Sequence[str]]:
        """Return the names of requests without ``where`` by the name of their connection."""
        return self.traits.plain_requests

    def take_up(self, conversation: Conversation) -> None:
        """Make a connection the one under its name. Messages that the previous one had kept count as unclaimed."""
        name = conversation.name
        before = self.current if name is None else self.named.get(name)
        if before is not None:
            before.clear_inbox()
        if name is None:
            self.current = conversation
        else:
            self.named = {**self.named, name: conversation}

    def put_down(self, conversation: Conversation) -> None:
        """Forget a connection that never opened."""
        if conversation is self.current:
            self.current = None
        elif conversation.name is not None and self.named.get(conversation.name) is conversation:
            self.named = {name: each for name, each in self.named.items() if each is not conversation}

    def conversations(self) -> tuple[Conversation, ...]:
        """Return its connections, the one without a name first; ended ones are among them."""
        unnamed = () if self.current is None else (self.current,)
        return (*unnamed, *self.named.values())

    def open_connections(self) -> list[Conversation]:
        """Return its connections that have not ended."""
        return [conversation for conversation in self.conversations() if conversation.is_open]

    def opened(self, conversation: Conversation) -> None:
        """Take note that a connection is open: it takes its place, and receives probes."""
        if conversation.replacement is not None:
            self.take_up(conversation)
        if self.main is not None:
            for delivering in self.traits.deliverings:
                delivering.opened(conversation, self.main.scope)

    def expects_close(self, conversation: Conversation, end: End) -> bool:
        """Return whether the scenario asked for this end: it lists the code, or waits for a close next."""
        opener = conversation.opener
        if opener is not None and end.by == "peer" and end.code in opener.expected_closes:
            return True
        return any(conversation.name in strand.awaited_close for strand in self.strands())

    def heal(self, conversation: Conversation) -> None:
        """Begin to open another connection in the place of one that has just ended, while a flow is under way."""
        if self.healer is not None:
            self.healer.begin(conversation)

    def lost(self, conversation: Conversation, *, is_a_try: bool, handled_by: frozenset[Parker]) -> None:
        """Handle a connection that ended and should not have: count it, and end what it was opened for.

        ``is_a_try``: no step was trying anything on it, so the loss is a failed try of its own.
        """
        if is_a_try and self.traits.has_calls:
            decide = partial(self._lost_unless_awaited, conversation, handled_by)
            self.shared.timers.call_at(self.shared.timers.now_ns() + FUNCTION_TURN_NS, decide)
            return
        if is_a_try:
            self._count_loss(conversation)
        if conversation.healing is None:
            self._cut_off_from(conversation, handled_by)

    def _lost_unless_awaited(self, conversation: Conversation, handled_by: frozenset[Parker]) -> None:
        if conversation.is_judged:
            return
        self._count_loss(conversation)
        if conversation.healing is None and conversation in self.conversations():
            self._cut_off_from(conversation, handled_by)

    def _count_loss(self, conversation: Conversation) -> None:
        end = conversation.end
        if end is not None and is_failure(end, is_healed=conversation.healing is not None):
            self.shared.recorder.outcome(end_kind(end), "connection", end.at_ns, failed=True)
            conversation.report_end("connection")

    def _cut_off_from(self, conversation: Conversation, handled_by: frozenset[Parker]) -> None:
        """End the innermost turn in which the connection was opened, or the session if there is none, whatever step is
        running.

        Strands that wait at ``handled_by`` are left to their step, which fails by the loss and follows its
        ``on_failure``.
        """
        if self.leaving or not self.in_flow:
            return
        inside = [strand for strand in self.strands() if conversation.turn in strand.turns]
        self.fell_at_once = not inside
        for strand in inside or self.strands():
            if strand.parker not in handled_by:
                if strand is self.main and not inside:
                    self.condemned = True
                strand.cut_short(EndTurn(conversation.turn) if inside else EndSession())

    # -- its strands --------------------------------------------------------------------------------------------------

    def add_strand(self, strand: Execution) -> None:
        """Remember a strand beside the main one, which a lost connection may end."""
        if self.forked is None:
            self.forked = set()
        self.forked.add(strand)

    def remove_strand(self, strand: Execution) -> None:
        """Forget a strand that has ended."""
        if self.forked is not None:
            self.forked.discard(strand)

    def strands(self) -> tuple[Execution, ...]:
        """Return the strands of its flow, without those of its handlers."""
        main = () if self.main is None else (self.main,)
        return (*main, *self.forked) if self.forked else main

    # -- what it keeps for its session --------------------------------------------------------------------------------

    @property
    def tls_memory(self) -> TlsMemory:
        """Return the TLS sessions that its next connections can resume; only users of wss:// have one."""
        if self._tls_memory is None:
            self._tls_memory = TlsMemory()
        return self._tls_memory

    @property
    def rows_taken(self) -> dict[str, int]:
        """Return how many rows it took of each data source that it goes through for itself."""
        if self._rows_taken is None:
            self._rows_taken = {}
        return self._rows_taken

    @property
    def cookies(self) -> Jar:
        """Return the session's cookies, of its upgrades and its ``http`` steps."""
        if self._cookies is None:
            self._cookies = Jar()
        return self._cookies

    @property
    def http(self) -> HttpClient:
        """Return the session's HTTP client, made at its first request: it is an empty list of connections."""
        if self._http is None:
            assert self.shared.http is not None, "a run whose scenario has http steps has clients for them"
            self._http = self.shared.http.new(self.cookies)
        return self._http

    def close_http(self) -> None:
        """End the session's HTTP: its connections are closed, and its cookies are forgotten."""
        http, self._http = self._http, None
        if self._cookies:
            self.secrets.cookies(self._cookies)
        self._cookies = None
        if http is not None:
            http.close()

    # -- what is counted ----------------------------------------------------------------------------------------------

    def count_as_planned(self) -> None:
        """Count it among the ledger's held users, once: when it begins, or when it first connects from Python."""
        if self.is_held and not self._counted:
            self._counted = True
            self.shared.recorder.ledger.users.planned += 1

    def count_as_connected(self) -> None:
        """Count, once, that it received the answer to an upgrade that its scenario expects."""
        self.sessions_without_connection = 0
        if self.is_held and not self._has_connected:
            self._has_connected = True
            self.shared.recorder.ledger.users.connected += 1

    def report(self, kind: str, step: str, detail: str, refusal: HandshakeRefused | None = None) -> None:
        """Count an error, once, and run the ``error`` handler. ``refusal`` is the answer that the error shows."""
        shared = self.shared

        def masker() -> Masker:
            if refusal is not None:
                self.secrets.look_at_answer(refusal.status, refusal.headers, refusal.body)
            return self.masker()

        shared.recorder.error(
            kind,
            step,
            detail,
            shared.timers.now_ns(),
            user=self.index,
            status=refusal.status if refusal else None,
            headers=dict(refusal.headers) if refusal else None,
            body=refusal.body if refusal else None,
            masker=masker,
        )
        if shared.tracer is not None:
            shared.tracer.note(self, f"error {kind} in {step}: {detail}")
        if self.handlers is not None:
            self.handlers.on_error(kind, detail)
        self.last_error = (kind, detail)  # whatever its handler has met with meanwhile

    # -- its trace ----------------------------------------------------------------------------------------------------

    @property
    def type_name(self) -> str:
        """Return the name of its type."""
        return self.traits.type_name

    # -- its secrets --------------------------------------------------------------------------------------------------

    def masker(self) -> Masker:
        """Return the masker of the secrets of the run and of this user. Call it only when there is a text to mask."""
        self._remember_variables()
        if self._cookies:
            self.secrets.cookies(self._cookies)
        return self.secrets.masker()

    def masked_name(self, name: str) -> str:
        """Return a counter's name that a template made, without secrets."""
        self._remember_variables()
        return self.secrets.name(name)

    def _remember_variables(self) -> None:
        if self.main is not None:
            self.secrets.remember(self.main.scope.variables)
