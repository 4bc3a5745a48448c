"""The process of a run's live outputs. Decoding histograms and waiting for receivers costs the load nothing here.

Each output has a thread of its own, so that one that waits does not hold up the others.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from loadws.outputs.destinations import Destination
from loadws.outputs.exporter import Exporter, Line
from loadws.outputs.pipe import Begin, Done, Down, NotReady, Open, Ready, Seen, Up, line_of, receive
from loadws.outputs.second import Seconds
from loadws.terms.errors import UsageError

_NICENESS = 10


def open_exporter(destination: Destination) -> Exporter:
    """Open an output. Its library is imported only here. Raises ``UsageError``."""
    match destination.kind:
        case "prometheus":
            from loadws.outputs.kinds.prometheus import PrometheusExporter

            return PrometheusExporter(destination)
        case "statsd" | "dogstatsd":
            from loadws.outputs.kinds.statsd import StatsdExporter

            return StatsdExporter(destination)
        case "influxdb":
            from loadws.outputs.kinds.influxdb import InfluxExporter

            return InfluxExporter(destination)
        case "otlp":
            from loadws.outputs.kinds.otlp import OtlpExporter

            return OtlpExporter(destination)
        case _:
            from loadws.outputs.kinds.lines import LinesExporter

            return LinesExporter(destination)


class Outputs:
    """All outputs of a run, and the seconds that they get."""

    def __init__(self, destinations: tuple[Destination, ...]) -> None:
        self._lines = [Line(open_exporter(destination)) for destination in destinations]
        self._seconds: Seconds | None = None

    def take(self, message: Down) -> None:
        """Take what the run tells: its begin, and its frames."""
        if isinstance(message, Begin):
            self._seconds = Seconds(message.info)
            for line in self._lines:
                line.begin(message.info)
        elif isinstance(message, Seen) and self._seconds is not None:
            for second in self._seconds.add(message.frame, message.unix_ns):
                for line in self._lines:
                    line.offer(second)

    def end(self) -> list[str]:
        """End all outputs, within a bounded time; return in sentences what was lost."""
        if self._seconds is None:
            return []
        for second in self._seconds.rest():
            for line in self._lines:
                line.offer(second)
        for line in self._lines:
            line.ask_to_end()
        with ThreadPoolExecutor(len(self._lines)) as waiting:  # for all at once: together they have one patience
            return [problem for problems in waiting.map(Line.end, self._lines) for problem in problems]


def serve(hear: Callable[[], Down | None], say: Callable[[Up], None]) -> None:
    """Serve one run: open, take, end. Where the run's process has gone, end as well."""
    opening = hear()
    if not isinstance(opening, Open):
        return
    try:
        outputs = Outputs(opening.destinations)
    except UsageError as error:
        say(NotReady(str(error), error.advice))
        return
    say(Ready())
    while isinstance(message := hear(), Begin | Seen):
        outputs.take(message)
    say(Done(tuple(outputs.end())))


def main() -> None:
    """Run the process. It ends without waiting for threads that hang."""
    with suppress(AttributeError, OSError):
        os.nice(_NICENESS)  # the load goes first
    serve(lambda: receive(sys.stdin.buffer), _say)
    with suppress(OSError):
        sys.stdout.flush()
    os._exit(0)


def _say(message: Up) -> None:
    with suppress(OSError):
        os.write(2, line_of(message))


if __name__ == "__main__":
    main()
