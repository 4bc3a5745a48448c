"""Whatever frames come, in whatever order: they can be summed up, judged, kept, read back, and made a report of.

A process that is stopped for a minute makes a frame of a minute, one that dies makes none, and a folder may have been
written by a version that knew less. Nothing of that may end a run, or make its folder useless.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from loadws.cli.report import rebuild
from loadws.cli.running.outcome import Watcher, outputs_of
from loadws.metrics.frame import (
    CounterPart,
    DeliveryPart,
    ErrorSample,
    Frame,
    Gauges,
    Health,
    HistogramPart,
    Joined,
    Left,
    LogLine,
    Published,
    Received,
)
from loadws.metrics.histograms.delivery_histogram import spread
from loadws.metrics.histograms.histogram import HistogramError, LatencyHistogram, span_of
from loadws.metrics.ledger import Ledger
from loadws.metrics.runinfo import Ending, LostProcess, ProbeInfo
from loadws.metrics.summarising.summariser import Summariser
from loadws.report import junit, markdown
from loadws.report.charts.charts import charts
from loadws.report.drawing.drawing import Drawn
from loadws.report.folder import RunFolder, read_run
from loadws.report.terminal.live import LiveConsole
from tests.metrics.driven import driven
from tests.metrics.made_up import counted, frame, info, times

PHASES = (("warm-up", True), ("steady", False), ("spike", False))
INFO = info(
    "response_time.p95 < 200ms",
    "response_time{step=a}.max < 1s",
    "response_time{phase=spike}.p50 < 1s",
    "error_rate < 5%",
    "errors{kind=timeout} == 0",
    "delivery{probe=talk}.completeness == 100%",
    "open_connections.min > 0",
    "feed_age.mean < 1s",
    phases=PHASES,
    processes=2,
    probes=(ProbeInfo("talk", 100_000),),
    plan={"duration_s": 10.0, "graceful_stop_s": 5.0},
)
INFO = msgspec.structs.replace(
    INFO, rules=(*INFO.rules, msgspec.structs.replace(INFO.rules[0], abort=True, after_s=2.0))
)

METRICS = (
    *("response_time", "service_time", "unlagged_time", "send_lag", "read_lag", "schedule_lag"),
    *("connect_time", "session_time", "feed_age", "delivery", "recovery_time"),
)
small = st.integers(0, 40)
ns = st.integers(-1, 10**11) | st.integers(0, 10**6)
names = st.sampled_from([name for name, _ in PHASES])
moments_us = st.integers(0, 20_000_000)
#: A laptop that slept for an hour, a loop that was ended before it had begun, a frame without length.
durations_s = st.sampled_from([0.0, 1e-9, 1.0, 12.0, 3_600.0]) | st.integers(-(10**9), 60 * 10**9).map(
    lambda ns: ns / 1e9
)
starts_s = st.sampled_from([0.0, 1e-9, 599.9, 1e5]) | st.integers(-(10**9), 30 * 10**9).map(lambda ns: ns / 1e9)
shares = st.integers(0, 2 * 10**6).map(lambda millionths: millionths / 1e6)
labels = st.fixed_dictionaries({"phase": names}, optional={"step": st.sampled_from("ab")})


@st.composite
def histogram_parts(draw: st.DrawFn) -> HistogramPart:
    metric = draw(st.sampled_from(METRICS))
    histogram = LatencyHistogram(*span_of(metric))
    for value in draw(st.lists(ns, max_size=4)):
        histogram.record(value, draw(st.sampled_from([1, 2, 300])))
    histogram.missing = draw(small)
    label = {"probe": "talk", "phase": draw(names)} if metric == "delivery" else draw(labels)
    return histogram.part(metric, label)


counter_parts = st.builds(
    CounterPart,
    st.sampled_from(["messages_sent", "messages_received", "iterations", "disconnects", "reconnects", "greeted"]),
    st.fixed_dictionaries({"phase": names}),
    small,
) | st.builds(
    lambda name, kind, phase, count, failed: CounterPart(
        name, {"kind": kind, "step": "a", "phase": phase}, count, min(count, failed)
    ),
    st.sampled_from(["errors", "error_rate"]),
    st.sampled_from(["timeout", "request", "tcp.refused"]),
    names,
    small,
    small,
)
ledgers = st.builds(
    lambda **parts: msgspec.convert(parts, Ledger),
    sessions=st.fixed_dictionaries({"started": small, "completed": small, "failed": small}),
    turns=st.fixed_dictionaries({"due": small, "done": small, "skipped": small}),
    connections=st.fixed_dictionaries({"attempted": small, "opened": small, "failed": small, "held": small}),
    messages=st.fixed_dictionaries({"sent": small, "answered": small}),
    arrivals=st.fixed_dictionaries({"planned": small, "dropped": small}),
    failures=st.dictionaries(st.sampled_from(["tcp.refused", "upgrade.timeout"]), small),
    refusals=st.dictionaries(st.sampled_from(["503", "403"]), small),
)
deliveries = st.none() | st.builds(
    DeliveryPart,
    published=st.lists(
        st.builds(Published, st.just(0), small, small, moments_us, st.integers(0, 2), st.integers(0, 2)), max_size=3
    ).map(tuple),
    received=st.lists(
        st.builds(
            Received, st.just(0), st.integers(0, 1), small, small, moments_us, small, small,
            st.just(10), st.just(20), st.just(spread([10, 20])), st.integers(0, 2),
        ),
        max_size=3,
    ).map(tuple),
    joined=st.lists(st.builds(Joined, st.just(0), st.integers(0, 2), moments_us), max_size=3).map(tuple),
    left=st.lists(st.builds(Left, st.just(0), st.integers(0, 2), moments_us, moments_us), max_size=3).map(tuple),
)  # fmt: skip
frames = st.builds(
    Frame,
    process=st.integers(0, 2),  # also one that there should not be
    index=small,
    start_s=starts_s,
    duration_s=durations_s,
    phase=names,
    warmup=st.booleans(),
    ledger=ledgers,
    gauges=st.builds(Gauges, small, small),
    health=st.builds(
        Health, cpu_share=shares, loop_lag_max_ns=small, stalled_ns=st.integers(0, 10**10), rss_bytes=small
    ),
    histograms=st.lists(histogram_parts(), max_size=4).map(tuple),
    counters=st.lists(counter_parts, max_size=4).map(tuple),
    errors=st.lists(st.builds(ErrorSample, st.sampled_from(["timeout", "x"]), st.just("a"), starts_s, st.text()), max_size=1)
    .map(tuple),
    logs=st.lists(st.builds(LogLine, starts_s, small, st.text(max_size=9)), max_size=1).map(tuple),
    phases=st.lists(st.tuples(st.integers(0, 2), starts_s), max_size=2).map(tuple),
    over=st.booleans(),
    last=st.booleans(),
    delivery=deliveries,
)  # fmt: skip
endings = st.none() | st.builds(
    Ending,
    ended_at_s=starts_s,
    interrupted=st.none() | st.sampled_from(["Ctrl-C", "SIGTERM"]),
    lost=st.lists(st.builds(LostProcess, st.integers(0, 2), st.just("was ended by SIGKILL")), max_size=1).map(tuple),
)


def folder_of(root: Path) -> RunFolder:
    folder = RunFolder.create(root, "any", datetime(2026, 11, 23, 8, 15, tzinfo=UTC))
    folder.write_scenario("target: builtin:echo\n")
    return folder


@contextmanager
def watched(folder: RunFolder, screen: Console) -> Iterator[Watcher]:
    """Watch frames with all outputs of a run; the view is drawn to its end when the context ends."""
    summariser = Summariser(INFO)
    with LiveConsole(screen, summariser.live) as live:
        watcher = Watcher(INFO, folder, summariser, outputs_of(INFO, folder, live, summariser))
        watcher.begin()
        yield watcher


@pytest.mark.slow
@settings(max_examples=60)
@given(st.lists(frames, max_size=8), endings)
def test_any_frames_make_a_run(many: list[Frame], ending: Ending | None) -> None:
    screen = Console(file=io.StringIO(), width=80)
    with TemporaryDirectory() as root:
        folder = folder_of(Path(root))
        with watched(folder, screen) as watcher:
            for each in many:
                driven(watcher.take(each))
            summary = watcher.conclude(ending, screen) if ending else None
        if summary is None:  # killed: what it had kept by then is all there is
            folder.close()
            summary = rebuild(folder.path)
            assert summary.run.interrupted == "killed"
        else:
            assert read_run(folder.path).summary == summary == rebuild(folder.path)
            assert {"summary.json", "junit.xml", "summary.md", "report.html"} <= {
                path.name for path in folder.path.iterdir()
            }
    assert junit.render(summary)
    assert markdown.render(summary)
    for chart in charts(summary):
        assert Drawn.of(chart).view


def test_a_frame_that_cannot_be_summed_up_is_not_kept() -> None:
    """Else the folder could not be summed up again either, ever."""
    with TemporaryDirectory() as root:
        folder = folder_of(Path(root))
        broken = msgspec.structs.replace(times("response_time", [2]), payload="HIST")
        with watched(folder, Console(file=io.StringIO())) as watcher:
            driven(watcher.take(frame(0, histograms=(times("response_time", [1]),))))
            with pytest.raises(HistogramError):
                driven(watcher.take(frame(1, histograms=(broken,))))
        folder.close()
        (entry,) = rebuild(folder.path).entries("response_time")
    assert entry.count == 1


def test_a_frame_longer_than_the_live_view_looks_back() -> None:
    """SIGSTOP for twelve seconds ended the run with an IndexError, and its folder was of no use."""
    screen = io.StringIO()
    with TemporaryDirectory() as root:
        folder = folder_of(Path(root))
        with watched(folder, Console(file=screen, width=200)) as watcher:
            driven(watcher.take(frame(0, duration_s=12.0, counters=(counted("messages_sent", 120),))))
        folder.close()
    assert "sent 10/s" in screen.getvalue()
