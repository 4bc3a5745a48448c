"""``connect``, ``reconnect``, ``close`` and ``ping``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Literal

import msgspec
import trio
from msgspec.structs import replace

from loadws.engine.runtime.connection.conversation import Conversation
from loadws.engine.runtime.connection.reading import ReadingListener
from loadws.engine.runtime.connection.replacement import Replacement
from loadws.engine.runtime.explaining import ExplainingListener
from loadws.engine.runtime.flow_control import FlowInterrupted
from loadws.engine.runtime.protocol.protocol_conversation import ProtocolConversation
from loadws.engine.runtime.reconnect import reopener_of, replacing, until_healed
from loadws.engine.runtime.shared import Shared
from loadws.engine.runtime.strand import StepFunction, Strand
from loadws.engine.runtime.user_state import UserState
from loadws.engine.steps.parts.context import StepContext
from loadws.engine.steps.parts.headers import HeaderMaker, templates
from loadws.engine.steps.parts.on_connection import fail_with_connection, lookup, missing, with_connection
from loadws.engine.steps.parts.protocol_opening import open_protocol
from loadws.engine.steps.parts.tls_contexts import Securing
from loadws.metrics.ledger import CUT_OFF
from loadws.scenario.matching.matching import Captures, compile_captures, compile_conditions
from loadws.scenario.matching.message import Message
from loadws.scenario.model.connection import CompressionOptions, ConnectionOptions, ReconnectOptions
from loadws.scenario.model.model import Scenario
from loadws.scenario.model.steps import CloseStep, ConnectStep, ExpectHandshake, PingStep, ReconnectStep, Step
from loadws.scenario.model.steps.step import PATIENCE_NS
from loadws.scenario.template.template import Scope, compile_template
from loadws.scenario.unpacking.unpack import Unpack, compile_unpack
from loadws.terms.addresses import split_address, with_path, with_query
from loadws.terms.parties import is_ours
from loadws.transport.base import (
    Compression,
    ConnectFailed,
    Connection,
    ConnectRequest,
    ConnectTimings,
    HandshakeRefused,
    Listener,
    Network,
    NotOpen,
    encodable,
)

SWITCHING = 101


# -- connect ----------------------------------------------------------------------------------------------------------


def compile_connect(step: ConnectStep, context: StepContext) -> StepFunction:
    """Compile the step, which opens a connection."""
    opener = ConnectOpener(step, context)
    name = step.connect.as_
    find = lookup(name, context)

    async def connect(strand: Strand) -> None:
        before = find(strand)
        if before is not None and before.is_going_on:
            context.recorder.outcome("connect", step.label, strand.due()[0], failed=True)
            strand.fail(step, "already_open", "the connection is open already", default="end_session")
            return
        turn = strand.turns[-1] if strand.turns else 0
        conversation = opener.conversation(strand.user, name, turn)
        strand.user.take_up(conversation)
        await opener.open(strand, step, conversation)

    return connect


def compile_reconnect(step: ReconnectStep, context: StepContext) -> StepFunction:
    """Compile the step, which tries once, now. Where the connection is already being reopened, the step waits for that."""
    find, recorder, now_ns = lookup(step.reconnect.on, context), context.recorder, context.now_ns

    async def reconnect(strand: Strand) -> None:
        before = find(strand)
        if before is not None and before.healing is not None:
            await until_healed(strand, before, strand.due()[1] + PATIENCE_NS)
            before = find(strand)
            if before is not None and before.is_going_on:
                return
        if before is None or before.opener is None or before.connection is None:
            recorder.outcome("connect", step.label, strand.due()[0], failed=True)
            detail = "there was no connection that could be opened again"
            detail = missing(strand, step, detail) if before is None else detail
            strand.fail(step, "not_connected", detail, "end_session")
            return
        if before.end is None:
            await before.close(1000)
            strand.free_ns = now_ns()
        conversation = replacing(before, strand.user, strand.turns[-1] if strand.turns else 0)
        await reopener_of(before).open(strand, step, conversation)

    return reconnect


async def _subscribe_again(strand: Strand, conversation: ProtocolConversation) -> None:
    """Subscribe to what the connection had in whose place this one has come. Raises ``FlowInterrupted``."""
    async with strand.parker.in_task():
        while conversation.to_renew and conversation.is_open:
            await conversation.to_renew.pop(0)(strand, conversation)


class ConnectOpener:
    """The way a ``connect`` opens its connection: once, and again to replace a connection that has ended.

    ``policy`` says whether and how a lost connection is replaced; None: it is not.
    """

    def __init__(self, step: ConnectStep, context: StepContext) -> None:
        self.step = step
        self.keeps = context.keeps
        self._shared = context.shared
        self.policy = policy_of(step, context.scenario)
        self.expected_closes = frozenset(context.scenario.connection.expect_close)
        self._unpack = unpack_of(step, context)
        self._ask = _RequestMaker(step, context)
        self._expect = _Expectation(step.connect.expect or ExpectHandshake())
        self._capture = compile_captures(step.connect.capture) if step.connect.capture else None
        self._dialect = context.dialect
        self._without_secrets: ConnectRequest | None = None  # mostly every connection makes the same request

    def conversation(
        self, user: UserState, name: str | None, turn: int, replacement: Replacement | None = None
    ) -> Conversation:
        """Return a connection to open: one that speaks the scenario's protocol, where there is one."""
        if self._dialect is None:
            return Conversation(user, self._shared, name, opener=self, turn=turn, replacement=replacement)
        assert user.main is not None, "a user connects from its flow"
        return ProtocolConversation(
            user,
            self._shared,
            name,
            dialect=self._dialect,
            scope=user.main.scope,
            opener=self,
            turn=turn,
            replacement=replacement,
            unpack=self._unpack,
        )

    async def open(self, strand: Strand, step: Step, conversation: Conversation) -> None:
        """Try once to open a connection. Failures are reported under ``step`` and follow its ``on_failure``.

        Raises ``FlowInterrupted``.
        """
        user = strand.user
        attempt = _Attempt(strand, step, conversation, self._shared, self._unpack)
        answer = await attempt.run(self._request(strand, step, conversation))
        if answer is None:
            return
        is_right = attempt.fits(answer, self._expect)
        if is_right and answer.timings is not None and isinstance(conversation, ProtocolConversation):
            async with strand.parker.in_task():
                is_right = await attempt.open_protocol(answer, conversation)
        if is_right:
            attempt.succeed(answer)
        if self._capture is not None:
            _take(self._capture, strand, step, answer)
        if isinstance(conversation, ProtocolConversation) and conversation.to_renew:
            await _subscribe_again(strand, conversation)
        if conversation.is_open and user.handlers is not None:
            async with strand.parker.in_task():
                await user.handlers.on_open(conversation)
            strand.free_ns = self._shared.timers.now_ns()

    def _request(self, strand: Strand, step: Step, conversation: Conversation) -> ConnectRequest:
        """Return the request.

        Raises:
            FlowInterrupted: The request cannot be made; the conversation has been removed from the user.
        """
        user = strand.user
        try:
            request: ConnectRequest = strand.evaluate(step, self._ask)
        except FlowInterrupted:
            user.put_down(conversation)
            raise
        if request is not self._without_secrets and not user.secrets.sent(request.headers, request.url, request.proxy):
            self._without_secrets = request
        return replace(request, tls_memory=user.tls_memory) if self._ask.resumes_tls else request


