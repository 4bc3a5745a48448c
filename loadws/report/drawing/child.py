"""``python -m loadws.report.drawing.child``: reads charts from stdin, a line of JSON each, and draws them.

Each is written to stdout as a line ``{"type": "Drawn", "chart": name, "svg": text}``, and at last comes
``{"type": "Bundle", "packed": .., "source": ..}``, the scripts.

A line is written as soon as it is there, so that what was drawn before this process is ended is not lost.
"""

from __future__ import annotations

import sys
from typing import Any

import msgspec

#: Above what drawing needs (0.7 GB with all that V8 sets aside): a specification that runs away ends here and takes no more.
MOST_MEMORY_BYTES = 1536 * 2**20
MOST_CPU_S = 120


class ChartOrder(msgspec.Struct, frozen=True):
    """A chart to draw."""

    chart: str
    spec: dict[str, Any]


class Drawn(msgspec.Struct, frozen=True, tag=True):
    """A chart that was drawn."""

    chart: str
    svg: str


def main() -> None:
    """Draw what stdin asks for."""
    _limit_ourselves()
    import vl_convert

    from loadws.report.drawing.vega_bundle import bundle

    for line in sys.stdin.buffer:
        order = msgspec.json.decode(line, type=ChartOrder)
        _say(Drawn(order.chart, vl_convert.vegalite_to_svg(order.spec)))
    _say(bundle())


def _say(drawn: Any) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(drawn) + b"\n")
    sys.stdout.buffer.flush()


def _limit_ourselves() -> None:
    try:
        import resource
    except ImportError:  # Windows: no such limits
        return
    for what, most in (
        (resource.RLIMIT_CORE, 0),  # V8 ends its process by a trap where it gets no memory: no core of that
        (resource.RLIMIT_DATA, MOST_MEMORY_BYTES),
        (resource.RLIMIT_CPU, MOST_CPU_S),
    ):
        _, hard = resource.getrlimit(what)
        resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


if __name__ == "__main__":
    main()
