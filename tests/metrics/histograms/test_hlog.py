"""The interval log is read by HdrHistogram's own reader, and with windows.ndjson gives the frames back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from hypothesis import given, settings
from hypothesis import strategies as st

from loadws.metrics.frame import Frame, Gauges, Health, HistogramPart
from loadws.metrics.histograms.histogram import HistogramError, LatencyHistogram
from loadws.metrics.histograms.hlog import LogInterval, header, join, line, parse, parse_tag, split, tag
from loadws.metrics.ledger import Ledger
from tests.metrics.driven import driven
from tests.metrics.frames import frames, labels, texts

STARTED_AT = "2026-11-23T08:15:00Z"


def part_of(values: list[int], name: str = "response_time", step: str = "say, hello") -> HistogramPart:
    histogram = LatencyHistogram()
    for value in values:
        histogram.record(value)
    return histogram.part(name, {"step": step, "phase": "steady"})


def frame_of(index: int, *parts: HistogramPart, process: int = 0) -> Frame:
    return Frame(
        process, index, float(index), 1.0, "steady", False, Ledger(), Gauges(), Health(), histograms=tuple(parts)
    )


def test_the_header_has_what_readers_look_for() -> None:
    assert header(STARTED_AT) == (
        "#[Histogram log format version 1.3]\n"
        "#[Times are recorded in microseconds, other values in millionths of their unit]\n"
        "#[StartTime: 1795421700.000 (seconds since epoch), 2026-11-23T08:15:00Z]\n"
        "#[BaseTime: 1795421700.000 (seconds since epoch)]\n"
        '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n'
    )


def test_a_line_has_its_tag_its_times_and_its_maximum_in_milliseconds() -> None:
    part = part_of([1_523_400])
    assert line(frame_of(12, part), part) == (
        f"Tag=response_time;step=say%2C%20hello;phase=steady,12.000000,1.000000,1.523,{part.payload}\n"
    )


def test_hdrhistograms_own_reader_sees_every_value(tmp_path: Path) -> None:
    seconds = [[1_000, 2_000_000], [3_000], [], [7_000_000_000, 9_000, 9_000]]
    lines = [line(frame_of(n, part_of(values)), part_of(values)) for n, values in enumerate(seconds)]
    log = tmp_path / "intervals.hlog"
    log.write_text(header(STARTED_AT) + "".join(lines), encoding="utf-8")
    reader = HistogramLogReader(str(log), HdrHistogram(1, 3_600_000_000, 3))
    try:
        read = [reader.get_next_interval_histogram() for _ in seconds]
        nothing_more = reader.get_next_interval_histogram()
    finally:
        reader.close()
    assert reader.get_start_time_sec() == 1795421700.0
    assert [len(values) for values in seconds] == [histogram.get_total_count() for histogram in read]
    assert read[0].get_start_time_stamp() == 1795421700_000.0  # milliseconds since the epoch
    assert read[3].get_start_time_stamp() == 1795421703_000.0
    assert read[1].get_tag() == "response_time;step=say%2C%20hello;phase=steady"
    assert read[0].get_max_value() == 2_000  # microseconds
    assert nothing_more is None


@pytest.mark.slow
@given(texts, labels)
def test_a_tag_carries_any_text(name: str, some: dict[str, str]) -> None:
    text = tag(name, some)
    assert (name, some) == parse_tag(text)
    assert not set(text) & set(', \t\r\n"\u2028')


def test_a_label_without_a_value_is_refused() -> None:
    with pytest.raises(ValueError, match="the label 'step' has no value"):
        parse_tag("response_time;step")


@pytest.mark.slow
@given(st.lists(frames, max_size=3))
@settings(max_examples=40)
def test_parsing_gives_every_interval_in_order(some: list[Frame]) -> None:
    lines = [text for frame in some for text in driven(split(frame))[0][1]]
    expected = [
        LogInterval(round(frame.start_s, 6), round(frame.duration_s, 6), part.name, part.labels, part.payload)
        for frame in some
        for part in frame.histograms
    ]
    assert expected == list(parse([*header(STARTED_AT).splitlines(keepends=True), *lines]))


@pytest.mark.parametrize(
    "text",
    [
        "Tag=response_time,0.0,1.0,2.0\n",  # no payload
        "Tag=response_time,0.0,1.0,2.0,HIST,more\n",
        "Tag=response_time;step,0.0,1.0,2.0,HIST\n",  # a label without a value
        "Tag=response_time,zero,1.0,2.0,HIST\n",  # no number
        "what is this\n",
    ],
)
def test_a_whole_line_that_is_no_interval_is_told_by_its_number(text: str) -> None:
    with pytest.raises(HistogramError, match="line 6 of the interval log is not an interval"):
        list(parse([*header(STARTED_AT).splitlines(keepends=True), text]))


def test_a_log_that_was_cut_ends_at_its_last_whole_line() -> None:
    whole, cut = line(frame_of(0, part_of([1])), part_of([1])), line(frame_of(1, part_of([2])), part_of([2]))
    for length in range(len(cut)):
        assert [interval.start_s for interval in parse([whole, cut[:length]])] == [0.0]


@pytest.mark.slow
@given(st.lists(frames, max_size=4))
@settings(max_examples=40)
def test_join_is_the_inverse_of_split(some: list[Frame]) -> None:
    assert some == list(join(*both_files(some)))


def both_files(some: list[Frame]) -> tuple[list[bytes], list[str]]:
    json_lines: list[bytes] = []
    hlog_lines = header(STARTED_AT).splitlines(keepends=True)
    for frame in some:
        (json_line, lines), _ = driven(split(frame))
        json_lines.append(json_line)
        hlog_lines.extend(lines)
    return json_lines, hlog_lines


def killed_run() -> list[Frame]:
    """Two processes, three seconds, two histograms in each frame."""
    return [
        frame_of(second, part_of([1_000 + second]), part_of([], name="send_lag"), process=process)
        for second in range(3)
        for process in range(2)
    ]


@pytest.mark.slow
@given(st.data())
@settings(max_examples=200)
def test_whatever_a_kill_cuts_off_the_frames_before_it_are_exact(data: st.DataObject) -> None:
    some = killed_run()
    json_lines, hlog_lines = both_files(some)
    json_file, hlog_file = b"".join(json_lines), "".join(hlog_lines)
    json_file = json_file[: data.draw(st.integers(0, len(json_file)))]
    hlog_file = hlog_file[: data.draw(st.integers(len(header(STARTED_AT)), len(hlog_file)))]
    frames_in_json = json_file.count(b"\n")
    frames_in_hlog = (hlog_file.count("\n") - header(STARTED_AT).count("\n")) // 2
    rebuilt = list(join(json_file.splitlines(keepends=True), hlog_file.splitlines(keepends=True)))
    assert some[: min(frames_in_json, frames_in_hlog)] == rebuilt


def test_a_frame_without_histograms_needs_nothing_of_the_log() -> None:
    assert [frame_of(0)] == list(join(both_files([frame_of(0)])[0], []))


def test_files_of_different_runs_are_not_joined() -> None:
    json_lines, _ = both_files([frame_of(0, part_of([1_000]))])
    _, hlog_lines = both_files([frame_of(5, part_of([1_000]))])
    with pytest.raises(HistogramError, match=r"the interval log has .* where .* should be"):
        list(join(json_lines, hlog_lines))


def test_a_line_that_is_no_frame_is_refused() -> None:
    with pytest.raises(HistogramError, match=r"a line of windows\.ndjson is not a frame"):
        list(join([b"{}\n"], []))
