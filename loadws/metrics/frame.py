"""A frame: the measurements of one process in one second. Nothing else leaves a recorder.

The parent receives it (over a pipe, or by a call), ``windows.ndjson`` keeps it without its histograms,
``intervals.hlog`` keeps its histograms, and ``summarising`` makes the summary only from frames. So a run of five
processes, and a killed run that is rebuilt from its folder, are summed up in the same way as a run of one process.
"""

from __future__ import annotations

import msgspec

from loadws.metrics.ledger import Ledger
from loadws.terms.units import NS_PER_MS

Labels = dict[str, str]
#: A turn of the event loop that takes longer is a stall: the process was stopped, or something blocked it.
STALL_NS = 100 * NS_PER_MS


class HistogramPart(msgspec.Struct, frozen=True):
    """The values of one metric with one set of labels (``phase`` among them) in this second.

    ``payload`` is HdrHistogram's V2 wire format, compressed and in base64; its values are whole ``scale`` units of the
    metric (a time is recorded in microseconds, so its scale is 1000 ns). Minimum, maximum and sum are exact, in the
    metric's unit, and 0 where there is no value. ``missing`` counts requests that timed out or were left unanswered,
    ``out_of_range`` values that no bucket can hold.
    """

    name: str
    labels: Labels
    payload: str
    count: int
    min: float
    max: float
    sum: float
    missing: int = 0
    out_of_range: int = 0


class CounterPart(msgspec.Struct, frozen=True):
    """A count of this second. A rate has ``failed`` of ``count``; for a counter ``failed`` is 0."""

    name: str
    labels: Labels
    count: int
    failed: int = 0


class Gauges(msgspec.Struct, frozen=True):
    """The gauges at the end of the frame. ``spans`` are the least and the most of each since the previous frame; gauges
    that did not change are left out.
    """

    open_connections: int = 0
    users: int = 0
    spans: dict[str, tuple[int, int]] = {}

    def span(self, name: str) -> tuple[int, int]:
        value: int = getattr(self, name)
        return self.spans.get(name, (value, value))


class Health(msgspec.Struct, frozen=True):
    """The generator's own health in this second. ``send_lag`` is a metric, and is in the histograms.

    ``stalled_ns`` is the time in which the event loop did not turn, from stalls longer than 100 ms; ``stall_max_ns``
    the longest of these. ``waited_share`` is the share of the time in which the process could run and had no core, and
    ``steal_share`` the share that the hypervisor took from the machine's cores; both are 0 where the system does not
    report them.
    """

    cpu_share: float = 0.0
    loop_lag_max_ns: int = 0
    loop_lag_p99_ns: int = 0
    gc_pause_max_ns: int = 0
    gc_pause_total_ns: int = 0
    open_files: int = 0
    rss_bytes: int = 0
    stalled_ns: int = 0
    stall_max_ns: int = 0
    waited_share: float = 0.0
    steal_share: float = 0.0


class ErrorSample(msgspec.Struct, frozen=True):
    """One error whole, for errors.ndjson. ``at_s`` is seconds since the start; texts are cut at 2 KiB."""

    kind: str
    step: str
    at_s: float
    detail: str
    user: int | None = None
    status: int | None = None
    headers: dict[str, str] | None = None
    body: str | None = None


class LogLine(msgspec.Struct, frozen=True):
    """The text of a ``log`` step."""

    at_s: float
    user: int
    text: str


class Published(msgspec.Struct, frozen=True, array_like=True):
    """A probe that was sent: its number, its audience, when it was made (in microseconds of the run), and the index of
    its phase.

    ``excluded`` is 1 where its publisher's own connection listens and does not count among its receivers.
    """

    probe: int
    publisher: int
    number: int
    made_us: int
    audience: int
    phase: int
    excluded: int = 0


class Received(msgspec.Struct, frozen=True, array_like=True):
    """The deliveries of one probe to a process's connections in this second: how many, and how many of all its
    receivers have left since. ``times`` are pairs of a bucket (see ``spread``) and its count; first and last are exact.
    ``phase`` is the index of the probe's phase.
    """

    probe: int
    process: int  # its publisher's
    publisher: int
    number: int
    made_us: int
    count: int
    left: int = 0
    first_ns: int = 0
    last_ns: int = 0
    times: tuple[int, ...] = ()
    phase: int = 0


class Joined(msgspec.Struct, frozen=True, array_like=True):
    """A connection that became a receiver of a probe; ``audience`` 0 means of every audience."""

    probe: int
    audience: int
    at_us: int


class Left(msgspec.Struct, frozen=True, array_like=True):
    """A connection that stopped listening."""

    probe: int
    audience: int
    joined_us: int
    at_us: int


class DeliveryPart(msgspec.Struct, frozen=True):
    """One process's part of the deliveries, to be joined with those of the other processes: listeners, probes sent,
    probes received.
    """

    published: tuple[Published, ...] = ()
    received: tuple[Received, ...] = ()
    joined: tuple[Joined, ...] = ()
    left: tuple[Left, ...] = ()


class Frame(msgspec.Struct, frozen=True):
    """One second of one process. ``start_s`` and ``duration_s`` are in seconds since the run's start. ``ledger`` covers
    the run so far, everything else only this second. ``phase`` is the one that ran in the middle of it; ``phases`` are
    those that began in it: (index, when in seconds since the start).
    """

    process: int
    index: int
    start_s: float
    duration_s: float
    phase: str
    warmup: bool
    ledger: Ledger
    gauges: Gauges
    health: Health
    histograms: tuple[HistogramPart, ...] = ()
    counters: tuple[CounterPart, ...] = ()
    errors: tuple[ErrorSample, ...] = ()
    logs: tuple[LogLine, ...] = ()
    phases: tuple[tuple[int, float], ...] = ()
    over: bool = False  # the last phase was over: users leave, and the generator's health does not count any more
    last: bool = False
    delivery: DeliveryPart | None = None
