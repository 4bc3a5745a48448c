"""The record of a scenario's runs over time: the JSON of ``loadws history --json``, and the data of its table and page."""

from __future__ import annotations

from typing import Any

import msgspec

HISTORY_VERSION = 1


class HistoryRun(msgspec.Struct, frozen=True):
    """One run. Runs are ordered, the oldest first. ``canary_ns`` is the median round trip of loadws' own echo target
    just before it.
    """

    name: str
    started_at: str
    outcome: str
    machine_name: str
    loadws_version: str
    canary_ns: float | None = None


class Change(msgspec.Struct, frozen=True):
    """A new level from the run at index ``at`` on. ``before`` and ``after`` are the median values on either side.

    ``machine_too`` is whether the canary changed at about the same run: then the machine changed, and not the product. It
    is None where there are too few canaries to say.
    """

    at: int
    before: float
    after: float
    p: float
    sentence: str
    machine_too: bool | None = None


class Track(msgspec.Struct, frozen=True):
    """One value over the runs, with its changes; None for a run that does not have it."""

    selection: str
    unit: str
    values: tuple[float | None, ...]
    changes: tuple[Change, ...] = ()


class History(msgspec.Struct, frozen=True):
    """All runs of one scenario."""

    schema_version: int
    scenario: str
    runs: tuple[HistoryRun, ...]
    tracks: tuple[Track, ...]


def to_json(histories: tuple[History, ...]) -> bytes:
    """Return the records as JSON text, with a line end."""
    return msgspec.json.format(msgspec.json.encode(histories), indent=1) + b"\n"


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the file."""
    return msgspec.json.schema(tuple[History, ...])
