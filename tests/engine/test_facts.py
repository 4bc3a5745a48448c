"""What a run is told stands in one record: a copy of it elsewhere could say something else."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from loadws.engine.load import Load
from loadws.engine.runtime.facts import RunFacts
from loadws.engine.runtime.shared import Shared
from loadws.engine.setup_teardown import Once
from loadws.engine.steps.parts.context import StepContext

TOLD = {field.name for field in fields(RunFacts)}


@pytest.mark.parametrize("record", [Load, Once, Shared, StepContext])
def test_no_record_on_the_way_has_a_copy_of_a_fact(record: Any) -> None:
    assert TOLD.isdisjoint(field.name for field in fields(record))