def policy_of(step: ConnectStep, scenario: Scenario) -> ReconnectOptions | None:
    """Return the ``reconnect`` policy of the step, else of the scenario; None where a lost connection is not replaced."""
    said = step.connect.reconnect
    return (scenario.connection.reconnect if said is None else said) or None


def unpack_of(step: ConnectStep, context: StepContext) -> Unpack | None:
    """Return how the messages of the connection are unpacked: as the step says, else the scenario; None for not at all."""
    options, said = context.scenario.connection, step.connect.unpack
    return compile_unpack(options.unpack if said is None else said, context.base, options.max_message_size)


def _take(capture: Captures, strand: Strand, step: Step, answer: _Answer) -> None:
    missing = capture.take_handshake(answer.status, answer.headers, answer.body, strand.scope.variables)
    strand.user.secrets.remember(strand.scope.variables)
    if missing is not None:
        strand.fail(step, "capture", missing)


class _RequestMaker:
    """A maker of ``ConnectRequest`` for a scope: the options of ``connection``, with what the step adds or replaces."""

    def __init__(self, step: ConnectStep, context: StepContext) -> None:
        options, body = context.scenario.connection, step.connect
        self._target = context.scenario.target
        self._path = compile_template(body.path) if body.path is not None else None
        protocol = context.dialect.file if context.dialect is not None else None
        offered = options.subprotocols or (protocol.subprotocols if protocol is not None else ())
        self._query = templates({**(protocol.query if protocol is not None else {}), **options.query, **body.query})
        self._headers = HeaderMaker(options, body)
        proxy = options.proxy if body.proxy is None else body.proxy
        self._proxy = compile_template(proxy) if proxy is not None else None
        self._tls = Securing(options.tls.overridden(body.tls), context.tls)
        self.resumes_tls = self._tls.resumes and self._target.startswith("wss:")
        self._rest: dict[str, Any] = {
            "subprotocols": offered if body.subprotocols is None else body.subprotocols,
            "open_timeout_ns": options.open_timeout,
            "close_timeout_ns": options.close_timeout,
            "ping_every_ns": options.ping.every if options.ping else None,
            "max_message_size": options.max_message_size,
            "compression": _compression(options.compression if body.compression is None else body.compression),
            "trace": context.tracer is not None,
            "network": network_of(options),
            "redirects": 0 if body.expect is not None and body.expect.is_redirect else options.redirects,
        }
        if options.ping is not None:
            self._rest["ping_timeout_ns"] = options.ping.timeout
        is_constant = self._path is None and self._headers.constant and all(t.constant for _, t in self._query)
        is_constant = is_constant and (self._proxy is None or self._proxy.constant) and self._tls.is_constant
        self._constant = self._made(Scope(clock=int)) if is_constant else None

    def __call__(self, scope: Scope) -> ConnectRequest:
        return self._constant or self._made(scope)

    def _made(self, scope: Scope) -> ConnectRequest:
        path = None if self._path is None else self._path.text(scope)
        query = [(name, template.text(scope)) for name, template in self._query]
        proxy = None if self._proxy is None else self._proxy.text(scope)
        url = url_of(self._target, path, query)
        return ConnectRequest(
            url,
            self._headers.made(scope),
            proxy=proxy,
            tls=self._tls.context(scope),
            presents_certificate=self._tls.presents_certificate,
            server_name=self._tls.server_name(scope),
            **self._rest,
        )


