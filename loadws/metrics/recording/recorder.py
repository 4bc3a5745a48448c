"""Record: the engine's hot-path calls in, one frame per second out. Synchronous, no I/O, and no totals.

While the run goes, a call only stores its stamps; all arithmetic waits for ``rotate``, which ends the interval and
works in slices of about 0.1 ms, so that recording does not make the lag that it records. All stored stamps are swapped
out first: a call during a rotation belongs to the next interval. A recorder keeps only the ledger and the names it has
seen from one interval to the next, so its memory does not grow with the run.

A sample belongs to the phase of its intended time, however late it comes; a message to the phase in which it was
counted.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from loadws.metrics.frame import ErrorSample, Frame, Gauges, Health, LogLine
from loadws.metrics.histograms.histogram import span_of
from loadws.metrics.ledger import Ledger
from loadws.metrics.recording.fold import OF_AN_ANSWER, ONE_WAY, SILENT, Fold
from loadws.metrics.recording.interval import Interval, Phases
from loadws.metrics.recording.probes import Probes, ProbeSpec, Second, fold
from loadws.metrics.recording.quoting import LONGEST, harmless, one_line, one_line_of
from loadws.terms.masker import Masker
from loadws.terms.units import NS_PER_S, format_duration

#: A kind of try, and the name of its step.
Try = tuple[str, str]
#: The times that a try of a kind has when it succeeds. Without an answer it counts as missing in them.
TIMES_OF_TRIES: dict[str, tuple[str, ...]] = {
    "request": OF_AN_ANSWER, "wait_for": ("wait_time",), "http": ("http_time",), "ping": ("ping_time",),
}  # fmt: skip

OTHER = "(other)"  # stands for every name past the limit
DISTINCT_NAMES = 1_000
NO_MORE_LOGS = "only so many log lines are kept: this process says no more"


class Timings(Protocol):
    """The part of the transport's ``ConnectTimings`` that ``connected`` uses: nanoseconds, None where there was no such
    part.
    """

    @property
    def total_ns(self) -> int: ...
    @property
    def dns_ns(self) -> int | None: ...
    @property
    def tcp_ns(self) -> int | None: ...
    @property
    def tls_ns(self) -> int | None: ...
    @property
    def proxy_ns(self) -> int | None: ...
    @property
    def upgrade_ns(self) -> int | None: ...
    @property
    def protocol_ns(self) -> int | None: ...
    @property
    def tls_resumed(self) -> bool: ...


class StepMeter:
    """The messages of one step. Each call stores five numbers in a list, which needs a third of an array's time.

    ``messages`` and ``bytes`` are what the step has sent since the recorder last added them to the ledger.
    """

    __slots__ = ("_put", "_rows", "bytes", "messages", "step")

    def __init__(self, step: str) -> None:
        self.step = step
        self.messages = self.bytes = 0
        self._rows: list[int] = []
        self._put = self._rows.extend

    def answered(self, intended_ns: int, due_ns: int, sent_ns: int, written_ns: int, received_ns: int) -> None:
        """Record a request and its answer."""
        self._put((intended_ns, due_ns, sent_ns, written_ns, received_ns))

    def silent(self, intended_ns: int, due_ns: int, sent_ns: int, written_ns: int) -> None:
        """Record a request that timed out or was left unanswered: it failed, and is ``missing`` in both its times."""
        self._put((intended_ns, due_ns, sent_ns, written_ns, SILENT))

    def sent(self, intended_ns: int, due_ns: int, sent_ns: int, written_ns: int) -> None:
        """Record a message that needs no answer."""
        self._put((intended_ns, due_ns, sent_ns, written_ns, ONE_WAY))

    def take(self) -> list[int]:
        """Return what was stored so far, and begin anew."""
        rows, self._rows = self._rows, []
        self._put = self._rows.extend
        return rows


class _Names:
    """The first ``limit`` distinct names, made fit to show; all others share ``OTHER``.

    A name may come from a template, and so from a server: without a limit, names would fill the memory.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: dict[tuple[str, ...], tuple[str, ...]] = {}

    def known(self, *names: str) -> tuple[str, ...]:
        cut = tuple(name[:LONGEST] for name in names)
        known = self._known.get(cut)
        if known is None:
            if len(self._known) == self._limit:
                return (OTHER,) * len(names)
            known = self._known[cut] = tuple(one_line(name) for name in cut)
        return known


