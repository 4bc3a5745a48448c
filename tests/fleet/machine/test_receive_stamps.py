"""``--stamps``: which are taken, and what is said where they are not those that were asked for."""

from __future__ import annotations

import pytest

from loadws.fleet.machine import receive_stamps as stamping
from loadws.fleet.machine.receive_stamps import AskedStamps, Stamping, choose_stamps

LOOPBACK = "ws://127.0.0.1:1"
SO_IT_IS = "Answers are stamped when they are read, so a time may hold what loadws itself took; see loop lag."


@pytest.mark.parametrize(
    ("asked", "transport", "target", "why_not", "chosen"),
    [
        # The kernel's are to be had.
        ("user", "native", LOOPBACK, None, Stamping("user")),
        ("kernel", "native", LOOPBACK, None, Stamping("kernel")),
        ("auto", "native", LOOPBACK, None, Stamping("kernel")),
        # They are not, and nobody insisted.
        ("auto", "native", LOOPBACK, "only Linux has them", Stamping("user")),
        ("auto", "trio-websocket", LOOPBACK, None, Stamping("user")),
        ("auto", "native", "ws+unix:/run/chat.sock", None, Stamping("user")),
        # Who asked for them is told why not.
        (
            "kernel",
            "native",
            LOOPBACK,
            "only Linux has them",
            Stamping("user", f"No kernel receive stamps: only Linux has them. {SO_IT_IS}"),
        ),
        (
            "kernel",
            "trio-websocket",
            LOOPBACK,
            None,
            Stamping("user", f"No kernel receive stamps: the transport trio-websocket cannot read them. {SO_IT_IS}"),
        ),
        (
            "kernel",
            "native",
            "ws+unix:/run/chat.sock",
            None,
            Stamping("user", f"No kernel receive stamps: a Unix socket has none. {SO_IT_IS}"),
        ),
    ],
)
def test_what_is_asked_for_and_what_there_is(
    monkeypatch: pytest.MonkeyPatch,
    asked: AskedStamps,
    transport: str,
    target: str,
    why_not: str | None,
    chosen: Stamping,
) -> None:
    monkeypatch.setattr(stamping, "why_no_kernel_stamps", lambda: why_not)
    assert choose_stamps(asked, transport, target) == chosen