def network_of(options: ConnectionOptions) -> Network:
    """Return the options of a connection that concern the network: addresses, proxy, timeouts."""
    return Network(
        resolve={host.lower(): addresses for host, addresses in options.resolve.items()},
        source_addresses=options.source_addresses,
        send_buffer=options.socket.send_buffer,
        receive_buffer=options.socket.receive_buffer,
    )


def url_of(target: str, path: str | None, query: list[tuple[str, str]]) -> str:
    """Return the target with another path, where one is given (it may contain a query), and with a longer query.

    The target and the path stay as written: only what ``query`` adds is encoded. Raises ``ValueError`` for a wrong target.
    """
    address = split_address(target)
    if path is not None:
        address = with_path(address, path)
    return address.before + with_query(address.target, query)


def _compression(asked: Literal[False] | CompressionOptions) -> Compression | None:
    return Compression(asked.level, asked.context_takeover) if asked else None


class _Answer:
    """The server's answer to an upgrade. ``timings`` are set where the connection opened, ``refusal`` where it did not."""

    __slots__ = ("body", "headers", "refusal", "status", "subprotocol", "timings")

    def __init__(
        self,
        headers: tuple[tuple[str, str], ...],
        refusal: HandshakeRefused | None = None,
        timings: ConnectTimings | None = None,
        subprotocol: str | None = None,
    ) -> None:
        self.status = refusal.status if refusal else SWITCHING
        self.headers = {name.lower(): value for name, value in headers}
        self.body = refusal.body if refusal else b""
        self.refusal = refusal
        self.timings = timings
        self.subprotocol = subprotocol


