"""A user's handlers: ``open``, ``message``, ``error``, ``close``, as in the browser's WebSocket API.

Steps that do not wait run at once, in the call that brought the event. A handler with a step that waits goes to a
queue, whose handlers one task for each user runs in order. The queue is bounded, and events that do not fit are
counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Coroutine, Iterator
from typing import Any

from loadws.engine.runtime.compiled import CompiledHandler, CompiledHandlers
from loadws.engine.runtime.connection.candidate import Candidate
from loadws.engine.runtime.connection.conversation import Conversation
from loadws.engine.runtime.flow_control import EndSession, FlowInterrupted
from loadws.engine.runtime.parker import Parker
from loadws.engine.runtime.strand import Steps, Strand, run_flow
from loadws.scenario.matching.message import Message
from loadws.scenario.template.template import EvaluationError
from loadws.scenario.unpacking.unpack import UnpackError
from loadws.scenario.unpacking.where import Reading, values_that_fit
from loadws.terms.units import NS_PER_S
from loadws.transport.base import End

QUEUED_EVENTS = 100
DRAIN_NS = 10 * NS_PER_S

#: The steps, the special names that they see, and the connection of the event.
Event = tuple[Steps, dict[str, Any], Conversation | None]


def run_at_once(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that never waits.

    Raises:
        AssertionError: It does: the registry lets no such step get here.
    """
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise AssertionError("a handler that must not wait did")


class Handlers:
    """The handlers of one user. They share its variables."""

    __slots__ = (
        "_at_once",
        "_compiled",
        "_drained",
        "_idle",
        "_in_error",
        "_main",
        "_now_ns",
        "_queue",
        "_queued",
        "_user",
        "_worker",
    )

    def __init__(self, compiled: CompiledHandlers, main: Strand) -> None:
        timers = main.user.shared.timers
        self._compiled = compiled
        self._main = main
        self._user = main.user
        self._now_ns = timers.now_ns
        self._at_once = main.beside()
        self._queued = main.beside()
        self._worker = Parker(timers)
        self._queue: deque[Event] = deque()
        self._idle = True
        self._drained = Parker(timers)
        self._in_error = False

    # -- events -------------------------------------------------------------------------------------------------------

    def claims(self, message: Message, conversation: Conversation) -> bool:
        """Return whether a ``message`` handler uses a message; if so, its steps run now or are queued."""
        scope = self._at_once.scope
        for handler in self._compiled.messages:
            if handler.on is not None and handler.on != conversation.name:
                continue
            try:
                values = values_that_fit(None if handler.where is None else handler.where.bind(scope), message)
                if values:
                    break
            except EvaluationError as error:
                self._user.report("template", "on.message", str(error))
            except UnpackError as error:
                self._user.report(error.kind, "on.message", str(error))
        else:
            return False
        if isinstance(handler.where, Reading):
            self._user.shared.recorder.ledger.messages.values += len(values)
        for value in values:
            if handler.deliver is not None:
                handler.deliver.take(value, conversation)
                if not handler.steps and handler.capture is None:
                    continue
            if handler.capture is not None:
                missing = handler.capture.take(value, scope.variables)
                self._user.secrets.remember(scope.variables)
                if missing is not None:
                    self._user.report("capture", "on.message", missing)
                    continue
            extra = {"message": value.value} if handler.uses_message else {}
            if handler.uses_received_ms:
                extra["received_ms"] = self._user.shared.wall_ms(value.received_ns)
            self._run(handler, extra, conversation)
        return True

    def on_error(self, kind: str, detail: str) -> None:
        """Run the ``error`` handler. An error inside it does not call it again."""
        if self._compiled.error is None or self._in_error:
            return
        self._in_error = True
        try:
            self._run(self._compiled.error, {"error": {"kind": kind, "detail": detail}}, self._user.current)
        finally:
            self._in_error = False

    def on_close(self, end: End, conversation: Conversation) -> None:
        """Run the ``close`` handler, with the close code that a browser would show."""
        if self._compiled.close is not None:
            code = 1006 if end.by == "lost" else 1005 if end.code is None else end.code
            self._run(self._compiled.close, {"code": code, "reason": end.reason}, conversation)

    def candidates(self, conversation: Conversation) -> Iterator[Candidate]:
        """Return the ``message`` handlers of a connection, for a trace."""
        for number, handler in enumerate(self._compiled.messages, 1):
            if handler.on is None or handler.on == conversation.name:
                yield Candidate(f"message handler {number}", handler.where, self._main.scope)

    async def on_open(self, conversation: Conversation) -> None:
        """Run the ``open`` handler to its end, before ``connect`` is done. Events are handled meanwhile.

        Raises ``FlowInterrupted``.
        """
        if self._compiled.open is None:
            return
        strand = self._main.beside()
        strand.event_of = conversation
        strand.scope.extra = {"connection": conversation.name}
        strand.free_ns = self._now_ns()
        try:
            await run_flow(self._compiled.open.steps, strand)
        finally:
            strand.parker.let_go()

    # -- running them -------------------------------------------------------------------------------------------------

    def _run(self, handler: CompiledHandler, extra: dict[str, Any], conversation: Conversation | None) -> None:
        extra["connection"] = None if conversation is None else conversation.name
        if not handler.waits:
            strand = self._at_once
            strand.event_of = conversation
            strand.scope.extra = extra
            strand.free_ns = self._now_ns()
            try:
                run_at_once(run_flow(handler.steps, strand))
            except EndSession:
                self._user.condemn()
            except FlowInterrupted:
                pass  # its own turn is over, nothing else
        elif len(self._queue) >= QUEUED_EVENTS:
            self._user.report(
                "handler_overflow", "on", f"more than {QUEUED_EVENTS} events waited for a handler that waits"
            )
        else:
            self._queue.append((handler.steps, extra, conversation))
            self._worker.wake()

    async def work(self) -> None:
        """Handle queued events in order, until it is cancelled: the user's handler task."""
        strand = self._queued
        while True:
            while not self._queue:
                self._idle = True
                self._drained.wake()
                await self._worker.wait(None)
            self._idle = False
            steps, strand.scope.extra, strand.event_of = self._queue.popleft()
            strand.free_ns = self._now_ns()
            try:
                await run_flow(steps, strand)
            except EndSession:
                self._user.condemn()
            except FlowInterrupted:
                pass

    async def drain(self) -> None:
        """Wait until every queued event was handled. Each step has its deadline, and all together have one, too."""
        deadline_ns = self._now_ns() + DRAIN_NS
        while self._queue or not self._idle:
            if not await self._drained.wait(deadline_ns):
                self._user.report("handler_overflow", "on", "handlers were not done when the session ended")
                return
