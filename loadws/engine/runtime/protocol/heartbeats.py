"""The heartbeats of one connection: sent by timers, whatever else flows, and answered in the call that reads them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from loadws.engine.runtime.protocol.dialect import Heartbeat
from loadws.metrics.recording.recorder import Recorder
from loadws.scenario.template.scope import Scope
from loadws.scenario.template.values import EvaluationError
from loadws.transport.base import Connection, NotOpen, Outgoing, Payload, Timer, Timers


class Heartbeats:
    """The heartbeats of one open connection.

    ``on_silence`` is called with a sentence where the answer to one of ours did not come in time, or nothing at all where
    the server has to send something. ``heard_ns`` is when something came last.
    """

    __slots__ = (
        *("_asked_ns", "_beats", "_dues", "_framed", "_messages", "_next", "_on_silence", "_recorder", "_scope"),
        *("_silences", "_timers", "heard_ns"),
    )

    def __init__(
        self,
        beats: tuple[Heartbeat, ...],
        framed: Callable[[Any], Payload],
        timers: Timers,
        recorder: Recorder,
        scope: Scope,
        on_silence: Callable[[str], None],
    ) -> None:
        self._beats = beats
        self._framed = framed
        self._timers = timers
        self._recorder = recorder
        self._messages = recorder.ledger.messages
        self._scope = scope
        self._on_silence = on_silence
        self._next: dict[Heartbeat, Timer] = {}
        self._silences: dict[Heartbeat, Timer] = {}  # of heartbeats that are not answered yet
        self._asked_ns: dict[Heartbeat, int] = {}  # when these were sent
        self._dues: list[Timer] = []  # of what the server has to send
        self.heard_ns = 0

    def begin(self, connection: Connection, greeting: Any) -> None:
        """Send the first of each kind after its time. Heartbeats of the server are answered before that too.

        ``greeting`` is the record with which the server opened the protocol; None where there was none.
        """
        now_ns = self._timers.now_ns()
        for beat in self._beats:
            every_ns, due_ns = beat.time_ns(beat.every_ns, greeting), beat.time_ns(beat.due_ns, greeting)
            if every_ns is not None and beat not in self._next:
                self._later(beat, connection, now_ns + every_ns, every_ns)
            if due_ns is not None:
                self._dues.append(
                    self._timers.call_at(now_ns + 2 * due_ns, partial(self._overdue, len(self._dues), 2 * due_ns))
                )

    def stop(self) -> None:
        """Send no more, and wait for no answer: the connection has ended."""
        for timer in (*self._next.values(), *self._silences.values(), *self._dues):
            timer.cancel()
        self._next.clear()
        self._silences.clear()
        self._dues.clear()

    def is_one(self, record: Any) -> bool:
        """Return whether a record is a heartbeat, or the answer to one of ours."""
        return any(beat.received is not None and beat.received(record) for beat in self._beats)

    def takes(self, record: Any, received_ns: int, connection: Connection | None) -> bool:
        """Return whether a record is a heartbeat, or the answer to one of ours; the server's is answered at once."""
        for beat in self._beats:
            if beat.received is None or not beat.received(record):
                continue
            self._messages.heartbeats_received += 1
            self._answered(beat, received_ns)
            if beat.answers and connection is not None:
                self._send(beat, connection)
            return True
        return False

    def _answered(self, beat: Heartbeat, received_ns: int) -> None:
        silence, asked_ns = self._silences.pop(beat, None), self._asked_ns.pop(beat, 0)
        if silence is not None:
            silence.cancel()
            self._recorder.duration("ping_time", "heartbeat", asked_ns, received_ns - asked_ns)

    def _overdue(self, index: int, patience_ns: int) -> None:
        """Call the server silent if nothing came for ``patience_ns``; else look again when that may be so."""
        deadline_ns = self.heard_ns + patience_ns
        if deadline_ns > self._timers.now_ns():
            self._dues[index] = self._timers.call_at(deadline_ns, partial(self._overdue, index, patience_ns))
        else:
            self._on_silence(
                f"nothing came for {patience_ns / 1e9:g} s, twice the time in which the server sends something"
            )

    def _later(self, beat: Heartbeat, connection: Connection, at_ns: int, every_ns: int) -> None:
        self._next[beat] = self._timers.call_at(at_ns, partial(self._due, beat, connection, at_ns, every_ns))

    def _due(self, beat: Heartbeat, connection: Connection, at_ns: int, every_ns: int) -> None:
        """Send one; the next is due by the time of the first, however late this one is."""
        now_ns = self._timers.now_ns()
        if self._send(beat, connection) and beat.timeout_ns is not None and beat not in self._silences:
            self._asked_ns[beat] = now_ns
            self._silences[beat] = self._timers.call_at(now_ns + beat.timeout_ns, partial(self._silent, beat))
        self._later(beat, connection, at_ns + every_ns * (1 + max(0, now_ns - at_ns) // every_ns), every_ns)

    def _silent(self, beat: Heartbeat) -> None:
        assert beat.timeout_ns is not None
        self._silences.pop(beat, None)
        self._on_silence(f"a heartbeat was not answered within {beat.timeout_ns / 1e9:g} s")

    def _send(self, beat: Heartbeat, connection: Connection) -> bool:
        assert beat.make is not None
        try:
            connection.send_soon(self._framed(beat.make(self._scope)), Outgoing())
        except (NotOpen, EvaluationError):
            return False  # the connection is ending; what a file sends as a heartbeat needs no variable
        self._messages.heartbeats_sent += 1
        return True
