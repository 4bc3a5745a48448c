"""Frames made by hypothesis, for the tests of what carries them."""

from __future__ import annotations

from hypothesis import strategies as st

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
from loadws.metrics.histograms.histogram import OWN_VALUE, SESSION_TIME, TIME, LatencyHistogram, Span
from loadws.metrics.ledger import Ledger, Messages

texts = st.text(max_size=12)
seconds = st.floats(0, 1e6)
counts = st.integers(0, 10**9)
labels = st.dictionaries(texts, texts, max_size=3)


@st.composite
def histogram_parts(draw: st.DrawFn) -> HistogramPart:
    span: Span = draw(st.sampled_from([TIME, SESSION_TIME, OWN_VALUE]))
    histogram = LatencyHistogram(*span)
    for value in draw(st.lists(st.integers(-1, 10**13), max_size=4)):
        histogram.record(value)
    histogram.missing = draw(counts)
    return histogram.part(draw(texts), draw(labels))


frames = st.builds(
    Frame,
    process=st.integers(0, 8),
    index=counts,
    start_s=seconds,
    duration_s=seconds,
    phase=texts,
    warmup=st.booleans(),
    ledger=st.builds(Ledger, messages=st.builds(Messages, sent=counts)),
    gauges=st.builds(Gauges, counts, counts),
    health=st.builds(Health, cpu_share=seconds, loop_lag_max_ns=counts),
    histograms=st.lists(histogram_parts(), max_size=3).map(tuple),
    counters=st.lists(st.builds(CounterPart, texts, labels, counts, counts), max_size=2).map(tuple),
    errors=st.lists(
        st.builds(ErrorSample, kind=texts, step=texts, at_s=seconds, detail=texts, headers=st.none() | labels),
        max_size=2,
    ).map(tuple),
    logs=st.lists(st.builds(LogLine, seconds, counts, texts), max_size=2).map(tuple),
    phases=st.lists(st.tuples(st.integers(0, 9), seconds), max_size=2).map(tuple),
    over=st.booleans(),
    last=st.booleans(),
    delivery=st.none()
    | st.builds(
        DeliveryPart,
        published=st.lists(st.builds(Published, *(counts,) * 6), max_size=2).map(tuple),
        received=st.lists(st.builds(Received, *(counts,) * 9, times=st.tuples(counts, counts)), max_size=2).map(tuple),
        joined=st.lists(st.builds(Joined, *(counts,) * 3), max_size=2).map(tuple),
        left=st.lists(st.builds(Left, *(counts,) * 4), max_size=2).map(tuple),
    ),
)