class _Attempt:
    """One attempt to connect, which is counted as attempted, and as exactly one of opened, refused and failed."""

    def __init__(
        self, strand: Strand, step: Step, conversation: Conversation, shared: Shared, unpack: Unpack | None
    ) -> None:
        self.strand = strand
        self.step = step
        self.intended_ns = self.due_ns = 0
        self._conversation = conversation
        self._shared = shared
        tracer = shared.tracer
        reads_itself = isinstance(conversation, ProtocolConversation)
        unpacks = unpack is not None and not reads_itself
        listener = (
            conversation if tracer is None else ExplainingListener(conversation, tracer, strand.user, unpacks=unpacks)
        )
        self._listener: Listener = listener
        measuring = strand.user.measuring
        if not reads_itself and (unpack is not None or measuring is not None):
            ledger = shared.recorder.ledger
            self._listener = ReadingListener(conversation, listener, ledger, unpack, measuring)
        self._recorder = shared.recorder

    async def run(self, request: ConnectRequest) -> _Answer | None:
        """Return the server's answer; None where none came, which is counted as a failure that lets the flow go on."""
        try:
            return await self._answer(request)
        except ConnectFailed as failure:
            self._count_failure(failure.kind)
            if is_ours(failure.kind):  # the server had no part in it
                self._recorder.generator_failure(self.intended_ns)
            else:
                self._recorder.outcome("connect", self.step.label, self.intended_ns, failed=True)
            self.strand.free_ns = self._shared.timers.now_ns()
            self.strand.fail(self.step, failure.kind, failure.detail, default="end_session")
            return None

    async def _answer(self, request: ConnectRequest) -> _Answer:
        user = self.strand.user
        if user.is_held:
            await self._take_a_place()
        try:
            self.intended_ns, self.due_ns = self.strand.due()
            self._recorder.ledger.connections.attempted += 1
            user.count_as_planned()
            connection = await self._open_connection(request)
        except HandshakeRefused as refusal:
            user.put_down(self._conversation)
            self._count_refusal(refusal)
            return _Answer(refusal.headers, refusal)
        except ConnectFailed:
            user.put_down(self._conversation)
            raise
        except (trio.Cancelled, FlowInterrupted):
            if self._conversation.connection is None:
                self._count_failure(CUT_OFF)
            raise
        finally:
            if user.is_held:
                self._shared.handshakes.release()
        answer = _Answer(connection.response_headers, timings=connection.timings, subprotocol=connection.subprotocol)
        connection.forget_opening()
        # There is only one extension, and a transport lets no answer pass that was not agreed on.
        self._recorder.ledger.connections.compressed += "sec-websocket-extensions" in answer.headers
        return answer

    async def _open_connection(self, request: ConnectRequest) -> Connection:
        """Return an open connection, where it can be without a task.

        Raises:
            ConnectFailed: No response came.
            HandshakeRefused: The response was no good 101.
        """
        strand, connector, cookies = self.strand, self._shared.connector, self.strand.user.cookies
        go_on: Callable[[], Awaitable[Connection]] = partial(connector.connect, request, self._listener, cookies)
        opening = connector.begin(request, self._listener, cookies, strand.parker.wake)
        if opening is not None:
            try:
                while not opening.is_over:
                    await strand.parker.wait(None)
            except BaseException:
                opening.abandon()
                raise
            if opening.go_on is None:
                return opening.result()
            go_on = opening.go_on
        async with strand.parker.in_task():
            with strand.waiting_outside():
                return await go_on()

    async def _take_a_place(self) -> None:
        """Wait until few enough handshakes of held users are under way. This wait counts neither as lag nor as latency."""
        handshakes = self._shared.handshakes
        try:
            handshakes.acquire_nowait()
        except trio.WouldBlock:
            async with self.strand.parker.in_task():
                await handshakes.acquire()
            self.strand.free_ns = self._shared.timers.now_ns()

    def _count_refusal(self, refusal: HandshakeRefused) -> None:
        ledger = self._recorder.ledger
        ledger.connections.refused += 1
        ledger.refusals[str(refusal.status)] = ledger.refusals.get(str(refusal.status), 0) + 1

    def _count_failure(self, kind: str) -> None:
        ledger = self._recorder.ledger
        ledger.connections.failed += 1
        ledger.failures[kind] = ledger.failures.get(kind, 0) + 1

    def fits(self, answer: _Answer, expect: _Expectation) -> bool:
        """Return whether an answer is the expected one, which may be a refusal. Any other answer fails the connect.

        Raises ``EndSession`` then, unless the step's ``on_failure`` says otherwise.
        """
        user, label = self.strand.user, self.step.label
        self.strand.free_ns = self._shared.timers.now_ns()
        user.secrets.received(answer.headers.items())
        why = expect.why_not(answer, self.strand.scope)
        if why is not None:
            self._recorder.outcome("connect", label, self.intended_ns, failed=True)
            kind = f"http.{answer.status}" if answer.refusal is not None else "handshake"
            user.report(kind, label, why, answer.refusal)
            self.strand.obey(self.step.on_failure or "end_session")
        return why is None

    async def open_protocol(self, answer: _Answer, conversation: ProtocolConversation) -> bool:
        """Open what is spoken on an open WebSocket, and return whether that succeeded. Its time is a part of connecting.

        A failure fails the connect: raises ``EndSession``, unless the step's ``on_failure`` says otherwise.
        """
        failed = await open_protocol(self.strand, conversation, self._recorder)
        self.strand.free_ns = self._shared.timers.now_ns()
        if failed is None:
            took_ns = max(0, conversation.opened_ns - conversation.upgraded_ns)
            timings = answer.timings
            assert timings is not None
            answer.timings = msgspec.structs.replace(timings, total_ns=timings.total_ns + took_ns, protocol_ns=took_ns)
            return True
        self._recorder.outcome("connect", self.step.label, self.intended_ns, failed=True)
        if failed.kind:
            self.strand.fail(self.step, failed.kind, failed.detail, default="end_session")
        else:
            conversation.report_end(self.step.label)
            self.strand.obey(self.step.on_failure or "end_session")
        return False

    def succeed(self, answer: _Answer) -> None:
        """Count a connect that came to what was expected."""
        self.strand.user.count_as_connected()
        self._recorder.ledger.connections.as_expected += answer.refusal is not None
        if answer.timings is not None:
            self._recorder.connected(self.step.label, self.intended_ns, self.due_ns, answer.timings)
        else:
            self._recorder.outcome("connect", self.step.label, self.intended_ns, failed=False)


