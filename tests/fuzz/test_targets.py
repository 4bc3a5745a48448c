"""The fuzzer's targets, with bytes of hypothesis: no coverage leads it, but it runs each time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.transport.codec.deflate import Deflater, Inflater
from loadws.transport.codec.frames import Decoder, ProtocolViolation
from loadws.transport.codec.masking import plain_frame
from loadws.transport.opening.upgrade_response import Answer
from tests.fuzz import targets
from tests.fuzz.targets import LIMIT, TARGETS, Target


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_good_inputs_hold(target: Target) -> None:
    for seed in target.seeds:
        target.check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@given(data=st.data())
def test_any_bytes_hold(target: Target, data: st.DataObject) -> None:
    """Any at all, and good ones with a piece in the middle replaced."""
    seed = data.draw(st.sampled_from(target.seeds))
    at = data.draw(st.integers(0, len(seed)))
    piece = data.draw(st.binary(max_size=40))
    target.check(piece)
    target.check(seed[:at] + piece + seed[at + data.draw(st.integers(0, 40)) :])


class DropsMessages(Decoder):
    def only_message(self, data: bytes) -> str | bytes | None:
        return None if super().only_message(data) is None else ""


class LooksAway(Inflater):
    def __init__(self, bits: int, takeover: bool, limit: int) -> None:
        super().__init__(bits, takeover, limit + 1)


class Stumbles(Answer):
    def feed(self, data: bytes) -> bytes | None:
        if b"403" in data:
            raise KeyError("403")
        return super().feed(data)


#: Of each target: a defect, where it is planted, and what finds it.
DEFECTS: dict[str, tuple[str, Callable[..., Any], bytes]] = {
    "frames": ("Decoder", DropsMessages, b"\x00\x00" + plain_frame(0x81, b"hello")),
    "compressed": (
        "Inflater", LooksAway,
        b"\x00\x00\x00" + plain_frame(0xC2, Deflater().compress(bytes(LIMIT + 1))),
    ),
    "deflated": ("Deflater", lambda bits, takeover: Deflater(15, not takeover), b"\x00\x00" + b"again\xff" * 2),
    "masks": ("unmasked", lambda key, body: body, b"\x00hello"),
    "answer": ("Answer", Stumbles, TARGETS["answer"].seeds[1]),
}  # fmt: skip


@pytest.mark.parametrize("name", TARGETS)
def test_a_planted_defect_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, defect, finds_it = DEFECTS[name]
    TARGETS[name].check(finds_it)
    monkeypatch.setattr(targets, where, defect)
    with pytest.raises((AssertionError, KeyError, ProtocolViolation)):
        TARGETS[name].check(finds_it)
