"""The probes of one connection: those that it publishes, and those that it receives."""

from __future__ import annotations

from loadws.metrics.recording.probes import Membership, ProbeLog, Publisher


class Probing:
    """The probes that one connection publishes (``publishers``) and receives (``members``)."""

    __slots__ = ("members", "publishers")

    def __init__(self) -> None:
        self.publishers: dict[ProbeLog, Publisher] = {}
        self.members: dict[ProbeLog, Membership] = {}

    def publisher(self, log: ProbeLog) -> Publisher:
        """Return the connection as a publisher of a probe; it is one from the first call on."""
        publisher = self.publishers.get(log)
        if publisher is None:
            publisher = self.publishers[log] = log.publisher()
        return publisher

    def leave(self, at_ns: int) -> None:
        """End every membership: the connection has ended."""
        for log, member in self.members.items():
            log.leave(member, at_ns)
        self.members.clear()
