"""Lines of text in UDP packets that no network cuts in pieces."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator

from loadws.outputs.destinations import Destination
from loadws.outputs.exporter import DEADLINE_S, Refused
from loadws.terms.errors import UsageError

#: The payload that fits into a packet of Ethernet (1,500 bytes) beside the headers of IPv6, UDP and a tunnel.
LARGEST = 1_400


class Datagrams:
    """A receiver of packets. Raises ``UsageError`` where its name cannot be resolved."""

    def __init__(self, destination: Destination, host: str, port: int) -> None:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
            self._socket = socket.socket(family, kind, protocol)
            self._socket.settimeout(DEADLINE_S)
            self._socket.connect(address)  # so that the system tells where nothing listens
        except OSError as error:
            raise UsageError(
                f"--output {destination}: cannot be reached: {error.strerror or error}", "check host and port"
            ) from error

    def send(self, lines: Iterable[bytes]) -> None:
        """Send all lines that can be sent.

        The system reports with the next packet that nothing received the last one; the next one is then not sent.

        Raises:
            OSError: Some could not be sent.
            Refused: Some are longer than a packet.
        """
        failure: OSError | Refused | None = None
        lines = list(lines)
        longest = max(map(len, lines), default=0)
        if longest >= LARGEST:
            failure = Refused(f"a line of {longest:,} bytes is longer than a packet; use shorter names of steps")
        for packet in packets(lines):
            try:
                self._socket.send(packet)
            except OSError as error:
                failure = error
        if failure is not None:
            raise failure

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def packets(lines: Iterable[bytes], largest: int = LARGEST) -> Iterator[bytes]:
    """Yield packets of whole lines, each line with its line end. A line that fits into no packet is left out."""
    packet = b""
    for line in lines:
        if len(line) + 1 > largest:
            continue
        if len(packet) + len(line) + 1 > largest:
            yield packet
            packet = b""
        packet += line + b"\n"
    if packet:
        yield packet
