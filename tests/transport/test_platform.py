"""What a platform gives, in words."""

from __future__ import annotations

from loadws.fleet.machine.preflight import means_of
from loadws.transport.platform import Means


def test_a_summary_can_say_what_the_platform_gave() -> None:
    assert str(Means(epoll=True, late_ports=True)) == (
        "one epoll set, deadlines by a timerfd, ports picked a destination"
    )
    assert str(Means(epoll=False, late_ports=False)) == (
        "a task a socket, deadlines by trio's clock, ports picked a source address"
    )
    assert means_of("native") and not means_of("trio-websocket")
