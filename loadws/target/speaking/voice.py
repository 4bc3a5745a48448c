"""``--mode voice``: someone to talk to, by a stream of events as the realtime speech APIs have it.

Audio is 16 bit PCM, mono, 8,000 samples per second: as base64 in ``input_audio_buffer.append``, or as a binary message.
Sound begins a question (``speech_started``), 300 ms without any end it (``speech_stopped``, ``committed``), and the answer
begins (``response.created``): 1.2 s of audio in deltas of 40 ms, one each tick, then ``response.done``. Sound, or
``response.cancel``, cuts an answer short: its status is then ``cancelled``. ``session.update`` with
``{"turn_detection": null}`` leaves it to the client to say ``input_audio_buffer.commit`` and ``response.create``, and with
``{"output": "binary"}`` the deltas are binary messages.
"""

from __future__ import annotations

import base64
import binascii
import sys
from array import array
from collections.abc import Sequence
from typing import Any

from loadws.target.speaking.talk import Payload, Talk, text_of, value_of

#: Samples of 2 bytes.
BYTES_PER_MS = 16
#: How long the client has to be silent until its question is over, in ms of audio.
SILENCE_MS = 300
#: An answer: so many deltas of so many ms of audio.
DELTAS, DELTA_MS = 30, 40
#: The least mean value of samples that are not silent.
_LOUD = 500
#: A tone of 250 Hz, as a square wave of 32 samples.
_AUDIO = (b"\x00\x10" * 16 + b"\x00\xf0" * 16) * (DELTA_MS * BYTES_PER_MS // 64)
_AUDIO_IN_TEXT = base64.b64encode(_AUDIO).decode()


class Voice(Talk):
    """A server that answers speech with speech."""

    def __init__(self) -> None:
        self._detects_turns = True
        self._says_bytes = False
        self._is_spoken_to = False
        self._silent_ms = 0.0
        self._heard = 0  # bytes that no commit has taken
        self._answers = 0
        self._left = 0  # deltas of the present answer

    def opened(self) -> Sequence[str]:
        """Return what the session is."""
        return (text_of({"type": "session.created", "session": self._session}),)

    def heard(self, message: Payload) -> Sequence[Payload]:
        """Answer an event of the client's, or hear the audio that a binary message is."""
        return self.answers(message) if isinstance(message, str) else self._hear(message)

    def answers(self, message: str) -> Sequence[str]:
        """Answer an event of the client's."""
        event = value_of(message)
        kind = event.get("type") if isinstance(event, dict) else None
        if kind == "input_audio_buffer.append":
            try:
                return self._hear(base64.b64decode(event["audio"], validate=True))
            except (KeyError, TypeError, ValueError, binascii.Error):
                return (_error(f"{kind} wants audio, in base64"),)
        if kind == "session.update":
            return self._update(event.get("session"))
        if kind == "input_audio_buffer.commit":
            return self._commit()
        if kind == "response.create":
            return self._begin() if not self._left else (_error("an answer is under way"),)
        if kind == "response.cancel":
            return self._cancel() or (_error("there is no answer to cancel"),)
        return (_error("this is no JSON object with a type" if kind is None else f"unknown event {kind!r}"),)

    def tick(self, number: int) -> Sequence[Payload]:
        """Return the next delta of an answer; the last is followed by its end."""
        if not self._left:
            return ()
        self._left -= 1
        said: list[Payload] = [_AUDIO if self._says_bytes else self._of_answer("audio.delta", delta=_AUDIO_IN_TEXT)]
        if not self._left:
            said += (self._of_answer("audio.done"), self._done("completed"))
        return said

    # -- hearing ------------------------------------------------------------------------------------------------------

    def _hear(self, audio: bytes) -> Sequence[str]:
        self._heard += len(audio)
        if not self._detects_turns:
            return ()
        if _is_loud(audio):
            self._silent_ms = 0
            if self._is_spoken_to:
                return ()
            self._is_spoken_to = True
            return (text_of({"type": "input_audio_buffer.speech_started"}), *self._cancel())
        self._silent_ms += len(audio) / BYTES_PER_MS
        if not self._is_spoken_to or self._silent_ms < SILENCE_MS:
            return ()
        self._is_spoken_to = False
        return (text_of({"type": "input_audio_buffer.speech_stopped"}), *self._commit(), *self._begin())

    def _commit(self) -> Sequence[str]:
        if not self._heard:
            return (_error("there is no audio to commit"),)
        heard_ms, self._heard = self._heard / BYTES_PER_MS, 0
        return (text_of({"type": "input_audio_buffer.committed", "audio_ms": heard_ms}),)

    # -- answering ----------------------------------------------------------------------------------------------------

    def _begin(self) -> Sequence[str]:
        self._answers += 1
        self._left = DELTAS
        return (text_of({"type": "response.created", "response": {"id": self._answer, "status": "in_progress"}}),)

    def _cancel(self) -> Sequence[str]:
        if not self._left:
            return ()
        self._left = 0
        return (self._done("cancelled"),)

    @property
    def _answer(self) -> str:
        return f"answer-{self._answers}"

    def _of_answer(self, what: str, **more: Any) -> str:
        return text_of({"type": f"response.{what}", "response_id": self._answer, **more})

    def _done(self, status: str) -> str:
        return text_of({"type": "response.done", "response": {"id": self._answer, "status": status}})

    # -- the session --------------------------------------------------------------------------------------------------

    @property
    def _session(self) -> dict[str, Any]:
        turns = {"type": "server_vad", "silence_duration_ms": SILENCE_MS} if self._detects_turns else None
        return {"turn_detection": turns, "output": "binary" if self._says_bytes else "base64"}

    def _update(self, session: Any) -> Sequence[str]:
        if not isinstance(session, dict):
            return (_error("session.update wants a session"),)
        for key in session:
            if key not in ("turn_detection", "output"):
                return (_error(f"a session has no {key!r}"),)
        self._detects_turns = session.get("turn_detection", self._detects_turns or None) is not None
        self._says_bytes = session.get("output", self._session["output"]) == "binary"
        return (text_of({"type": "session.updated", "session": self._session}),)


def _is_loud(audio: bytes) -> bool:
    samples = array("h", audio[: len(audio) // 2 * 2])
    if sys.byteorder == "big":
        samples.byteswap()
    return bool(samples) and sum(map(abs, samples)) > _LOUD * len(samples)


def _error(message: str) -> str:
    return text_of({"type": "error", "error": {"message": message}})
