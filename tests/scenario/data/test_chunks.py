"""Chunks of a file: together they are the file, and what cannot be cut says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.plan.split import Shard
from loadws.scenario.data import chunks as module
from loadws.scenario.data.chunks import open_chunks
from loadws.scenario.data.feed import DataError, open_feed
from loadws.scenario.data.supply import Supply
from loadws.scenario.model.model import DataSource
from loadws.terms.units import NS_PER_MS
from tests.kit.sound import wav


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("chunks") / "file.bin"


@pytest.mark.slow
@given(st.binary(min_size=1, max_size=300), st.integers(1, 400))
def test_the_chunks_of_a_file_are_the_file(file: Path, content: bytes, size: int) -> None:
    file.write_bytes(content)
    module._cut.cache_clear()  # two contents of one size may be written within a tick of the file system's clock
    found = open_chunks(file, size, None)
    rows = [dict(zip(found.columns, found[number], strict=True)) for number in range(len(found))]
    assert b"".join(row["bytes"] for row in rows) == content
    assert [row["number"] for row in rows] == list(range(len(rows)))
    assert {row["count"] for row in rows} == {len(rows)}
    assert [row["last"] for row in rows] == [False] * (len(rows) - 1) + [True]
    assert all(len(row["bytes"]) == size for row in rows[:-1])
    assert found.columns == ("bytes", "number", "count", "last")


@pytest.mark.slow
@given(
    st.sampled_from([8000, 11025, 44100]), st.integers(1, 2), st.integers(1, 3), st.integers(1, 500), st.integers(1, 90)
)
def test_the_chunks_of_audio_are_its_samples(
    file: Path, rate: int, channels: int, width: int, frames: int, time_ms: int
) -> None:
    frame = channels * width
    samples = bytes(number % 251 for number in range(frames * frame))
    file.write_bytes(wav(samples, rate=rate, channels=channels, width=width))
    module._cut.cache_clear()
    found = open_chunks(file, None, time_ms * NS_PER_MS)
    rows = [found[number] for number in range(len(found))]
    assert b"".join(row[0] for row in rows) == samples
    assert all(len(row[0]) % frame == 0 for row in rows)  # never within a sample
    assert sum(row[4] for row in rows) == pytest.approx(frames / rate * 1000)
    assert all(time_ms - 1000 / rate < row[4] <= time_ms for row in rows[:-1])


def test_twenty_milliseconds_of_telephone_audio(tmp_path: Path) -> None:
    (tmp_path / "say.wav").write_bytes(wav(bytes(1000)))
    feed = open_feed(DataSource.model_validate({"file": "say.wav", "chunk_time": "20ms", "next": "turn"}), tmp_path)
    assert [(len(row["bytes"]), row["ms"], row["last"]) for row in feed.rows()] == [
        (320, 20.0, False), (320, 20.0, False), (320, 20.0, False), (40, 2.5, True)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "cut", "message", "advice"),
    [
        (b"", {"chunk_size": "1KiB"}, "x: there is nothing in it to cut", ""),
        (
            b"no audio",
            {"chunk_time": "20ms"},
            "x: is no WAV file of uncompressed samples: file does not start with RIFF id",
            "write it as PCM, or cut a file of bare samples by chunk_size",
        ),
        (
            wav(bytes(64))[:20],
            {"chunk_time": "20ms"},
            "x: is no WAV file of uncompressed samples: it ends too early",
            "write it as PCM, or cut a file of bare samples by chunk_size",
        ),
        (wav(b""), {"chunk_time": "20ms"}, "x: there is nothing in it to cut", ""),
        (
            wav(bytes(64)),
            {"chunk_time": "20us"},
            "x: has 8,000 samples per second, and chunk_time is shorter than one",
            "write 20ms",
        ),
        (
            bytes(module.MOST_CHUNKS + 1),
            {"chunk_size": "1B"},
            "x: is cut into 1,000,001 chunks; 1,000,000 are allowed",
            "cut larger ones",
        ),
        (None, {"chunk_size": "1KiB"}, "x: cannot be read: No such file or directory", ""),
    ],
    ids=["empty", "no-audio", "torn", "no-samples", "too-short", "too-many", "absent"],
)
def test_what_cannot_be_cut(
    tmp_path: Path, content: bytes | None, cut: dict[str, Any], message: str, advice: str
) -> None:
    if content is not None:
        (tmp_path / "x").write_bytes(content)
    with pytest.raises(DataError) as caught:
        open_feed(DataSource(file="x", next="use", **cut), tmp_path)
    assert (str(caught.value), caught.value.advice) == (message, advice)


def test_a_folder_and_a_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="is not a file"):
        open_chunks(tmp_path, 5, None)
    (tmp_path / "large").write_bytes(bytes(2000))
    monkeypatch.setattr(module, "LARGEST_CUT", 1024)
    with pytest.raises(DataError, match=r"has 1\.95 KiB; 1 KiB are allowed"):
        open_chunks(tmp_path / "large", 5, None)


@pytest.mark.parametrize(("scope", "expected"), [("shared", [0, 1, 2, 0]), ("user", [0, 1, 0, 2])])
def test_users_share_the_chunks_or_do_not(tmp_path: Path, scope: Any, expected: list[int]) -> None:
    (tmp_path / "x").write_bytes(bytes(3))
    source = DataSource.model_validate({"file": "x", "chunk_size": "1B", "next": "use", "scope": scope})
    supply = Supply("x", source, open_feed(source, tmp_path), 7, Shard())
    taken: dict[int, dict[str, int]] = {1: {}, 2: {}}
    rows = [supply.take(user, 0, taken[user]) for user in (1, 1, 2, 1)]
    assert [None if row is None else row["number"] for row in rows] == expected
