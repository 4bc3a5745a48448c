"""WAV files for tests."""

from __future__ import annotations

import io
import wave
from pathlib import Path


def wav(samples: bytes, *, rate: int = 8000, channels: int = 1, width: int = 2) -> bytes:
    """Return the content of a WAV file of these samples."""
    written = io.BytesIO()
    with wave.open(written, "wb") as audio:
        audio.setnchannels(channels)
        audio.setsampwidth(width)
        audio.setframerate(rate)
        audio.writeframes(samples)
    return written.getvalue()


def question(path: Path, *, loud_ms: int = 800, silent_ms: int = 400) -> None:
    """Write a WAV file of 16 bit and 8 kHz: sound, then silence."""
    path.write_bytes(wav(b"\x00\x20" * 8 * loud_ms + b"\x00\x00" * 8 * silent_ms))
