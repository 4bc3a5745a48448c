"""All faults of conditions or captures, of which compiling tells the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from pydantic import JsonValue

from loadws.scenario.matching.extract import MatchError, Path

#: The largest number of faults of one condition or capture that are reported.
MOST = 40


def faults_of(
    mapping: Mapping[str, JsonValue], compile_it: Callable[[Mapping[str, JsonValue]], object]
) -> Iterator[MatchError]:
    """Yield each fault of a mapping whose keys say nothing of one another."""
    for part in [{key: value} for key, value in mapping.items()] or [{}]:
        yield from _faults(part, compile_it)


def _faults(
    condition: dict[str, JsonValue], compile_it: Callable[[Mapping[str, JsonValue]], object]
) -> Iterator[MatchError]:
    """Yield each fault: the wrong part is cut out and the rest is compiled again.

    A fault that is only what an earlier cut left behind is not told, and cut out too.
    """
    gone: list[Path] = []
    rest: JsonValue = condition
    while isinstance(rest, dict) and len(gone) < MOST:
        try:
            compile_it(rest)
        except MatchError as error:
            if not any(cut[: len(error.path)] == error.path for cut in gone):
                yield error
            gone.append(error.path)
            rest = _without(rest, error.path)
        else:
            return


def _without(value: JsonValue, path: Path) -> JsonValue:
    """Return the value without its part at ``path``; None where nothing is left.

    An item of a list becomes null, so that the others keep their places; where it is null already, the list goes.
    """
    if not path or not isinstance(value, dict | list):
        return None
    part, *inner = path
    if isinstance(value, list):
        if not isinstance(part, int) or part >= len(value) or value[part] is None:
            return None
        return [*value[:part], _without(value[part], tuple(inner)), *value[part + 1 :]]
    if part not in value:
        return None
    left = _without(value[str(part)], tuple(inner))
    others = {key: item for key, item in value.items() if key != part}
    return (others | ({} if left is None else {str(part): left})) or None
