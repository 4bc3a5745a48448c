"""``connect``, ``close`` and ``ping``."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import trio

from loadws.engine.conversation import Conversation
from loadws.engine.lines import StepSkipped, fail_with_connection, line_to, opened
from loadws.engine.run import StepFunction
from loadws.engine.strand import Strand
from loadws.scenario.matching import Captures, compile_captures, compile_conditions
from loadws.scenario.message import Message
from loadws.scenario.steps import CloseStep, ConnectStep, ExpectHandshake, PingStep
from loadws.scenario.template import Compiled, Scope, compile_template
from loadws.transport.base import ConnectFailed, ConnectRequest, ConnectTimings, HandshakeRefused, NotOpen

if TYPE_CHECKING:
    from loadws.engine.steps.compiler import Compiler

SWITCHING = 101


# -- connect ----------------------------------------------------------------------------------------------------------


def compile_connect(step: ConnectStep, compiler: Compiler) -> StepFunction:
    ask = _RequestMaker(step, compiler)
    expect = _Expectation(step.connect.expect or ExpectHandshake())
    capture = compile_captures(step.connect.capture) if step.connect.capture else None
    name = step.connect.as_
    line = line_to(name, compiler)

    async def connect(strand: Strand) -> None:
        before = line(strand)
        if before is not None and before.is_going_on:
            strand.fail(step, "already_open", "the connection is open already", default="end_session")
            return
        request = strand.evaluate(step, ask)
        conversation = Conversation(strand.user, name, keeps=compiler.keeps)
        strand.user.take_up(conversation)
        attempt = _Attempt(strand, step, conversation)
        answer = await attempt.run(request)
        if answer is None:
            return
        attempt.judge(answer, expect)
        if capture is not None:
            _take(capture, strand, step, answer)
        if conversation.is_open and strand.user.handlers is not None:
            await strand.user.handlers.on_open(conversation)
            strand.free_ns = strand.user.run.timers.now_ns()

    return connect


def _take(capture: Captures, strand: Strand, step: ConnectStep, answer: _Answer) -> None:
    missing = capture.take_handshake(answer.status, answer.headers, answer.body, strand.scope.variables)
    if missing is not None:
        strand.fail(step, "capture", missing)


class _RequestMaker:
    """Scope -> ConnectRequest: the connection's own options, and what the step adds or replaces."""

    def __init__(self, step: ConnectStep, compiler: Compiler) -> None:
        options, body = compiler.scenario.connection, step.connect
        self._target = compiler.scenario.target
        self._path = compile_template(body.path) if body.path is not None else None
        self._query = _templates({**options.query, **body.query})
        self._headers = _templates({**options.headers, **body.headers})
        self._rest: dict[str, Any] = {
            "subprotocols": options.subprotocols if body.subprotocols is None else body.subprotocols,
            "open_timeout_ns": options.open_timeout,
            "close_timeout_ns": options.close_timeout,
            "ping_every_ns": options.ping.every if options.ping else None,
            "max_message_size": options.max_message_size,
            "tls": compiler.tls,
            "trace": compiler.tracer is not None,
        }
        if options.ping is not None:
            self._rest["ping_timeout_ns"] = options.ping.timeout
        is_constant = self._path is None and all(t.constant for _, t in (*self._query, *self._headers))
        self._constant = self._made(Scope(clock=int)) if is_constant else None

    def __call__(self, scope: Scope) -> ConnectRequest:
        return self._constant or self._made(scope)

    def _made(self, scope: Scope) -> ConnectRequest:
        path = None if self._path is None else self._path.text(scope)
        query = [(name, template.text(scope)) for name, template in self._query]
        headers = tuple((name, template.text(scope)) for name, template in self._headers)
        return ConnectRequest(url_of(self._target, path, query), headers, **self._rest)


def _templates(texts: dict[str, str]) -> list[tuple[str, Compiled]]:
    return [(name, compile_template(text)) for name, text in texts.items()]


def url_of(target: str, path: str | None, query: list[tuple[str, str]]) -> str:
    """The target with another path, where one is given (it may bring a query), and with more query."""
    parts = urlsplit(target)
    own_query = parts.query
    if path is not None:
        path, _, own_query = path.partition("?")
        path = quote(path, safe="/%:@!$&'()*+,;=~-._")
    pairs = parse_qsl(own_query, keep_blank_values=True) + query
    return urlunsplit((parts.scheme, parts.netloc, parts.path if path is None else path, urlencode(pairs), ""))


class _Answer:
    """The server's answer to an upgrade, whichever it was. ``timings`` where it opened, ``refusal`` where it did not."""

    __slots__ = ("body", "headers", "refusal", "status", "timings")

    def __init__(
        self,
        headers: tuple[tuple[str, str], ...],
        refusal: HandshakeRefused | None = None,
        timings: ConnectTimings | None = None,
    ) -> None:
        self.status = refusal.status if refusal else SWITCHING
        self.headers = {name.lower(): value for name, value in headers}
        self.body = refusal.body if refusal else b""
        self.refusal = refusal
        self.timings = timings