class _Expectation:
    """The compiled ``expect``: which answer to the upgrade is right."""

    def __init__(self, expect: ExpectHandshake) -> None:
        self.status = expect.status
        self._headers = [(name, compile_conditions({"text": value})) for name, value in expect.headers.items()]
        self._body = compile_conditions(expect.body) if expect.body else None
        self._subprotocol = expect.subprotocol

    def why_not(self, answer: _Answer, scope: Scope) -> str | None:
        """Return in which respect an answer is not as expected, for a message; None where it is as expected."""
        if answer.status != self.status:
            expected = "" if self.status == SWITCHING else f", expected was {self.status}"
            return f"{_answered(answer)}{expected}"
        if self._subprotocol is not None and answer.subprotocol != self._subprotocol:
            chosen = "none" if answer.subprotocol is None else repr(answer.subprotocol)
            return f"the server chose the subprotocol {chosen}, expected was {self._subprotocol!r}"
        for name, conditions in self._headers:
            # A header that is not there is no text at all, so that ``exists: false`` can hold.
            why = conditions.why(Message(answer.headers.get(name.lower(), b""), 0), scope)
            if why is not None:
                return f"header {name}: {why}"
        if self._body is not None:
            return self._body.why(Message(answer.body.decode("utf-8", "replace"), 0), scope)
        return None


def _answered(answer: _Answer) -> str:
    if answer.refusal is not None:
        return answer.refusal.detail
    return f"the server answered the upgrade with {answer.status}"


# -- close and ping ---------------------------------------------------------------------------------------------------


def compile_close(step: CloseStep, context: StepContext) -> StepFunction:
    """Compile the step. To close a connection that is closed already is no failure: the server was quicker."""
    reason, now_ns = compile_template(step.close.reason), context.now_ns
    find = lookup(step.close.on, context)

    async def close(strand: Strand) -> None:
        conversation = find(strand)
        if conversation is None or conversation.connection is None:
            detail = missing(strand, step, "there is no connection to close")
            strand.fail(step, "not_connected", detail, default="end_session")
            return
        text = encodable(strand.evaluate(step, reason.text))
        if conversation.healing is not None:
            conversation.healing.cancel()
        await _close(strand, conversation, conversation.connection, step.close.code, text)
        strand.free_ns = now_ns()

    return close


async def _close(strand: Strand, conversation: Conversation, connection: Connection, code: int, reason: str) -> None:
    """Close a connection, without a task where that can be done. An interruption of the flow comes after the close."""
    conversation.say_farewell()
    if not connection.begin_close(code, reason, strand.parker.wake):
        async with strand.parker.in_task():
            await connection.close(code, reason)
        return
    while conversation.end is None:
        try:
            await strand.parker.wait(None)
        except FlowInterrupted as why:
            strand.interruption = why
        except BaseException:
            connection.stop_closing()
            raise


def compile_ping(step: PingStep, context: StepContext) -> StepFunction:
    """Compile the step, which waits for the pong."""
    recorder, now_ns = context.recorder, context.now_ns

    async def ping(strand: Strand, conversation: Conversation, connection: Connection) -> None:
        intended_ns, _ = strand.due()
        payload = strand.scope.draw().to_bytes(8)
        received_ns, sent_ns = None, 0
        try:
            sent_ns = connection.ping(payload)
            received_ns = await conversation.wait_for_pong(payload, strand.parker, sent_ns + step.ping.within)
        except NotOpen:
            pass  # the end of the connection is reported below
        strand.free_ns = now_ns()
        recorder.outcome("ping", step.label, intended_ns, failed=received_ns is None)
        if received_ns is not None:
            recorder.duration("ping_time", step.label, intended_ns, received_ns - sent_ns)
        elif conversation.is_open:
            strand.fail(step, "timeout", f"no pong within {step.ping.within / 1e9:g} s")
        else:
            fail_with_connection(strand, step, conversation)

    return with_connection(step, step.ping.on, context, "ping", ping)
