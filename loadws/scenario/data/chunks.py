"""The chunks of a file as rows: of any file by their size, of a WAV file by the time that they play.

The file is kept in memory, once in each process. A row has the chunk's bytes, its number (from 0), the number of all
chunks, and whether it is the last, which may be shorter; of audio also how long it plays, in milliseconds.
"""

from __future__ import annotations

import functools
import io
import stat
import wave
from pathlib import Path
from typing import Any

import msgspec

from loadws.scenario.data.rows import DataError
from loadws.scenario.model.model import CHUNK_COLUMNS
from loadws.terms.units import NS_PER_MS, NS_PER_S, format_size

#: The largest file that is cut.
LARGEST_CUT = 64 * 2**20
#: A mistyped unit must not make a load of single bytes out of a large file.
MOST_CHUNKS = 1_000_000


class Chunks(msgspec.Struct, frozen=True):
    """The chunks of a file by their number, from 0. ``bytes_per_ms`` is that of audio as it plays; None for other files."""

    content: bytes
    size: int
    bytes_per_ms: float | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns."""
        return CHUNK_COLUMNS if self.bytes_per_ms is not None else CHUNK_COLUMNS[:-1]

    def __len__(self) -> int:
        return -(-len(self.content) // self.size)

    def __getitem__(self, number: int) -> tuple[Any, ...]:
        chunk = self.content[number * self.size : (number + 1) * self.size]
        row = (chunk, number, len(self), number == len(self) - 1)
        return row if self.bytes_per_ms is None else (*row, len(chunk) / self.bytes_per_ms)


def open_chunks(file: Path, size: int | None, time_ns: int | None) -> Chunks:
    """Cut a file into chunks of ``size`` bytes, or of ``time_ns`` of audio.

    Raises:
        DataError: The file cannot be read, is too large or empty, is no WAV file, or would have too many chunks.
    """
    try:
        state = file.stat()
        if not stat.S_ISREG(state.st_mode):
            raise DataError("is not a file")
        if state.st_size > LARGEST_CUT:
            raise DataError(f"has {format_size(state.st_size)}; {format_size(LARGEST_CUT)} are allowed")
        return _cut(file, size, time_ns, state.st_size, state.st_mtime_ns, state.st_ino)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}") from None
    except ValueError:  # a NUL in the name
        raise DataError("cannot be read: no file can have this name") from None


@functools.lru_cache(maxsize=16)
def _cut(file: Path, size: int | None, time_ns: int | None, of: int, changed_ns: int, inode: int) -> Chunks:
    """Return the chunks. ``of`` (the file's size), ``changed_ns`` and ``inode`` identify this version of the file.

    Raises:
        DataError: The file is empty, is no WAV file, or would have too many chunks.
    """
    content = file.read_bytes()
    if time_ns is not None:
        chunks = _of_audio(content, time_ns)
    else:
        assert size is not None, "a file is cut by one of both"
        chunks = Chunks(content, size)
    if not chunks.content:
        raise DataError("there is nothing in it to cut")
    if len(chunks) > MOST_CHUNKS:
        raise DataError(f"is cut into {len(chunks):,} chunks; {MOST_CHUNKS:,} are allowed", None, "cut larger ones")
    return chunks


def _of_audio(content: bytes, time_ns: int) -> Chunks:
    """Cut the samples of a WAV file into chunks that play for ``time_ns``, each of whole samples.

    Raises:
        DataError: It is no WAV file with uncompressed samples (PCM), or the time is shorter than a sample.
    """
    try:
        with wave.open(io.BytesIO(content)) as audio:
            frame, rate = audio.getnchannels() * audio.getsampwidth(), audio.getframerate()
            samples = audio.readframes(audio.getnframes())
    except (wave.Error, EOFError) as error:
        raise DataError(
            f"is no WAV file of uncompressed samples: {str(error) or 'it ends too early'}",
            None,
            "write it as PCM, or cut a file of bare samples by chunk_size",
        ) from None
    frames = time_ns * rate // NS_PER_S
    if frames < 1:
        raise DataError(f"has {rate:,} samples per second, and chunk_time is shorter than one", None, "write 20ms")
    return Chunks(samples, frames * frame, rate * frame * NS_PER_MS / NS_PER_S)
