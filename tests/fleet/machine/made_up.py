"""Figures of a plan that was never made: for tests of what a machine can hold."""

from __future__ import annotations

from loadws.plan.figures import PlanFigures, need_figures
from loadws.plan.needs import Needs

NOTHING = Needs(memory_of_a_user=0)


def figures_of_users(held: int, most: int | None = None, needs: Needs = NOTHING) -> PlanFigures:
    """Return the figures of a plan of ``held`` users, with up to ``most`` users at once; without ``most``, the held ones."""
    most = held if most is None else most
    return PlanFigures(
        model="closed",
        seed=1,
        duration_s=10.0,
        graceful_stop_s=10.0,
        phases=(),
        held_most=held,
        most_users=most,
        expected_arrivals=most - held,
        needs=need_figures(needs, most),
        curve=(),
    )
