"""The ledger: what became of every arrival, session, turn, connection and message. It adds up, under every fault.

The engine counts straight into these records (``ledger.messages.sent += 1``); frames carry them; the summary shows them.
"""

from __future__ import annotations

import msgspec

#: The key, among ``failures``, of handshakes that the end of the run cut off.
CUT_OFF = "cut_off"


class Arrivals(msgspec.Struct):
    """Open model. planned (intended times that passed) = completed + failed + dropped + cut_off."""

    expected: int = 0
    planned: int = 0
    completed: int = 0
    failed: int = 0
    dropped: int = 0
    cut_off: int = 0


class Users(msgspec.Struct):
    """Count held users: those that have begun, and those of them that opened a connection at least once.

    A refusal that the scenario expects counts as connected. Users that never connect to a WebSocket are not counted.
    """

    planned: int = 0
    connected: int = 0


class Sessions(msgspec.Struct):
    """Closed model. started = completed + failed + cut_off."""

    started: int = 0
    completed: int = 0
    failed: int = 0
    cut_off: int = 0


class Turns(msgspec.Struct):
    """Of ``every``. due = done + failed + skipped + cut_off."""

    due: int = 0
    done: int = 0
    failed: int = 0
    skipped: int = 0
    cut_off: int = 0


class Connections(msgspec.Struct):
    """attempted = opened + refused + failed; opened = closed_by_us + closed_by_peer + lost + open_at_end.

    ``compressed`` of the opened ones use permessage-deflate; ``as_expected`` of the refused ones are what the scenario
    expects; ``held`` were open when the load ended.
    """

    attempted: int = 0
    opened: int = 0
    refused: int = 0
    failed: int = 0
    closed_by_us: int = 0
    closed_by_peer: int = 0
    lost: int = 0
    open_at_end: int = 0
    compressed: int = 0
    as_expected: int = 0
    held: int = 0


class Messages(msgspec.Struct):
    """sent = answered + timed_out + unanswered + one_way; the others are side counters.

    ``unclaimed`` are messages received that nobody waited for; ``unfinished_writes`` were begun and never whole.
    """

    sent: int = 0
    received: int = 0
    answered: int = 0
    timed_out: int = 0
    unanswered: int = 0
    one_way: int = 0
    late: int = 0
    duplicate: int = 0
    unclaimed: int = 0
    unfinished_writes: int = 0


class Http(msgspec.Struct):
    """Of ``http`` steps, whose redirects count as one request. requests = answered + failed + timed_out + cut_off.

    Answered is one with a whole answer, whatever its status.
    """

    requests: int = 0
    answered: int = 0
    failed: int = 0
    timed_out: int = 0
    cut_off: int = 0


class Bytes(msgspec.Struct):
    """Payload bytes of messages; and on the wire those of all frames, headers and control frames included, as TLS does not
    see them and without the opening handshake. A frame that is sent counts when its first byte is offered to the kernel."""

    sent: int = 0
    received: int = 0
    wire_sent: int = 0
    wire_received: int = 0


class Ledger(msgspec.Struct):
    """Everything that was counted. Keys: ``refusals`` by HTTP status, ``failures`` by ``phase.kind``, ``close_codes`` by
    ``peer.1000`` / ``us.1000`` / ``lost.reset``."""

    arrivals: Arrivals = msgspec.field(default_factory=Arrivals)
    users: Users = msgspec.field(default_factory=Users)
    sessions: Sessions = msgspec.field(default_factory=Sessions)
    turns: Turns = msgspec.field(default_factory=Turns)
    connections: Connections = msgspec.field(default_factory=Connections)
    messages: Messages = msgspec.field(default_factory=Messages)
    http: Http = msgspec.field(default_factory=Http)
    bytes: Bytes = msgspec.field(default_factory=Bytes)
    refusals: dict[str, int] = {}
    failures: dict[str, int] = {}
    close_codes: dict[str, int] = {}

    def add(self, other: Ledger) -> None:
        """Another process's ledger on top of this one."""
        for part in ("arrivals", "users", "sessions", "turns", "connections", "messages", "http", "bytes"):
            mine, theirs = getattr(self, part), getattr(other, part)
            for name in mine.__struct_fields__:
                setattr(mine, name, getattr(mine, name) + getattr(theirs, name))
        for part in ("refusals", "failures", "close_codes"):
            counts = getattr(self, part)
            for key, count in getattr(other, part).items():
                counts[key] = counts.get(key, 0) + count

    def close(self) -> None:
        """Of a process that fell silent: what was under way when it last spoke is counted as cut off at that moment.

        So arrivals, sessions and turns are ``cut_off``, handshakes failed (``cut_off``), connections ``open_at_end``
        and messages ``unanswered``. Nothing changes where everything had its end.
        """
        a, s, t, c, m = self.arrivals, self.sessions, self.turns, self.connections, self.messages
        a.cut_off += max(0, a.planned - a.completed - a.failed - a.dropped - a.cut_off)
        s.cut_off += max(0, s.started - s.completed - s.failed - s.cut_off)
        t.cut_off += max(0, t.due - t.done - t.failed - t.skipped - t.cut_off)
        if (attempts := c.attempted - c.opened - c.refused - c.failed) > 0:
            c.failed += attempts
            self.failures = {**self.failures, CUT_OFF: self.failures.get(CUT_OFF, 0) + attempts}
        c.open_at_end += max(0, c.opened - c.closed_by_us - c.closed_by_peer - c.lost - c.open_at_end)
        m.unanswered += max(0, m.sent - m.answered - m.timed_out - m.unanswered - m.one_way)

    def imbalances(self) -> list[str]:
        """The equations that do not hold, as text; empty when all is well. Only true of a run that has ended."""
        a, s, t, c, m, h = self.arrivals, self.sessions, self.turns, self.connections, self.messages, self.http
        equations = (
            ("arrivals.planned", a.planned, a.completed + a.failed + a.dropped + a.cut_off),
            ("sessions.started", s.started, s.completed + s.failed + s.cut_off),
            ("turns.due", t.due, t.done + t.failed + t.skipped + t.cut_off),
            ("connections.attempted", c.attempted, c.opened + c.refused + c.failed),
            ("connections.opened", c.opened, c.closed_by_us + c.closed_by_peer + c.lost + c.open_at_end),
            ("messages.sent", m.sent, m.answered + m.timed_out + m.unanswered + m.one_way),
            ("http.requests", h.requests, h.answered + h.failed + h.timed_out + h.cut_off),
            ("refusals", c.refused, sum(self.refusals.values())),
            ("failures", c.failed, sum(self.failures.values())),
            ("close_codes", c.closed_by_us + c.closed_by_peer + c.lost, sum(self.close_codes.values())),
        )
        return [f"{name} is {whole}, its parts are {parts}" for name, whole, parts in equations if whole != parts]
