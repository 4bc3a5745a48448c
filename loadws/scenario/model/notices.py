"""Notices about a scenario that readers of a run's results need: one sentence each, shown in every output."""

from __future__ import annotations

from loadws.scenario.model.model import Scenario
from loadws.scenario.model.step_names import walk_steps
from loadws.scenario.model.steps import ConnectStep
from loadws.scenario.model.tls import UNVERIFIED


def notices(scenario: Scenario) -> tuple[str, ...]:
    return (UNVERIFIED,) if _is_unverified(scenario) else ()


def _is_unverified(scenario: Scenario) -> bool:
    """Return whether some connect accepts any certificate."""
    general = scenario.connection.tls
    connects = (step.connect for _, step in walk_steps(scenario) if isinstance(step, ConnectStep))
    return not general.verify or any(not general.overridden(connect.tls).verify for connect in connects)
