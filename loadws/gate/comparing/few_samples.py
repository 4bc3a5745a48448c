"""Percentiles of too few samples: they are unknown, which is not the product's fault and decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from loadws.gate.comparing.compare import Comparison
from loadws.gate.comparing.measured import too_few_samples
from loadws.gate.comparing.verdict import Finding
from loadws.metrics.summary import Summary
from loadws.terms.errors import ExitCode


def about_samples(comparisons: Iterable[Comparison], runs: Sequence[Summary], unit: str) -> Iterator[Finding]:
    """Yield, for each rule on a percentile, how many samples a run lacked, where that kept runs from being compared."""
    for comparison in comparisons:
        if comparison.found.unknown and (short := _short(comparison, runs)):
            samples, needed = min(short)
            yield (
                ExitCode.PASSED,
                f"{comparison.rule.selection} needs {needed:,} samples in each {unit}, and one had {samples:,}: make "
                f"each {unit} longer, or compare a lower percentile.",
            )


def without_too_few(comparisons: Sequence[Comparison], runs: Sequence[Summary]) -> tuple[Comparison, ...]:
    """Return the comparisons. Those without any value are inconclusive where every run has samples, but too few."""
    return tuple(
        replace(each, outcome="inconclusive") if each.outcome == "no_data" and _all_have_some(each, runs) else each
        for each in comparisons
    )


def _all_have_some(comparison: Comparison, runs: Sequence[Summary]) -> bool:
    short = _short(comparison, runs)
    return bool(short) and all(samples > 0 for samples, _ in short)


def _short(comparison: Comparison, runs: Sequence[Summary]) -> list[tuple[int, int]]:
    return [few for run in runs if (few := too_few_samples(run.metrics, comparison.rule)) is not None]
