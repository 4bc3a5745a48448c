"""``--mode voice``: what the server says, without a socket; and its order on one."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import trio

from loadws.target.options import TargetOptions
from loadws.target.speaking.voice import BYTES_PER_MS, DELTA_MS, DELTAS, Voice
from loadws.terms.units import NS_PER_MS
from tests.target.test_server import _run, _target

LOUD, QUIET = b"\x00\x20" * 160, bytes(320)  # 20 ms each
SPEECH = [LOUD] * 5 + [QUIET] * 15


def append(audio: bytes) -> str:
    return json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(audio).decode()})


def says(voice: Voice, **event: Any) -> list[Any]:
    return [json.loads(text) for text in voice.answers(json.dumps(event))]


def kinds(texts: Any) -> list[str]:
    return [json.loads(text)["type"].removeprefix("input_audio_buffer.").removeprefix("response.") for text in texts]


def spoken_to(voice: Voice) -> list[str]:
    return kinds(text for chunk in SPEECH for text in voice.answers(append(chunk)))


def test_speech_is_answered_with_speech() -> None:
    voice = Voice()
    assert kinds(voice.opened()) == ["session.created"]
    assert spoken_to(voice) == ["speech_started", "speech_stopped", "committed", "created"]
    answered = [text for number in range(2 * DELTAS) for text in voice.tick(number)]
    assert kinds(answered) == ["audio.delta"] * DELTAS + ["audio.done", "done"]
    assert json.loads(answered[-1])["response"] == {"id": "answer-1", "status": "completed"}
    assert len(base64.b64decode(json.loads(answered[0])["delta"])) == DELTA_MS * BYTES_PER_MS


def test_who_is_interrupted_is_silent() -> None:
    voice = Voice()
    spoken_to(voice)
    assert kinds(voice.tick(0)) == ["audio.delta"]
    assert kinds(voice.answers(append(LOUD))) == ["speech_started", "done"]
    assert [voice.tick(number) for number in range(1, 9)] == [()] * 8


def test_turns_that_the_client_takes_itself_with_audio_in_binary_messages() -> None:
    voice = Voice()
    (updated,) = says(voice, type="session.update", session={"turn_detection": None, "output": "binary"})
    assert updated["session"] == {"turn_detection": None, "output": "binary"}
    assert [voice.heard(chunk) for chunk in SPEECH] == [()] * len(SPEECH)
    assert says(voice, type="input_audio_buffer.commit") == [
        {"type": "input_audio_buffer.committed", "audio_ms": 400.0}
    ]
    assert says(voice, type="response.create")[0]["response"] == {"id": "answer-1", "status": "in_progress"}
    (delta,) = voice.tick(0)
    assert isinstance(delta, bytes)
    assert len(delta) == DELTA_MS * BYTES_PER_MS
    assert says(voice, type="response.cancel")[0]["response"] == {"id": "answer-1", "status": "cancelled"}


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"type": "response.stop"}, "unknown event 'response.stop'"),
        ({"typ": "x"}, "this is no JSON object with a type"),
        ({"type": "input_audio_buffer.append"}, "input_audio_buffer.append wants audio, in base64"),
        ({"type": "input_audio_buffer.append", "audio": "§"}, "input_audio_buffer.append wants audio, in base64"),
        ({"type": "input_audio_buffer.commit"}, "there is no audio to commit"),
        ({"type": "response.cancel"}, "there is no answer to cancel"),
        ({"type": "session.update"}, "session.update wants a session"),
        ({"type": "session.update", "session": {"voice": "anna"}}, "a session has no 'voice'"),
    ],
)
def test_what_it_does_not_understand_is_named(event: dict[str, Any], message: str) -> None:
    assert says(Voice(), **event) == [{"type": "error", "error": {"message": message}}]


def test_no_delta_overtakes_the_beginning_of_its_answer() -> None:
    """The answers to one message stand together: a tick between them would play audio of no answer."""

    async def main() -> None:
        options = TargetOptions("voice", tick_ns=NS_PER_MS)
        async with _target(options) as place, place.client() as client:
            for chunk in SPEECH:
                await client.send_message(append(chunk))
                await trio.sleep(0.002)
            order = []
            while "done" not in order:
                order += kinds([await client.get_message()])
            assert order[:6] == [
                "session.created", "speech_started", "speech_stopped", "committed", "created", "audio.delta"
            ]  # fmt: skip

    _run(main)
