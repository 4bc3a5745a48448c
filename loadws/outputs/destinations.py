"""Where live figures go: what ``--output KIND=WHERE`` names, checked before anything runs.

One option with a kind, and not an option for each kind: all are written, checked, refused and documented in one way, several
of one kind are possible, and a new kind needs no new option. ``--prometheus ADDRESS`` is short for ``prometheus=ADDRESS``.

Imports nothing heavy: ``loadws --help`` is to appear at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from loadws.outputs.receivers import ENVIRONMENT, host_and_port, influx_address, otlp_endpoint
from loadws.terms.errors import UsageError, did_you_mean
from loadws.terms.files.whole import try_to_write_beside
from loadws.terms.secrets import shown_address

#: The place that means stdout.
STDOUT = "-"
_PAGE = "loadws docs outputs"


@dataclass(frozen=True, slots=True)
class Destination:
    """A kind of output and its place: a file, or an address, as the command line has it."""

    kind: str
    where: str

    def __str__(self) -> str:
        """Return ``KIND=WHERE`` without passwords and tokens."""
        return f"{self.kind}={shown_address(self.where)}"

    @property
    def file(self) -> Path | None:
        """Return the file that this is written to; None for stdout and for what goes over a network."""
        return Path(self.where) if KINDS[self.kind].is_file and self.where != STDOUT else None


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of output. ``default`` is its place where none is named, "" where one must be. ``check`` raises ``ValueError``
    for a place that is none. ``library`` is the module that it needs, ``extra`` the extra that installs it."""

    example: str
    check: Callable[[str], object]
    default: str = ""
    is_file: bool = False
    library: str = ""
    extra: str = ""


def _any_file(where: str) -> None:
    """Take any place: whether the file can be written is seen when it is cleared."""


#: Where Prometheus expects exporters of OpenTelemetry's kind; no other program's usual port.
PROMETHEUS = "127.0.0.1:9464"
#: The default address of StatsD.
STATSD = "127.0.0.1:8125"
KINDS: dict[str, Kind] = {
    "ndjson": Kind("ndjson=live.ndjson", _any_file, is_file=True),
    "csv": Kind("csv=live.csv", _any_file, is_file=True),
    "prometheus": Kind(
        f"prometheus={PROMETHEUS}", host_and_port, PROMETHEUS, library="prometheus_client", extra="prometheus"
    ),
    "statsd": Kind(f"statsd={STATSD}", host_and_port, STATSD),
    "dogstatsd": Kind(f"dogstatsd={STATSD}", host_and_port, STATSD),
    "influxdb": Kind("influxdb=http://127.0.0.1:8086?db=loadws", influx_address),
    "otlp": Kind(
        "otlp=http://127.0.0.1:4318", lambda where: otlp_endpoint(where, os.environ), ENVIRONMENT,
        library="opentelemetry.exporter.otlp.proto.http", extra="otlp",
    ),
}  # fmt: skip


def parse_destination(text: str) -> Destination:
    """Return the destination that ``KIND=WHERE``, or ``KIND`` with a default place, names.

    Raises:
        UsageError: There is no such kind or place, or its library is missing.
    """
    name, _, where = text.partition("=")
    kind = KINDS.get(name)
    if kind is None:
        similar = did_you_mean(name, KINDS)
        raise UsageError(
            f"--output: there is no output {shown_address(name)!r}" + (f"; {similar}" if similar else ""),
            f"outputs are {', '.join(KINDS)}: {_PAGE}",
        )
    destination = Destination(name, where or kind.default)
    if not destination.where:
        raise UsageError(f"--output {name} does not say where", f"write --output {kind.example}")
    try:
        kind.check(destination.where)
    except ValueError as error:
        raise UsageError(f"--output {destination}: {error}", f"write --output {kind.example}: {_PAGE}") from None
    if kind.library and not _is_installed(kind.library):
        raise UsageError(
            f"--output {destination}: this needs a package that is not installed",
            f"pip install 'loadws[{kind.extra}]'",
        )
    return destination


def _is_installed(library: str) -> bool:
    """Return whether a module can be imported, without importing it."""
    try:
        return find_spec(library) is not None
    except ModuleNotFoundError:  # not even the package that it lies in
        return False


def check_apart(destinations: Iterable[Destination]) -> None:
    """Check that no two outputs are written to the same place.

    Raises:
        UsageError: Two are.
    """
    taken: set[tuple[str, str]] = set()
    for destination in destinations:
        file = destination.file
        place = ("file", str(file.resolve())) if file else ("other", destination.where)
        if place in taken:
            raise UsageError(f"--output {destination}: another output is written there too", "name two places")
        taken.add(place)


def clear(destination: Destination) -> None:
    """Empty the file of an output, so that no older run is taken for this one, or make sure that it can be made.

    The file stays where it is, so that a program that follows it goes on reading. A pipe or a device is left alone.

    Raises:
        UsageError: The file cannot be written.
    """
    file = destination.file
    if file is None:
        return
    try:
        if file.is_file():
            file.open("wb").close()
        elif not file.exists():
            try_to_write_beside(file)
    except OSError as error:
        raise UsageError(
            f"--output {destination}: cannot be written: {error.strerror or error}", "name a file that you may write"
        ) from error


def to_stdout(destinations: Iterable[Destination]) -> bool:
    """Return whether stdout belongs to an output, so that the console must use stderr."""
    return any(KINDS[each.kind].is_file and each.where == STDOUT for each in destinations)
