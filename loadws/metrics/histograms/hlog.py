"""``intervals.hlog``: HdrHistogram's interval log, format 1.3, and the file beside it that is needed to restore the
frames.

There is one line for each histogram of each frame, in the frames' order::

    Tag=response_time;step=say%20hello;phase=steady,12.000000,1.000000,1.523,HISTFAAAA..

The tag is the metric's name and its labels, percent-encoded, because every reader cuts a tag at a comma. Start and
length are seconds (the start since BaseTime), the maximum is the exact one divided by 10^6 (milliseconds for a time),
as HdrHistogram's own writer does for every line. loadws writes the lines itself: hdrh's writer raises on the start
time, cuts the maximum to whole numbers and has no tags.

The log has no exact extremes, missing requests, counters or ledger: these are in ``windows.ndjson``, one line for each
frame, whose histograms have an empty payload. ``split`` makes the lines of both files, ``join`` restores the frames.
All lines have their line end, as a file gives them: a killed process was still writing one without, and that is left
out.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import msgspec

from loadws.metrics.frame import CounterPart, Frame, HistogramPart, Labels
from loadws.metrics.histograms.histogram import HistogramError

_LEGEND = '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"'
_MAX_RATIO = 1_000_000
_FRAME = msgspec.json.Decoder(Frame)


class LogInterval(NamedTuple):
    """One line of the log."""

    start_s: float
    duration_s: float
    name: str
    labels: Labels
    payload: str


def header(started_at: str) -> str:
    """Return the first lines. ``started_at`` is ISO 8601 with its offset; the intervals count from it."""
    epoch_s = datetime.fromisoformat(started_at).timestamp()
    return (
        "#[Histogram log format version 1.3]\n"
        "#[Times are recorded in microseconds, other values in millionths of their unit]\n"
        f"#[StartTime: {epoch_s:.3f} (seconds since epoch), {started_at}]\n"
        f"#[BaseTime: {epoch_s:.3f} (seconds since epoch)]\n"
        f"{_LEGEND}\n"
    )


def line(frame: Frame, part: HistogramPart) -> str:
    """Return one interval with its line end."""
    return f"{_before_payload(frame, part)}{part.payload}\n"


def parse(lines: Iterable[str]) -> Iterator[LogInterval]:
    """Yield the intervals of a log.

    Raises:
        HistogramError: A whole line is not an interval.
    """
    for number, text in enumerate(lines, 1):
        if not text.endswith("\n"):
            return
        if text.startswith(("#", '"')) or not text.strip():
            continue
        try:
            tagged, start_s, duration_s, _, payload = text.rstrip("\n").split(",")
            name, labels = parse_tag(tagged.removeprefix("Tag="))
            yield LogInterval(float(start_s), float(duration_s), name, labels, payload)
        except ValueError as error:
            raise HistogramError(f"line {number} of the interval log is not an interval: {text[:80]!r}") from error


def tag(name: str, labels: Labels) -> str:
    """Return ``response_time;step=hello;phase=steady``, with everything but letters, digits and ``_.-~``
    percent-encoded.
    """
    pairs = (f"{quote(label, safe='')}={quote(value, safe='')}" for label, value in labels.items())
    return ";".join((quote(name, safe=""), *pairs))


def parse_tag(text: str) -> tuple[str, Labels]:
    """Return the name and the labels of a tag.

    Raises:
        ValueError: A label has no value.
    """
    name, *pairs = text.split(";")
    labels = {}
    for pair in pairs:
        label, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"the label {label!r} has no value")
        labels[unquote(label)] = unquote(value)
    return unquote(name), labels


def split(frame: Frame) -> Generator[None, None, tuple[bytes, list[str]]]:
    """Return a frame's line of ``windows.ndjson`` and its lines of ``intervals.hlog``, each with its line end.

    Yields after each part: a frame has hundreds where a flow has many steps, so each is encoded by itself, too.
    """
    bare: list[msgspec.Raw] = []
    counters: list[msgspec.Raw] = []
    lines = []
    for part in frame.histograms:
        bare.append(_encoded(msgspec.structs.replace(part, payload="")))
        lines.append(line(frame, part))
        yield
    for counter in frame.counters:
        counters.append(_encoded(counter))
        yield
    encoded: dict[str, Any] = {"histograms": tuple(bare), "counters": tuple(counters)}
    return msgspec.json.encode(msgspec.structs.replace(frame, **encoded)) + b"\n", lines


def _encoded(part: HistogramPart | CounterPart) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(part))


def join(json_lines: Iterable[bytes], hlog_lines: Iterable[str]) -> Iterator[Frame]:
    """Yield the frames that ``split`` took apart, from both files.

    End at the first line that is cut off, and at the first frame with a histogram that the log does not have any more:
    one file may have reached the disk before the other. Raises ``HistogramError`` where the two files do not belong
    together.
    """
    intervals = (text for text in hlog_lines if text.startswith("Tag="))
    for json_line in json_lines:
        if not json_line.endswith(b"\n"):
            return
        frame = _decode_frame(json_line)
        parts = []
        for part in frame.histograms:
            whole = _joined(frame, part, next(intervals, ""))
            if whole is None:
                return
            parts.append(whole)
        yield msgspec.structs.replace(frame, histograms=tuple(parts))


def _joined(frame: Frame, part: HistogramPart, text: str) -> HistogramPart | None:
    """Return the part with its payload, None where its line is not whole.

    Raises:
        HistogramError: The line belongs to another histogram.
    """
    if not text.endswith("\n"):
        return None
    before = _before_payload(frame, part)
    if not text.startswith(before):
        raise HistogramError(f"the interval log has {text[:80]!r} where {before!r} should be")
    return msgspec.structs.replace(part, payload=text[len(before) : -1])


def _decode_frame(json_line: bytes) -> Frame:
    try:
        return _FRAME.decode(json_line)
    except msgspec.DecodeError as error:
        raise HistogramError(f"a line of windows.ndjson is not a frame: {error}") from error


def _before_payload(frame: Frame, part: HistogramPart) -> str:
    """Return the key of a histogram's line. A frame and its line of JSON have the same keys, so that ``join`` can match
    them.
    """
    return f"Tag={tag(part.name, part.labels)},{frame.start_s:.6f},{frame.duration_s:.6f},{part.max / _MAX_RATIO:.3f},"
