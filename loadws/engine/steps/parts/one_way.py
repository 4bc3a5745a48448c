"""Messages without an answer: ``send`` and ``publish``."""

from __future__ import annotations

from loadws.metrics.recording.recorder import Recorder
from loadws.scenario.model.steps import Step
from loadws.transport.base import Outgoing, Payload, payload_bytes


class OneWay:
    """A counter of messages without an answer.

    A message is counted once it is known whether the kernel accepts its last byte.
    """

    __slots__ = ("_ledger", "_meter")

    def __init__(self, recorder: Recorder, step: Step) -> None:
        self._ledger = recorder.ledger
        self._meter = recorder.step(step.label)

    def count(self, out: Outgoing, due: tuple[int, int], data: Payload) -> bool:
        """Count a message, and return whether all of it was written. A message of which no byte was written is not
        counted.
        """
        messages = self._ledger.messages
        if not out.written_ns:
            messages.unfinished_writes += bool(out.sent_ns)
            return False
        messages.one_way += 1
        meter = self._meter
        meter.messages += 1
        meter.bytes += payload_bytes(data)
        meter.sent(*due, out.sent_ns, out.written_ns)
        return True


class SoonSent(Outgoing, kw_only=True, eq=False):
    """A handler's queued message. The transport reports whether it was written."""

    one_way: OneWay
    due: tuple[int, int]
    data: Payload

    def on_written(self) -> None:
        self.one_way.count(self, self.due, self.data)

    def on_unfinished(self) -> None:
        self.one_way.count(self, self.due, self.data)
