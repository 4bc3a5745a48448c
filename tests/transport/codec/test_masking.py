"""Masking: both ways, in C and in Python alone, do what RFC 6455, 5.3, says."""

from __future__ import annotations

import importlib.util
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets import speedups

from loadws.transport.codec import masking
from loadws.transport.codec.xor import xor

#: Around the border of the two ways of ``xor``.
PAYLOADS = st.one_of(st.binary(max_size=64), st.binary(min_size=1000, max_size=1100), st.binary(max_size=5000))


@pytest.mark.slow
@given(PAYLOADS, st.binary(min_size=4, max_size=4))
def test_every_byte_is_combined_with_its_byte_of_the_key(data: bytes, mask: bytes) -> None:
    expected = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
    assert xor(data, mask) == masking.apply_mask(data, mask) == expected


@pytest.mark.slow
@given(PAYLOADS)
def test_a_prepared_frame_has_a_fresh_key_each_time(payload: bytes) -> None:
    make = masking.prepared_frame(0x82, payload)
    frames = [make(), make(), masking.masked_frame(0x82, payload)]
    start = len(frames[0]) - len(payload)
    assert len({frame[start - 4 : start] for frame in frames}) == 3
    assert {masking.unmasked(frame[start - 4 : start], frame[start:]) for frame in frames} == {payload}


def test_python_alone_masks_where_the_compiled_part_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "websockets.speedups", None)
    spec = importlib.util.spec_from_file_location("masking_without_c", masking.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.apply_mask is xor
    assert module.plain_frame(0x81, b"a") == b"\x81\x01a"


def test_this_machine_masks_in_c() -> None:
    assert masking.apply_mask is speedups.apply_mask
