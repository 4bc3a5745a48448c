"""Labels of live figures, bounded: a database of time series keeps each combination of labels for ever.

Steps, phases, probes and kinds of errors are words of the scenario and of loadws, and few. Some may hold what a server sent
(the name of a step of a Python user, a close code), so each label has at most ``MOST_VALUES`` values, of ``LONGEST``
characters. Later ones are put together as ``other``.
"""

from __future__ import annotations

from collections.abc import Mapping

MOST_VALUES = 200
LONGEST = 100
OTHER = "other"

Key = tuple[tuple[str, str], ...]  # labels, sorted by name


class BoundedLabels:
    """The label values that were seen so far."""

    def __init__(self, most: int = MOST_VALUES) -> None:
        self._most = most
        self._seen: dict[str, set[str]] = {}

    def key(self, labels: Mapping[str, str]) -> Key:
        """Return the labels, sorted by name, with ``other`` for each value beyond the bound."""
        return tuple(sorted((name, self._value(name, value)) for name, value in labels.items()))

    def _value(self, name: str, value: str) -> str:
        value = value if len(value) <= LONGEST else value[: LONGEST - 1] + "…"
        seen = self._seen.setdefault(name, set())
        if value not in seen:
            if len(seen) >= self._most:
                return OTHER
            seen.add(value)
        return value
