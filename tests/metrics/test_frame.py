"""A frame survives its way over a pipe and into a file."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given

from loadws.metrics.frame import Frame, Gauges, Health
from loadws.metrics.ledger import Ledger
from tests.metrics.frames import frames


@pytest.mark.slow
@given(frames)
def test_json_and_msgpack_give_the_frame_back(frame: Frame) -> None:
    assert frame == msgspec.json.decode(msgspec.json.encode(frame), type=Frame)
    assert frame == msgspec.msgpack.decode(msgspec.msgpack.encode(frame), type=Frame)


def test_a_frame_is_not_changed_once_it_is_made() -> None:
    frame = Frame(0, 0, 0.0, 1.0, "steady", False, Ledger(), Gauges(), Health())
    with pytest.raises(AttributeError):
        frame.last = True  # type: ignore[misc]
