"""What a number of pairs or runs can decide at all, known before any of them is made.

An interval has ends only from some number on, and a rule is broken only at a p value of at most alpha / k, for k rules
(Holm's first step). Rules on shares are judged by counts, so that fewer may suffice for these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from loadws.gate.statistics import bootstrap, paired, unpaired
from loadws.gate.statistics.outcome import ALPHA
from loadws.terms.comparisons import ComparisonRule

#: The most runs of one command.
MOST_RUNS = 100


def least_to_decide(rules: int, alpha: float = ALPHA) -> int:
    """Return the fewest runs on each side that can find one of so many rules broken, and all of them kept."""
    return unpaired.least_runs(alpha / max(1, rules))


def saved_lacking(runs: int, rules: int, alpha: float = ALPHA) -> str:
    """Return in a sentence what a saved baseline of so many runs cannot decide against as many; empty where it can."""
    least = least_to_decide(rules, alpha)
    if runs >= least:
        return ""
    made = f"a baseline of {runs} run{'' if runs == 1 else 's'}, against as many,"
    can = "cannot decide" if runs < least_to_decide(1, alpha) else "can only find no change"
    broken = "the rule broken" if rules == 1 else f"one of {rules} rules broken"
    return f"{made} {can}: to find {broken} takes {least} on each side (--repeat {least})"


def pairs_lacking(pairs: int, rules: Sequence[ComparisonRule], alpha: float = ALPHA) -> str:
    """Return in a sentence what so many pairs cannot decide; empty where they can decide every rule."""
    if all(rule.judges_share for rule in rules):
        return ""
    to_fail = paired.least_pairs(alpha / len(rules))
    failing = f"to find {_broken(rules)} takes {to_fail} (--slices {to_fail})"
    if pairs < (to_pass := paired.least_pairs(alpha)):
        return f"{pairs} slices a side cannot decide: to find both sides equal takes {to_pass}, and {failing}"
    return f"{pairs} slices a side can only find both sides equal: {failing}" if pairs < to_fail else ""


def runs_lacking(
    baseline: int, candidate: int, rules: Sequence[ComparisonRule], by_windows: bool, alpha: float = ALPHA
) -> str:
    """Return in a sentence what so many unpaired runs cannot decide; empty where they can decide every rule.

    ``by_windows``: one run on each side can be compared by its seconds, because those of the baseline are there.
    """
    if all(rule.judges_share for rule in rules):
        return ""
    if by_windows and baseline == candidate == 1:
        least = bootstrap.least_windows(alpha)
        return (
            "one run on each side is compared by its seconds, which does not see the noise between runs and takes "
            f"{least} judged seconds; --repeat makes more runs"
        )

    def enough(level: float) -> Callable[[int], bool]:
        return lambda runs: unpaired.least_p(baseline, runs) <= level

    equal, broken = enough(alpha), enough(alpha / len(rules))
    if broken(candidate):
        return ""
    needs = f"to find {_broken(rules)} {_takes(broken, candidate, least_to_decide(len(rules), alpha))}"
    of = f"{candidate} run{'' if candidate == 1 else 's'} against {baseline} of the baseline"
    if equal(candidate):
        return f"{of} can only find no change: {needs}"
    return f"{of} cannot decide: to find no change {_takes(equal, candidate, least_to_decide(1, alpha))}, and {needs}"


def _takes(is_enough: Callable[[int], bool], candidate: int, least: int) -> str:
    """Return how many runs the candidate needs; where no number is enough, how many both sides need (``least``)."""
    runs = next((runs for runs in range(candidate, MOST_RUNS + 1) if is_enough(runs)), None)
    return f"takes {least} on each side, the baseline too" if runs is None else f"takes {runs} (--repeat {runs})"


def _broken(rules: Sequence[ComparisonRule]) -> str:
    return "the rule broken" if len(rules) == 1 else f"one of {len(rules)} rules broken"
