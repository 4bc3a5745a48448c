"""Whether runs may be compared: the same planned load, and the same machine and loadws."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from loadws.metrics.summary import Run, Summary

_OLD = "it is of a version that did not say"


def different_plans(baseline: Iterable[Run], candidate: Iterable[Run]) -> str | None:
    """Return in a sentence why these runs measured different loads; None where they did not, or where it is not known."""
    before, after = _known(run.plan_hash for run in baseline), _known(run.plan_hash for run in candidate)
    for side, plans in (("the baseline", before), ("the candidate", after)):
        if len(plans) > 1:
            return f"the runs of {side} planned different loads ({', '.join(sorted(plans))})"
    if before and after and before != after:
        return f"the baseline planned another load ({before.pop()}) than the candidate ({after.pop()})"
    return None


def hindrances(baseline: Sequence[Run], candidate: Sequence[Run]) -> Iterator[str]:
    """Yield in sentences what may have changed besides the product. The comparison is then shown and does not fail the
    build.
    """
    yield from _differs("machine", [run.machine_name for run in baseline], [run.machine_name for run in candidate])
    versions = [run.loadws_version for run in baseline], [run.loadws_version for run in candidate]
    yield from _differs("version of loadws", *versions)


def counts_errors_differently(baseline: Iterable[Summary], candidate: Iterable[Summary]) -> bool:
    """Return whether ``error_rate`` is a different value on the two sides: each schema version counts other tries."""
    return len({summary.schema_version for summary in (*baseline, *candidate)}) > 1


def _differs(what: str, baseline: Sequence[str], candidate: Sequence[str]) -> Iterator[str]:
    before, after = set(baseline), set(candidate)
    if before == after and len(before) == 1 and "" not in before:
        return
    names = f"baseline {_shown(before)}; candidate {_shown(after)}"
    yield f"Both sides must have one {what}, and do not: {names}."


def _shown(names: set[str]) -> str:
    return " and ".join(sorted(name or f"unknown, as {_OLD}" for name in names)) or "none"


def _known(names: Iterable[str]) -> set[str]:
    return {name for name in names if name}
