"""Open a protocol on a WebSocket that is open: say what it says first, and wait for the server's word."""

from __future__ import annotations

import msgspec

from loadws.engine.runtime.protocol.protocol_conversation import ProtocolConversation
from loadws.engine.runtime.strand import Strand
from loadws.metrics.recording.recorder import Recorder
from loadws.scenario.protocol.protocol_file import RESUME
from loadws.scenario.template.values import EvaluationError, show
from loadws.transport.base import NotOpen, Outgoing


class NotOpened(msgspec.Struct, frozen=True):
    """Why a protocol did not open; ``kind`` is empty where the connection ended, which is reported as such."""

    kind: str = ""
    detail: str = ""


async def open_protocol(strand: Strand, conversation: ProtocolConversation, recorder: Recorder) -> NotOpened | None:
    """Open the protocol of a connection, and begin its heartbeats. Returns why it did not open; None where it did.

    Raises ``FlowInterrupted`` where the flow is cut short meanwhile.
    """
    rules = conversation.dialect.opening
    if rules is None or rules.confirmed is None:
        conversation.opened_ns = conversation.upgraded_ns
    failed = await _talk(strand, conversation, recorder) if rules is not None else None
    failed = failed or _capture(strand, conversation)
    if failed is None:
        conversation.begin_beating()
    return failed


async def _talk(strand: Strand, conversation: ProtocolConversation, recorder: Recorder) -> NotOpened | None:
    rules, connection = conversation.dialect.opening, conversation.connection
    assert rules is not None
    if connection is None or conversation.end is not None:
        return NotOpened()
    if rules.make is not None:
        out = Outgoing()
        strand.scope.extra[RESUME] = conversation.resume
        try:
            await connection.send(conversation.dialect.framed(rules.make(strand.scope)), out)
        except EvaluationError as error:
            return NotOpened("template", str(error))
        except NotOpen:
            return NotOpened()
        finally:
            recorder.ledger.messages.control_sent += bool(out.written_ns)
    return await _confirmation(strand, conversation, conversation.upgraded_ns + rules.within_ns, rules.within_ns)


async def _confirmation(
    strand: Strand, conversation: ProtocolConversation, deadline_ns: int, within_ns: int
) -> NotOpened | None:
    """Wait until the server says that the protocol is open, or that it is not."""
    conversation.opened_by = strand.parker
    try:
        while not conversation.opened_ns and conversation.refused is None and conversation.end is None:
            if not await strand.parker.wait(deadline_ns):
                break
    finally:
        conversation.opened_by = None
    if conversation.opened_ns:
        return None
    if conversation.refused is not None:
        refused = conversation.refused
        return NotOpened(refused.kind("protocol.refused"), f"the server refused the protocol: {show(refused.said)}")
    if conversation.end is not None:
        return NotOpened()
    return NotOpened("protocol.timeout", f"the server did not confirm the protocol within {within_ns / 1e9:g} s")


def _capture(strand: Strand, conversation: ProtocolConversation) -> NotOpened | None:
    """Set the variables that the scenario captures from the message with which the server opens the protocol."""
    capture, greeting = conversation.dialect.capture, conversation.greeting
    if capture is None:
        return None
    missing = (
        "there is no message to capture from" if greeting is None else capture.take(greeting, strand.scope.variables)
    )
    strand.user.secrets.remember(strand.scope.variables)
    return None if missing is None else NotOpened("capture", missing)