class Gauge:
    """A number that goes up and down, with its least and greatest value since the last look: a whole storm may pass
    between two frames.
    """

    __slots__ = ("least", "most", "value")

    def __init__(self) -> None:
        self.value = self.least = self.most = 0

    def rise(self) -> None:
        self.value += 1
        if self.value > self.most:
            self.most = self.value

    def fall(self) -> None:
        self.value -= 1
        if self.value < self.least:
            self.least = self.value

    def take(self) -> tuple[int, int]:
        span = (self.least, self.most)
        self.least = self.most = self.value
        return span


class Recorder:
    """The measurements of one process. The engine changes ``ledger``, ``open_connections``, ``users``, ``iterations``
    and ``reconnects``.

    ``phases`` are (name, whether it is a warm-up). The first ``max_errors`` errors and ``max_logs`` log lines of the
    run are kept whole; all errors are counted. ``masker`` hides the secrets that are known before the run; a caller
    that reports an error or a line for a user passes one that knows the user's, too. It is used only where the text is
    kept.
    """

    def __init__(
        self,
        phases: Sequence[tuple[str, bool]],
        process: int = 0,
        max_errors: int = 1_000,
        max_logs: int = 1_000,
        masker: Masker | None = None,
    ) -> None:
        self.ledger = Ledger()
        self.open_connections, self.users = Gauge(), Gauge()
        self.over = False  # the engine says when the last phase is
        self.iterations = 0
        self.reconnects = 0
        self.probes: Probes | None = None  # where the scenario has some: ``watch_probes``
        self._masker = masker or Masker()
        self._process = process
        self._phases = Phases(phases)
        self._meters: dict[str, StepMeter] = {}
        self._interval = Interval()
        self._settled: dict[str, int] = {}
        self._errors_left, self._logs_left = max_errors, max_logs
        self._error_names, self._count_names = _Names(DISTINCT_NAMES), _Names(DISTINCT_NAMES)
        self._start_ns = self._since_ns = 0
        self._index = 0

    def begin(self, start_ns: int) -> None:
        """Start the run; every ``*_s`` in a frame counts from here."""
        self._start_ns = self._since_ns = start_ns
        if self.probes is not None:
            self.probes.begin(start_ns)

    def watch_probes(self, specs: Sequence[ProbeSpec], nonce: int, machines: int = 1) -> None:
        """Follow the probes that the scenario publishes, and add their part to each frame. ``machines`` make the load."""
        if specs:
            self.probes = Probes(specs, self._process, nonce, self._phases, machines)

    def begin_phase(self, index: int, at_ns: int) -> None:
        """Begin a phase. Phases begin in order, and ``at_ns`` never goes back."""
        self._settle(at_ns)
        self._phases.begin(index, at_ns)
        self._interval.began.append((index, self._seconds(at_ns)))

    def end_load(self) -> None:
        """Note that the last phase is over. Users leave now; a connection that is still open has been held to the end."""
        self.over = True
        self.ledger.connections.held = self.open_connections.value

    def step(self, name: str) -> StepMeter:
        """Return the meter of a step, the same one at every call."""
        return self._meters.setdefault(name, StepMeter(name))

    def connected(self, step: str, intended_ns: int, due_ns: int, timings: Timings) -> None:
        """Record a connection that opened: its times, its schedule lag, and one ``connect`` that did not fail."""
        parts = (
            ("schedule_lag", due_ns - intended_ns),
            ("connect_time", timings.total_ns),
            ("dns_time", timings.dns_ns),
            ("tcp_time", timings.tcp_ns),
            ("proxy_time", timings.proxy_ns),
            ("tls_time", timings.tls_ns),
            ("upgrade_time", timings.upgrade_ns),
            ("protocol_time", timings.protocol_ns),
        )
        for metric, value_ns in parts:
            if value_ns is not None:
                self.duration(metric, step, intended_ns, value_ns)
        if timings.tls_resumed:
            self._interval.counts["tls_resumed", self._phases.at(intended_ns)] += 1
        self.outcome("connect", step, intended_ns, failed=False)

    def outcome(self, kind: str, step: str, intended_ns: int, failed: bool) -> None:
        """Count a try for ``error_rate``. ``connected``, ``answered`` and ``silent`` count their own tries."""
        key = (kind, step, self._phases.at(intended_ns))
        self._interval.tried[key] += 1
        if failed:
            self._interval.failed[key] += 1

    def spoiled(self, kind: str, step: str, intended_ns: int) -> None:
        """Count a try as failed that was counted as tried before: its answer came, and a check or capture of it failed."""
        self._interval.failed[kind, step, self._phases.at(intended_ns)] += 1

    def missing(self, metric: str, step: str, intended_ns: int) -> None:
        """Count a sample of a time that never came: it ranks above every measured value."""
        self._interval.missing[metric, step, self._phases.at(intended_ns)] += 1

    def turns_cut_off(self, first_ns: int, interval_ns: int, count: int) -> None:
        """Count turns of a schedule that were due and never begun, each in the phase of its intended time."""
        self.ledger.turns.due += count
        self.ledger.turns.cut_off += count
        self._settled["turns"] = self._settled.get("turns", 0) + count
        for phase, some in self._phases.spread(first_ns, interval_ns, count):
            self._interval.counts["turns", phase] += some

    def never_tried(self, tries: Iterable[Try], first_ns: int, interval_ns: int, count: int) -> None:
        """Count turns that never began because the turn before did not end. Each of their tries failed."""
        for phase, some in self._phases.spread(first_ns, interval_ns, count):
            self._interval.labelled["turns_not_begun", format_duration(interval_ns), phase] += some
        for kind, step in tries:
            for phase, some in self._phases.spread(first_ns, interval_ns, count):
                self._interval.tried[kind, step, phase] += some
                self._interval.failed[kind, step, phase] += some
                self._interval.not_begun[kind, step, phase] += some
                for metric in TIMES_OF_TRIES.get(kind, ()):
                    self._interval.missing[metric, step, phase] += some

    def generator_failure(self, at_ns: int) -> None:
        """Count a connection that failed because this machine lacked a resource."""
        self._interval.counts["generator_failures", self._phases.at(at_ns)] += 1

    def measure_cut_off(self, at_ns: int) -> None:
        """Count a measurement that the end of its session cut off before its time was over."""
        self._interval.counts["measures_cut_off", self._phases.at(at_ns)] += 1

    def labelled(self, metric: str, value: str, at_ns: int, n: int = 1) -> None:
        """Add ``n`` to a counter that has a label besides the phase; ``value`` is that label's."""
        self._interval.labelled[metric, value, self._phases.at(at_ns)] += n

    def duration(self, metric: str, step: str | None, intended_ns: int, value_ns: int) -> None:
        """Record a value of one of the table's other times: wait_time, ping_time, session_time, first_message_time, .."""
        self._interval.samples[metric, step, span_of(metric)].extend((intended_ns, value_ns))

    def read_lags(self, rows: list[int]) -> None:
        """Record how long received data waited in the kernel: moment, lag, moment, lag, … in nanoseconds."""
        if rows:
            self._interval.samples["read_lag", None, span_of("read_lag")].extend(rows)

    def trend(self, name: str, step: str, unit: str, value: float, at_ns: int) -> None:
        """Record a value of the scenario's own metric. In the unit ``ns`` it is a time; any other is kept as it is, to
        a millionth.
        """
        self._interval.samples[name, step, span_of(name, unit)].extend((at_ns, value))

    def count(self, name: str, at_ns: int, n: int = 1) -> None:
        """Add ``n`` to a counter that the scenario defines."""
        [known] = self._count_names.known(name)
        self._interval.counts[known, self._phases.at(at_ns)] += n

    def error(
        self,
        kind: str,
        step: str,
        detail: str,
        at_ns: int,
        *,
        user: int | None = None,
        status: int | None = None,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
        body: bytes | None = None,
        masker: Callable[[], Masker] | None = None,
    ) -> None:
        """Count an error, and keep it whole while there is room.

        ``detail``, ``headers`` and ``body`` may be a server's own words: see ``quoting``.
        """
        known_kind, known_step = self._error_names.known(kind, step)
        self._interval.wrong[known_kind, known_step, self._phases.at(at_ns)] += 1
        if not self._errors_left:
            return
        self._errors_left -= 1
        hiding = self._masker if masker is None else masker()
        self._interval.errors.append(
            ErrorSample(
                kind=one_line(kind),
                step=step,
                at_s=self._seconds(at_ns),
                detail=one_line(detail, hiding),
                user=user,
                status=status,
                headers=None if headers is None else harmless(headers, hiding),
                body=None if body is None else one_line_of(body, hiding),
            )
        )

    def log(self, user: int, text: str, at_ns: int, masker: Callable[[], Masker] | None = None) -> None:
        """Keep the text of a ``log`` step. The last line that is kept says that it is the last."""
        if not self._logs_left:
            return
        self._logs_left -= 1
        hiding = self._masker if masker is None else masker()
        said = one_line(text, hiding) if self._logs_left else NO_MORE_LOGS
        self._interval.logs.append(LogLine(self._seconds(at_ns), user, said))

    def rotate(
        self, now_ns: int, health: Health, last: bool = False, stalls: Sequence[tuple[int, int]] = ()
    ) -> Generator[None, None, Frame]:
        """End the interval at once. The generator yields between slices of work and returns the frame.

        ``stalls`` are spans (from, to, in ns) in which the loop did not turn, where the loop itself takes the stamps.
        """
        self._settle(now_ns)
        interval, self._interval = self._interval, Interval()
        interval.stalls = list(stalls)
        interval.messages = [(meter.step, meter.take()) for meter in self._meters.values()]
        phase = self._phases.at((self._since_ns + now_ns) // 2)
        ledger = Ledger()
        ledger.add(self.ledger)
        frame = Frame(
            process=self._process,
            index=self._index,
            start_s=self._seconds(self._since_ns),
            duration_s=(now_ns - self._since_ns) / NS_PER_S,
            phase=self._phases.names[phase],
            warmup=self._phases.warmups[phase],
            ledger=ledger,
            gauges=self._gauges(),
            health=health,
            errors=tuple(interval.errors),
            logs=tuple(interval.logs),
            phases=tuple(interval.began),
            over=self.over,
            last=last,
        )
        self._since_ns, self._index = now_ns, self._index + 1
        probes = () if self.probes is None else self.probes.take(now_ns, interval)
        return self._completed(frame, interval, probes)

    def _completed(self, frame: Frame, interval: Interval, probes: Sequence[Second]) -> Generator[None, None, Frame]:
        delivery = yield from fold(probes, interval)
        folded = Fold(self._phases, interval)
        histograms = yield from folded.histograms()
        counters = yield from folded.counters()
        return msgspec.structs.replace(frame, histograms=histograms, counters=counters, delivery=delivery)

    def _gauges(self) -> Gauges:
        spans = {name: getattr(self, name).take() for name in ("open_connections", "users")}
        now = Gauges(self.open_connections.value, self.users.value)
        return msgspec.structs.replace(now, spans={n: span for n, span in spans.items() if span != now.span(n)})

    def _seconds(self, at_ns: int) -> float:
        return (at_ns - self._start_ns) / NS_PER_S

    def _settle(self, at_ns: int) -> None:
        """Assign what the ledger has counted since the last call to the phase that ends, or continues, here."""
        self._add_up_sent()
        phase = self._phases.at(at_ns)
        for name, so_far in self._ledger_counters():
            more = so_far - self._settled.get(name, 0)
            self._settled[name] = so_far
            if more:
                self._interval.counts[name, phase] += more

    def _add_up_sent(self) -> None:
        """Add what the steps have sent to the ledger."""
        ledger = self.ledger
        for meter in self._meters.values():
            if meter.messages:
                ledger.messages.sent += meter.messages
                ledger.bytes.sent += meter.bytes
                ledger.sent_by_step[meter.step] = ledger.sent_by_step.get(meter.step, 0) + meter.messages
                ledger.bytes_by_step[meter.step] = ledger.bytes_by_step.get(meter.step, 0) + meter.bytes
                meter.messages = meter.bytes = 0

    def _ledger_counters(self) -> tuple[tuple[str, int], ...]:
        ledger = self.ledger
        messages, size, connections = ledger.messages, ledger.bytes, ledger.connections
        arrivals, turns, sessions = ledger.arrivals, ledger.turns, ledger.sessions
        return (
            ("arrivals", arrivals.planned),
            ("arrivals_dropped", arrivals.dropped),
            ("sessions", sessions.completed + sessions.failed + arrivals.completed + arrivals.failed),
            ("sessions_failed", sessions.failed + arrivals.failed),
            ("turns", turns.due),
            ("turns_skipped", turns.skipped),
            ("messages_sent", messages.sent),
            ("messages_received", messages.received),
            ("values_received", messages.values),
            ("bytes_sent", size.sent),
            ("bytes_received", size.received),
            ("wire_bytes_sent", size.wire_sent),
            ("wire_bytes_received", size.wire_received),
            ("iterations", self.iterations),
            ("reconnects", self.reconnects),
            ("disconnects", connections.closed_by_peer + connections.lost),
        )
