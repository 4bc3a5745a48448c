"""The fuzzer's targets, with bytes of hypothesis: no coverage leads it, but it runs each time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, Target


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_good_inputs_hold(target: Target) -> None:
    for seed in target.seeds:
        target.check(seed)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@given(data=st.data())
def test_any_bytes_hold(target: Target, data: st.DataObject) -> None:
    """Any at all, and good ones with a piece in the middle replaced."""
    seed = data.draw(st.sampled_from(target.seeds))
    at = data.draw(st.integers(0, len(seed)))
    piece = data.draw(st.binary(max_size=40))
    target.check(piece)
    target.check(seed[:at] + piece + seed[at + data.draw(st.integers(0, 40)) :])
