"""The changes that ``--a`` and ``--b`` make to a run: ``target=ws://…``, ``users=50``, a variable of the scenario."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from loadws.cli.options import RunOptions, parse_number, parse_scale
from loadws.scenario.overrides import Overrides
from loadws.terms.errors import LoadwsError, UsageError
from loadws.terms.transports import NAMES
from loadws.terms.units import parse_duration, parse_rate

#: The options of a run that a side may change: the field of ``Overrides``, and how its text is read.
_FIELDS: dict[str, tuple[str, Callable[[str], object]]] = {
    "target": ("target", str),
    "users": ("users", parse_number),
    "rate": ("rate", parse_rate),
    "scale": ("scale", parse_scale),
    "time-scale": ("time_scale", parse_scale),
    "duration": ("duration_ns", parse_duration),
}


def side_options(common: RunOptions, name: str, changes: Sequence[str]) -> RunOptions:
    """Return a side's options: those of both sides, with its own changes.

    A name that is not an option of the run is a variable of the scenario.

    Raises:
        UsageError: A change is not ``NAME=VALUE``, or its value is not valid.
    """
    options = common
    said_as: dict[str, str] = {}
    for change in changes:
        key, equals, value = change.partition("=")
        key = key.strip().removeprefix("--").removeprefix("set ").strip()
        if not equals or not key:
            raise UsageError(f"--{name} {change!r} changes nothing", f"write --{name} 'target=ws://…', or NAME=VALUE")
        options = _changed(options, f"--{name} {key}", key, value.strip())
        said_as[f"--{key}" if key in _FIELDS else f"--set {key}"] = f"--{name} {key}"
    words = (*_FIELDS, "transport", "scenario")
    return replace(options, overrides=replace(options.overrides, said_as=said_as, beside_variables=words))


def _changed(options: RunOptions, option: str, key: str, value: str) -> RunOptions:
    if key == "scenario":
        return replace(options, scenario=Path(value))
    if key == "transport":
        if value not in NAMES:
            raise UsageError(f"{option}: there is no transport {value!r}", f"it is one of {', '.join(NAMES)}")
        return replace(options, transport=value)
    overrides = options.overrides
    if key in _FIELDS:
        return replace(options, overrides=_with_field(overrides, option, key, value))
    return replace(options, overrides=replace(overrides, variables={**overrides.variables, key: value}))


def _with_field(overrides: Overrides, option: str, key: str, value: str) -> Overrides:
    field, parse = _FIELDS[key]
    try:
        return replace(overrides, **{field: parse(value)})  # type: ignore[arg-type]
    except LoadwsError as error:
        raise UsageError(f"{option}: {error}", error.advice) from error
