"""Turn values into the ``d`` of a path. A missing value is a gap, and a value with gaps on both sides is a dot.

Coordinates have two digits after the point at most: a chart of 600 points then has 8 kB, and no screen shows more.
"""

from __future__ import annotations

from collections.abc import Sequence

Points = Sequence[tuple[float, float | None]]


def line(points: Points) -> str:
    """Return straight lines between neighbouring points."""
    parts: list[str] = []
    for run in _runs(points):
        first, *rest = (f"{short(x)} {short(y)}" for x, y in run)
        parts.append(f"M{first}L{' '.join(rest)}" if rest else f"M{first}h0")
    return "".join(parts)


def steps(edges: Sequence[tuple[float, float]], values: Sequence[float | None]) -> str:
    """Return a level line for each value, from its left to its right edge, joined where neighbours touch."""
    parts: list[str] = []
    drawing = False
    for (left, right), y in zip(edges, values, strict=True):
        if y is None:
            drawing = False
            continue
        parts.append(f"V{short(y)}H{short(right)}" if drawing else f"M{short(left)} {short(y)}H{short(right)}")
        drawing = True
    return "".join(parts)


def dots(points: Points) -> str:
    """Return a line without length at each point: with round caps it is a dot of the stroke's width at any zoom."""
    return "".join(f"M{short(x)} {short(y)}h0" for x, y in points if y is not None)


def band(lower: Points, upper: Points) -> str:
    """Return the area between two lines over the same x, where both have values."""
    both = [
        (x, low, high) for (x, low), (_, high) in zip(lower, upper, strict=True) if low is not None and high is not None
    ]
    if len(both) < 2:
        return ""
    there = " ".join(f"{short(x)} {short(high)}" for x, _, high in both)
    back = " ".join(f"{short(x)} {short(low)}" for x, low, _ in reversed(both))
    return f"M{there} {back}Z"


def bars(lefts: Sequence[float], width: float, bottoms: Sequence[float], tops: Sequence[float]) -> str:
    """Return an upright line in the middle of each interval whose top differs from its bottom: drawn as wide as an
    interval (``Shape.is_scaled``) it is a bar, for half the bytes of a box.
    """
    return "".join(
        f"M{short(left + width / 2)} {short(bottom)}V{short(top)}"
        for left, bottom, top in zip(lefts, bottoms, tops, strict=True)
        if bottom != top
    )


def short(number: float | None) -> str:
    """Return a coordinate with two digits after the point at most."""
    text = f"{number or 0:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _runs(points: Points) -> list[list[tuple[float, float]]]:
    """Return the points in pieces without a gap."""
    found: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if y is not None:
            found[-1].append((x, y))
        elif found[-1]:
            found.append([])
    return [run for run in found if run]
