"""The ledger: the outcome of every arrival, session, turn, connection and message. It adds up, under every fault.

The engine counts directly into these records (``ledger.messages.received += 1``); frames carry them; the summary shows
them. Messages sent are counted by the meters of their steps, and the recorder adds them up here.
"""

from __future__ import annotations

import msgspec

#: The key, among ``failures``, of handshakes that the end of the run cut off.
CUT_OFF = "cut_off"


class Arrivals(msgspec.Struct):
    """Arrived users (open model): planned = completed + failed + dropped + cut_off. Planned arrivals are intended times
    that have passed.
    """

    expected: int = 0
    planned: int = 0
    completed: int = 0
    failed: int = 0
    dropped: int = 0
    cut_off: int = 0


class Users(msgspec.Struct):
    """Held users: those that have begun, and those of them that opened a connection at least once.

    A refusal that the scenario expects counts as connected. Users that never connect to a WebSocket are not counted.
    """

    planned: int = 0
    connected: int = 0


class Sessions(msgspec.Struct):
    """Sessions of held users (closed model): started = completed + failed + cut_off."""

    started: int = 0
    completed: int = 0
    failed: int = 0
    cut_off: int = 0


class Turns(msgspec.Struct):
    """Turns of ``every``: due = done + failed + skipped + cut_off."""

    due: int = 0
    done: int = 0
    failed: int = 0
    skipped: int = 0
    cut_off: int = 0


class Connections(msgspec.Struct):
    """Connections: attempted = opened + refused + failed; opened = closed_by_us + closed_by_peer + lost + open_at_end.

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
    """Messages: sent = answered + timed_out + unanswered + one_way; the others are counted beside these.

    ``values`` are what messages were unpacked into, where connections do that; ``unclaimed`` are messages received, or
    values of them, that no step waited for; ``unfinished_writes`` were begun and never completed. What a protocol sends and
    receives by itself is among neither sent nor received: ``heartbeats``, and ``control``, which opens a connection, ends
    it or a subscription, acknowledges, or is a part of a message whose last part is counted as it.
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
    values: int = 0
    heartbeats_sent: int = 0
    heartbeats_received: int = 0
    control_sent: int = 0
    control_received: int = 0


class Http(msgspec.Struct):
    """Requests of ``http`` steps: requests = answered + failed + timed_out + cut_off. A redirect is part of its request.

    A request is answered when its answer came whole, whatever the status.
    """

    requests: int = 0
    answered: int = 0
    failed: int = 0
    timed_out: int = 0
    cut_off: int = 0


class Bytes(msgspec.Struct):
    """Bytes: the payloads of messages, and all frames on the wire, with headers and control frames, before TLS and
    without the opening handshake. A sent frame counts when its first byte is offered to the kernel.
    """

    sent: int = 0
    received: int = 0
    wire_sent: int = 0
    wire_received: int = 0


class Ledger(msgspec.Struct):
    """All counts. Keys: ``refusals`` by HTTP status, ``failures`` by ``phase.kind``, ``close_codes`` by ``peer.1000`` /
    ``us.1000`` / ``lost.reset``. ``sent_by_step`` and ``bytes_by_step`` are ``messages.sent`` and ``bytes.sent`` by the step
    that sent them; both are empty in runs of versions that did not count them.
    """

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
    sent_by_step: dict[str, int] = {}
    bytes_by_step: dict[str, int] = {}

    def add(self, other: Ledger) -> None:
        """Add another process's ledger to this one."""
        for part in self.__struct_fields__:
            mine, theirs = getattr(self, part), getattr(other, part)
            if isinstance(mine, dict):
                for key, count in theirs.items():
                    mine[key] = mine.get(key, 0) + count
            else:
                for name in mine.__struct_fields__:
                    setattr(mine, name, getattr(mine, name) + getattr(theirs, name))

    def close(self) -> None:
        """Count as cut off what was under way in a process that fell silent, at the moment of its last frame.

        Each equation that does not hold is completed by its ``rest``. Nothing changes where all of them hold.
        """
        failed = self.connections.failed
        for equation in EQUATIONS:
            record = getattr(self, equation.record)
            if (missing := equation.missing(record)) > 0:
                setattr(record, equation.rest, getattr(record, equation.rest) + missing)
        if (attempts := self.connections.failed - failed) > 0:
            self.failures = {**self.failures, CUT_OFF: self.failures.get(CUT_OFF, 0) + attempts}

    def imbalances(self) -> list[str]:
        """Return the equations that do not hold, as text. While a run goes on, they need not hold."""
        sums = [
            (f"{equation.record}.{equation.whole}", getattr(record, equation.whole), equation.sum_of(record))
            for equation in EQUATIONS
            for record in [getattr(self, equation.record)]
        ]
        sums += [
            (name, sum(getattr(self.connections, part) for part in parts), sum(getattr(self, name).values()))
            for name, parts in BY_KEY.items()
        ]
        return [f"{name} is {whole}, its parts are {parts}" for name, whole, parts in sums if whole != parts]


class Equation(msgspec.Struct, frozen=True):
    """An equation: a counter of one record of the ledger is the sum of others. ``rest`` is the part that counts what
    was cut off.
    """

    record: str
    whole: str
    parts: tuple[str, ...]
    rest: str

    def __str__(self) -> str:
        """Return ``due = done + failed + skipped + cut_off``, as in the record's docstring."""
        return f"{self.whole} = {' + '.join(self.parts)}"

    def sum_of(self, record: msgspec.Struct) -> int:
        """Return the sum of the parts."""
        return sum(getattr(record, part) for part in self.parts)

    def missing(self, record: msgspec.Struct) -> int:
        """Return how much the parts lack; below 0 where they are too many."""
        return int(getattr(record, self.whole)) - self.sum_of(record)


#: The one list of equations. ``close`` completes them, ``imbalances`` checks them, reports show them in this order.
EQUATIONS = (
    Equation("arrivals", "planned", ("completed", "failed", "dropped", "cut_off"), "cut_off"),
    Equation("sessions", "started", ("completed", "failed", "cut_off"), "cut_off"),
    Equation("turns", "due", ("done", "failed", "skipped", "cut_off"), "cut_off"),
    Equation("connections", "attempted", ("opened", "refused", "failed"), "failed"),
    Equation("connections", "opened", ("closed_by_us", "closed_by_peer", "lost", "open_at_end"), "open_at_end"),
    Equation("messages", "sent", ("answered", "timed_out", "unanswered", "one_way"), "unanswered"),
    Equation("http", "requests", ("answered", "failed", "timed_out", "cut_off"), "cut_off"),
)
#: What the ledger counts by key, and the counters of ``connections`` that it adds up to.
BY_KEY = {"refusals": ("refused",), "failures": ("failed",), "close_codes": ("closed_by_us", "closed_by_peer", "lost")}