class _Attempt:
    """One attempt to connect: it counts as attempted, and as exactly one of opened, refused and failed."""

    def __init__(self, strand: Strand, step: ConnectStep, conversation: Conversation) -> None:
        self.strand = strand
        self.step = step
        self.intended_ns = self.due_ns = 0
        self._conversation = conversation
        self._recorder = strand.user.run.recorder

    async def run(self, request: ConnectRequest) -> _Answer | None:
        """None where there was no answer at all; that was counted, and the flow may go on."""
        try:
            return await self._answer(request)
        except ConnectFailed as failure:
            self._count_failure(failure.kind)
            self._recorder.outcome("connect", self.step.label, self.intended_ns, failed=True)
            self.strand.free_ns = self.strand.user.run.timers.now_ns()
            self.strand.fail(self.step, failure.kind, failure.detail, default="end_session")
            return None

    async def _answer(self, request: ConnectRequest) -> _Answer:
        user = self.strand.user
        async with AsyncExitStack() as stack:
            if user.is_held:
                await self._take_a_place(stack)
            self.intended_ns, self.due_ns = self.strand.due()
            self._recorder.ledger.connections.attempted += 1
            try:
                connection = await user.run.connector.connect(request, self._conversation)
            except HandshakeRefused as refusal:
                user.put_down(self._conversation)
                self._count_refusal(refusal)
                return _Answer(refusal.headers, refusal)
            except ConnectFailed:
                user.put_down(self._conversation)
                raise
            except trio.Cancelled:
                if self._conversation.connection is None:
                    self._count_failure("cut_off")
                raise
        return _Answer(connection.response_headers, timings=connection.timings)

    async def _take_a_place(self, stack: AsyncExitStack) -> None:
        """Only so many handshakes of held users are under way at once; the wait for a place is no lag of anybody's."""
        handshakes = self.strand.user.run.handshakes
        try:
            handshakes.acquire_nowait()
        except trio.WouldBlock:
            await handshakes.acquire()
            self.strand.free_ns = self.strand.user.run.timers.now_ns()
        stack.callback(handshakes.release)

    def _count_refusal(self, refusal: HandshakeRefused) -> None:
        ledger = self._recorder.ledger
        ledger.connections.refused += 1
        ledger.refusals[str(refusal.status)] = ledger.refusals.get(str(refusal.status), 0) + 1

    def _count_failure(self, kind: str) -> None:
        ledger = self._recorder.ledger
        ledger.connections.failed += 1
        ledger.failures[kind] = ledger.failures.get(kind, 0) + 1

    def judge(self, answer: _Answer, expect: _Expectation) -> None:
        """A refusal can be what is right; whatever is not right fails the connect, and ends the session."""
        user, label = self.strand.user, self.step.label
        self.strand.free_ns = user.run.timers.now_ns()
        why = expect.why_not(answer, self.strand.scope)
        if why is not None:
            self._recorder.outcome("connect", label, self.intended_ns, failed=True)
            kind = f"http.{answer.status}" if answer.refusal is not None else "handshake"
            user.report(kind, label, why, answer.refusal)
            self.strand.obey(self.step.on_failure or "end_session")
            return
        user.fruitless = 0
        if answer.timings is not None:
            self._recorder.connected(label, self.intended_ns, self.due_ns, answer.timings)
        else:
            self._recorder.outcome("connect", label, self.intended_ns, failed=False)


class _Expectation:
    """``expect``: which answer to the upgrade is the right one."""

    def __init__(self, expect: ExpectHandshake) -> None:
        self.status = expect.status
        self._headers = [(name, compile_conditions({"text": value})) for name, value in expect.headers.items()]
        self._body = compile_conditions(expect.body) if expect.body else None

    def why_not(self, answer: _Answer, scope: Scope) -> str | None:
        """None where the answer is as expected; else what is not, for people."""
        if answer.status != self.status:
            expected = "" if self.status == SWITCHING else f", expected was {self.status}"
            return f"the server answered the upgrade with {answer.status}{expected}"
        for name, conditions in self._headers:
            # A header that is not there is no text at all, so that ``exists: false`` can hold.
            why = conditions.why(Message(answer.headers.get(name.lower(), b""), 0), scope)
            if why is not None:
                return f"header {name}: {why}"
        if self._body is not None:
            return self._body.why(Message(answer.body.decode("utf-8", "replace"), 0), scope)
        return None


# -- close and ping ---------------------------------------------------------------------------------------------------


def compile_close(step: CloseStep, compiler: Compiler) -> StepFunction:
    reason = compile_template(step.close.reason)
    line = line_to(step.close.on, compiler)

    async def close(strand: Strand) -> None:
        """Closing what is closed already is no failure: the peer was quicker."""
        conversation = line(strand)
        if conversation is None or conversation.connection is None:
            strand.fail(step, "not_connected", "there is no connection to close", default="end_session")
            return
        text = strand.evaluate(step, reason.text)
        await conversation.connection.close(step.close.code, text)
        strand.free_ns = strand.user.run.timers.now_ns()

    return close


def compile_ping(step: PingStep, compiler: Compiler) -> StepFunction:
    recorder = compiler.recorder
    open_conversation = opened(step, step.ping.on, compiler, "ping")

    async def ping(strand: Strand) -> None:
        try:
            conversation, connection = open_conversation(strand)
        except StepSkipped:
            return
        intended_ns, _ = strand.due()
        payload = strand.scope.draw().to_bytes(8)
        received_ns, sent_ns = None, 0
        try:
            sent_ns = connection.ping(payload)
            received_ns = await conversation.wait_for_pong(payload, strand.parker, sent_ns + step.ping.within)
        except NotOpen:
            pass  # the end of the connection is told below
        strand.free_ns = strand.user.run.timers.now_ns()
        recorder.outcome("ping", step.label, intended_ns, failed=received_ns is None)
        if received_ns is not None:
            recorder.duration("ping_time", step.label, intended_ns, received_ns - sent_ns)
        elif conversation.is_open:
            strand.fail(step, "timeout", f"no pong within {step.ping.within / 1e9:g} s")
        else:
            fail_with_connection(strand, step, conversation)

    return ping
